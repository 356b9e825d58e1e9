/** Who is connected and how: turns libp2p's connections into the port's events. */
import type { Connection, Libp2p } from '@libp2p/interface';
import type { Emitter } from '../base/emitter.ts';
import type { Clock, ConnectedPeer, NetworkEvents } from '../base/ports.ts';
import { bestConnection, connectionToPeer, parsePeerId } from './address.ts';

export class PeerTable {
  readonly #libp2p: Libp2p;
  readonly #clock: Clock;
  readonly #emitter: Emitter<NetworkEvents>;
  readonly #peers = new Map<string, ConnectedPeer>();

  constructor(libp2p: Libp2p, clock: Clock, emitter: Emitter<NetworkEvents>) {
    this.#libp2p = libp2p;
    this.#clock = clock;
    this.#emitter = emitter;
  }

  all(): readonly ConnectedPeer[] {
    return [...this.#peers.values()];
  }

  /** Ids of the peers with a direct connection. */
  direct(): readonly string[] {
    return this.all().flatMap((peer) => (peer.relayed ? [] : [peer.id]));
  }

  isDirect(peerId: string): boolean {
    return this.#peers.get(peerId)?.relayed === false;
  }

  /** The connection to use. */
  best(peerId: string): Connection | undefined {
    return bestConnection(this.#libp2p.getConnections(parsePeerId(peerId)));
  }

  /** Compares what is with what was told, and tells the difference. */
  refresh(peerId: string): void {
    const before = this.#peers.get(peerId);
    const connection = this.best(peerId);
    if (connection === undefined) {
      if (before === undefined) return;
      this.#peers.delete(peerId);
      this.#emitter.emit('disconnect', peerId);
      return;
    }
    const peer = connectionToPeer(connection, before?.connectedAtMs ?? this.#clock.nowMs());
    if (before?.address === peer.address && before.relayed === peer.relayed) return;
    this.#peers.set(peerId, peer);
    this.#emitter.emit(before === undefined ? 'connect' : 'change', peer);
  }

  clear(): void {
    for (const peerId of [...this.#peers.keys()]) {
      this.#peers.delete(peerId);
      this.#emitter.emit('disconnect', peerId);
    }
  }
}
