/** Who may connect, and how often: bans with an expiry, and which addresses may be dialled. */
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { LRUCache } from 'lru-cache';
import { Allowance, type AllowanceBounds, allowances } from '../base/allowance.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import { addressToHost, isInsecureWebSocket, isPrivateAddress } from './address.ts';
import { mendReset } from './websocket-reset.ts';

/** Of so many connections of an address that is turned away one is looked at. */
const TURNED_AWAY_EACH = 8;

export class Gater {
  readonly #clock: Clock;
  readonly #denyPrivate: boolean;
  /** Banned until, by peer id; the oldest ban first. */
  readonly #bannedUntilMs = new Map<string, number>();
  /** What each peer may still connect, by its id. */
  readonly #connections = recentlyUsed<string, Allowance>(limits.accountsMax);
  /** What may still be refused after a handshake, by the address it came from. */
  readonly #refusals = recentlyUsed<string, Allowance>(limits.accountsMax);
  /** Connections of addresses that sent too many who had to be refused. */
  #turnedAway = 0;
  /** Connections that were counted: WebRTC ones skip a step, others are asked about twice. */
  readonly #counted = new WeakSet<object>();
  /** Told when a peer asks for a relay reservation, just before it gets one. */
  onReservation: (peerId: string) => void = () => undefined;

  constructor(clock: Clock, options: { readonly denyPrivate: boolean }) {
    this.#clock = clock;
    this.#denyPrivate = options.denyPrivate;
  }

  ban(peerId: string, banMs: number): void {
    this.#bannedUntilMs.delete(peerId);
    this.#bannedUntilMs.set(peerId, this.#clock.nowMs() + banMs);
    for (const oldest of this.#bannedUntilMs.keys()) {
      if (this.#bannedUntilMs.size <= limits.bansMax) break;
      this.#bannedUntilMs.delete(oldest);
    }
  }

  isBanned(peerId: string): boolean {
    const untilMs = this.#bannedUntilMs.get(peerId);
    if (untilMs === undefined) return false;
    if (this.#clock.nowMs() < untilMs) return true;
    this.#bannedUntilMs.delete(peerId);
    return false;
  }

  /** Whether a connection that the peer opened is one too many, or the peer is banned. */
  #refuses(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const id = peerId.toString();
    const isFirstLook = !this.#counted.has(connection);
    this.#counted.add(connection);
    const nowMs = this.#clock.nowMs();
    if (!this.isBanned(id) && (!isFirstLook || this.#connectionsOf(id).take(nowMs))) return false;
    this.#refusalsOf(connection)?.take(nowMs);
    return true;
  }

  /** Whether the address sent so many who had to be refused that no more is looked at. */
  #turnsAway(connection: MultiaddrConnection): boolean {
    if (this.#refusalsOf(connection)?.has(this.#clock.nowMs()) !== false) return false;
    // Some are let through all the same: others may sit behind the address, that of a proxy for one.
    return ++this.#turnedAway % TURNED_AWAY_EACH !== 0;
  }

  #connectionsOf(peerId: string): Allowance {
    return this.#allowance(this.#connections, peerId, allowances.connections);
  }

  /** Nothing for what comes through a relay: it is not the relay's fault. */
  #refusalsOf({ remoteAddr }: MultiaddrConnection): Allowance | undefined {
    const host = addressToHost(remoteAddr);
    return host === undefined
      ? undefined
      : this.#allowance(this.#refusals, host, allowances.refusedHandshakes);
  }

  #allowance(of: LRUCache<string, Allowance>, key: string, bounds: AllowanceBounds): Allowance {
    const known = of.get(key);
    if (known !== undefined) return known;
    const allowance = new Allowance(bounds, this.#clock.nowMs());
    of.set(key, allowance);
    return allowance;
  }

  mayDial(address: Multiaddr): boolean {
    return !this.#denyPrivate || !(isPrivateAddress(address) || isInsecureWebSocket(address));
  }

  toConnectionGater(): ConnectionGater {
    const isBanned = (peerId: PeerId) => this.isBanned(peerId.toString());
    return {
      denyDialPeer: isBanned,
      denyDialMultiaddr: (address) => !this.mayDial(address),
      // Each connection passes here before it is used.
      denyInboundConnection: (connection) => {
        mendReset(connection);
        return this.#turnsAway(connection);
      },
      denyOutboundConnection: (_, connection) => {
        mendReset(connection);
        return false;
      },
      denyInboundEncryptedConnection: (peerId, connection) => this.#refuses(peerId, connection),
      denyOutboundEncryptedConnection: isBanned,
      // WebRTC connections skip the encryption step, so the peer is asked about once more here.
      denyInboundUpgradedConnection: (peerId, connection) => this.#refuses(peerId, connection),
      denyOutboundUpgradedConnection: isBanned,
      denyInboundRelayedConnection: (_relay, remote) => isBanned(remote),
      denyOutboundRelayedConnection: isBanned,
      denyInboundRelayReservation: (peerId) => {
        if (isBanned(peerId)) return true;
        this.onReservation(peerId.toString());
        return false;
      },
    };
  }
}
