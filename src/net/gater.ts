/** Who may connect: bans with an expiry, and which addresses may be dialled. */
import type { ConnectionGater, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { isInsecureWebSocket, isPrivateAddress } from './address.ts';
import { mendReset } from './websocket-reset.ts';

export class Gater {
  readonly #clock: Clock;
  readonly #denyPrivate: boolean;
  /** Banned until, by peer id; the oldest ban first. */
  readonly #bannedUntilMs = new Map<string, number>();
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

  mayDial(address: Multiaddr): boolean {
    return !this.#denyPrivate || !(isPrivateAddress(address) || isInsecureWebSocket(address));
  }

  toConnectionGater(): ConnectionGater {
    const isBanned = (peerId: PeerId) => this.isBanned(peerId.toString());
    return {
      denyDialPeer: isBanned,
      denyDialMultiaddr: (address) => !this.mayDial(address),
      // Not to deny any: each connection passes here before it is used.
      denyInboundConnection: (connection) => {
        mendReset(connection);
        return false;
      },
      denyOutboundConnection: (_, connection) => {
        mendReset(connection);
        return false;
      },
      denyInboundEncryptedConnection: isBanned,
      denyOutboundEncryptedConnection: isBanned,
      // WebRTC connections skip the encryption step, so the peer is asked about once more here.
      denyInboundUpgradedConnection: isBanned,
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
