import type { MultiaddrConnection, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { allowances } from '../base/allowance.ts';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Gater } from './gater.ts';

const PEER = '12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa';

describe('the gater', () => {
  it.each([
    ['/dns4/example.org/tcp/443/tls/ws', true],
    ['/dns4/example.org/tcp/443/wss', true],
    ['/ip4/1.2.3.4/udp/9/webrtc-direct', true],
    [`/dns4/example.org/tcp/443/tls/ws/p2p/${PEER}/p2p-circuit/webrtc/p2p/${PEER}`, true],
    ['/dns4/example.org/tcp/80/ws', false],
    ['/ip4/127.0.0.1/udp/9/webrtc-direct', false],
    ['/ip4/192.168.1.2/tcp/443/tls/ws', false],
    ['/ip6/::1/tcp/443/tls/ws', false],
    ['/dns4/localhost/tcp/443/tls/ws', false],
    [`/ip4/10.0.0.1/tcp/1/ws/p2p/${PEER}/p2p-circuit/webrtc/p2p/${PEER}`, false],
  ])('of a page says of %s: %s', (address, expected) => {
    const gater = new Gater(new VirtualClock(), { denyPrivate: true });
    expect(gater.mayDial(multiaddr(address))).toBe(expected);
    expect(new Gater(new VirtualClock(), { denyPrivate: false }).mayDial(multiaddr(address))).toBe(true);
  });

  it('lets a banned peer in again when its time is over', async () => {
    const clock = new VirtualClock();
    const gater = new Gater(clock, { denyPrivate: false });
    gater.ban(PEER, 1000);
    expect(gater.isBanned(PEER)).toBe(true);
    await clock.advance(1000);
    expect(gater.isBanned(PEER)).toBe(false);
  });

  it('refuses a peer that connects on and on, bans nobody for it, and counts a connection once', async () => {
    const clock = new VirtualClock();
    const gater = new Gater(clock, { denyPrivate: false });
    const { denyInboundEncryptedConnection, denyInboundUpgradedConnection } = gater.toConnectionGater();
    const connect = async (name: string) => {
      const [id, connection] = [idOf(name), from('/ip4/1.2.3.4/tcp/5')];
      return (
        (await denyInboundEncryptedConnection?.(id, connection)) ||
        (await denyInboundUpgradedConnection?.(id, connection))
      );
    };
    const { start, perSecond } = allowances.connections;
    for (let n = 0; n < start; n++) expect(await connect('churn')).toBe(false);
    expect(await connect('churn')).toBe(true);
    expect(await connect('other')).toBe(false);
    expect(gater.isBanned('churn')).toBe(false);
    await clock.advance(1000 / perSecond);
    expect(await connect('churn')).toBe(false);
    expect(await connect('churn')).toBe(true);
  });

  it('turns an address away before the handshake when it sends ever more who are refused, and no other', async () => {
    const clock = new VirtualClock();
    const gater = new Gater(clock, { denyPrivate: false });
    const { denyInboundConnection, denyInboundEncryptedConnection } = gater.toConnectionGater();
    gater.ban('bad', limits.banMs);
    const { start, perSecond } = allowances.refusedHandshakes;
    const isTurnedAway = (address: string) => denyInboundConnection?.(from(address));
    const isRefused = (name: string, address: string) =>
      denyInboundEncryptedConnection?.(idOf(name), from(address));
    const relayed = `/ip4/9.9.9.9/tcp/1/ws/p2p/${PEER}/p2p-circuit`;
    for (let n = 0; n < start; n++) {
      expect(await isTurnedAway('/ip4/1.2.3.4/tcp/5')).toBe(false);
      expect(await isRefused(`good ${n}`, '/ip4/1.2.3.4/tcp/6')).toBe(false);
      expect(await isRefused('bad', `/ip4/1.2.3.4/tcp/${n}`)).toBe(true);
      expect(await isRefused('bad', relayed)).toBe(true);
    }
    expect(await isTurnedAway('/ip4/1.2.3.4/tcp/7')).toBe(true);
    expect(await isTurnedAway('/ip4/1.2.3.5/tcp/7')).toBe(false);
    expect(await isTurnedAway(relayed)).toBe(false);
    await clock.advance(1000 / perSecond);
    expect(await isTurnedAway('/ip4/1.2.3.4/tcp/8')).toBe(false);
  });

  it('forgets the oldest ban beyond the limit', () => {
    const gater = new Gater(new VirtualClock(), { denyPrivate: false });
    for (let i = 0; i <= limits.bansMax; i++) gater.ban(`p${i}`, 1000);
    expect(gater.isBanned('p0')).toBe(false);
    expect(gater.isBanned('p1')).toBe(true);
  });
});

const idOf = (name: string) => ({ toString: () => name }) as PeerId;
const from = (address: string) => ({ remoteAddr: multiaddr(address) }) as MultiaddrConnection;
