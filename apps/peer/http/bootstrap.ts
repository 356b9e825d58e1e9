/**
 * `GET /bootstrap.json`: what the web app needs to join: addresses of this peer that a browser can
 * dial, and an invite to its default space.
 */
import { isIP } from 'node:net';
import { limits } from '../../../src/base/limits.ts';
import type { Hex, Peer } from '../../../src/peer/api.ts';
import { hostName } from './guard.ts';

export interface Bootstrap {
  readonly addresses: readonly string[];
  /** Invite text to the default space; absent when that is secret or not here. */
  readonly space?: string;
  readonly name?: string;
}

export async function bootstrapFor(peer: Peer, spaceId: Hex, host: string): Promise<Bootstrap> {
  const addresses = browserAddresses((await peer.info()).addresses, hostName(host));
  const space = (await peer.spaces()).find(({ id }) => id === spaceId);
  if (space === undefined) return { addresses };
  const { read, write } = await space.status();
  // This page needs no token, so it gives away what everybody may have: never a secret, nor an admission.
  if (read !== 'open') return { addresses };
  const invite = await space.invite({ addresses, ...(write === 'open' ? {} : { readOnly: true }) });
  return { addresses, space: invite.text, name: space.name };
}

/** WebSocket and WebRTC-direct addresses, those under the host that the page came from first. */
export function browserAddresses(addresses: readonly string[], host: string): readonly string[] {
  const dialable = addresses.filter(
    (address) => /\/(ws|wss|webrtc-direct)(\/|$)/.test(address) && !address.includes('/p2p-circuit'),
  );
  const local = host === 'localhost' || host.endsWith('.localhost') || isLoopback(host);
  const near = dialable.filter((address) => {
    const at = addressHost(address);
    return at === host || (local && isLoopback(at));
  });
  // A page that came over another name (a forwarded port, a LAN name) finds the peer there too.
  const moved = near.length > 0 || local ? [] : dialable.flatMap((address) => moveTo(address, host));
  return [...new Set([...near, ...moved, ...dialable])].slice(0, limits.inviteAddressesMax);
}

function addressHost(address: string): string {
  return address.split('/')[2] ?? '';
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}

function moveTo(address: string, host: string): readonly string[] {
  const family = isIP(host);
  // WebRTC-direct carries an IP address only.
  if (family === 0 && address.includes('/webrtc-direct')) return [];
  const [, , , ...rest] = address.split('/');
  return [`/${family === 0 ? 'dns' : `ip${family}`}/${host}/${rest.join('/')}`];
}
