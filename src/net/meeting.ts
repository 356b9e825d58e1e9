/**
 * How connected peers meet: wires introductions (`introductions.ts`, `acquaintances.ts`) to libp2p,
 * and closes the relayed connection once two peers have found a direct one.
 */
import type { Connection, IdentifyResult, Libp2p } from '@libp2p/interface';
import { toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, FrameStream, Log, Metrics, Random } from '../base/ports.ts';
import { Acquaintances } from './acquaintances.ts';
import {
  addressToPeerId,
  isCircuitAddress,
  isDirect,
  isPrivateAddress,
  parseAddress,
  parsePeerId,
} from './address.ts';
import type { Gater } from './gater.ts';
import type { Gossip } from './gossip.ts';
import { INTRODUCTIONS_PROTOCOL, type Introduction, IntroductionsHost } from './introductions.ts';
import type { PeerTable } from './peer-table.ts';

export interface MeetingOptions {
  readonly libp2p: Libp2p;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly gater: Gater;
  readonly gossip: Gossip;
  readonly peers: PeerTable;
  readonly dial: (addresses: readonly string[]) => Promise<unknown>;
  readonly openStream: (peerId: string, protocol: string) => Promise<FrameStream>;
  /** Peers that hold a relay reservation here; absent where this peer introduces nobody. */
  readonly hasReservation: ((peerId: string) => boolean) | undefined;
  /** Whether this peer connects to whom it is introduced to, and by WebRTC, too. */
  readonly meets: boolean;
  readonly webrtc: boolean;
}

export class Meeting {
  readonly #options: MeetingOptions;
  readonly #host: IntroductionsHost;
  readonly #acquaintances: Acquaintances;
  readonly #followed = new Set<string>();
  readonly #cancels = new Set<() => void>();

  constructor(options: MeetingOptions) {
    const { clock, random, gossip, peers, gater } = options;
    this.#options = options;
    this.#host = new IntroductionsHost({
      clock,
      peerIds: () => peers.direct(),
      topics: (peerId) => gossip.topics(peerId),
      hasReservation: options.hasReservation ?? (() => false),
      addresses: (peerId) => this.#addressesOf(peerId),
      onFailure: (peerId, cause) => this.#onFailure(peerId, cause),
    });
    this.#acquaintances = new Acquaintances({
      self: options.libp2p.peerId.toString(),
      clock,
      random,
      isConnected: (peerId) => peers.isDirect(peerId),
      connectionCount: () => peers.direct().length,
      toAddresses: (host, introduction) => this.#toAddresses(host, introduction),
      dial: options.dial,
      onFailure: (peerId, cause) => this.#onFailure(peerId, cause),
    });
    gater.onReservation = () => this.#host.onChange();
  }

  onStream(stream: FrameStream): void {
    this.#host.onStream(stream);
  }

  /** Peers, their topics or their reservations changed. */
  onChange(): void {
    this.#host.onChange();
  }

  onIdentify({ connection, protocols }: IdentifyResult): void {
    if (!this.#options.meets || !isDirect(connection) || !protocols.includes(INTRODUCTIONS_PROTOCOL)) return;
    void this.#follow(connection.remotePeer.toString());
  }

  onDisconnect(peerId: string): void {
    this.#acquaintances.onDisconnect(peerId);
  }

  /** Of a pair that is connected directly now, the dialler ends the relayed connection that signalled. */
  onConnection(connection: Connection): void {
    if (connection.direction !== 'outbound' || connection.status !== 'open' || !isDirect(connection)) return;
    // The other side may still be closing its end of the signalling.
    this.#later(2000, () => {
      if (connection.status !== 'open') return;
      for (const other of this.#options.libp2p.getConnections(connection.remotePeer)) {
        if (!isDirect(other)) other.close().catch((cause: Error) => other.abort(cause));
      }
    });
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#host.stop();
    this.#acquaintances.stop();
  }

  async #follow(host: string): Promise<void> {
    if (this.#followed.has(host)) return;
    this.#followed.add(host);
    try {
      await this.#acquaintances.follow(await this.#options.openStream(host, INTRODUCTIONS_PROTOCOL));
    } catch {
      // The host is gone, or at its limit.
    } finally {
      this.#followed.delete(host);
    }
    this.#later(limits.redialMsMin * 2, () => {
      if (this.#options.peers.isDirect(host)) void this.#follow(host);
    });
  }

  #onFailure(peerId: string, cause: unknown): void {
    const { code, message } = toAverError(cause);
    this.#options.metrics.add('introductions_failed', 1, { code });
    this.#options.log.write('debug', 'A stream of introductions failed', { peerId, code, message });
  }

  #later(delayMs: number, action: () => void): void {
    const cancel = this.#options.clock.setTimer(delayMs, () => {
      this.#cancels.delete(cancel);
      action();
    });
    this.#cancels.add(cancel);
  }

  async #addressesOf(peerId: string): Promise<readonly string[]> {
    try {
      const { addresses } = await this.#options.libp2p.peerStore.get(parsePeerId(peerId));
      return addresses
        .map(({ multiaddr }) => multiaddr)
        .filter((address) => !isCircuitAddress(address))
        .map((address) =>
          addressToPeerId(address) === undefined ? `${address}/p2p/${peerId}` : `${address}`,
        )
        .sort();
    } catch {
      return [];
    }
  }

  #toAddresses(host: string, { peerId, viaHost, addresses }: Introduction): readonly string[] {
    const connection = this.#options.peers.best(host);
    if (connection === undefined) return [];
    const { gater, webrtc } = this.#options;
    // A host on the internet must not make us knock at doors in our own network.
    const isHostNear = isPrivateAddress(connection.remoteAddr);
    const direct = addresses.filter((text) => {
      try {
        const address = parseAddress(text);
        if (addressToPeerId(address) !== peerId || isCircuitAddress(address)) return false;
        return gater.mayDial(address) && (isHostNear || !isPrivateAddress(address));
      } catch {
        return false;
      }
    });
    const mayDialBack = viaHost && webrtc && connection.direction === 'outbound';
    return mayDialBack ? [`${connection.remoteAddr}/p2p-circuit/webrtc/p2p/${peerId}`, ...direct] : direct;
  }
}
