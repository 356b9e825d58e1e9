/** The peers of one space: those connected, and those of them that share it. */
import type { Random } from '../base/ports.ts';
import type { PeerSync } from './peer-sync.ts';

export class PeerSet {
  readonly #random: Random;
  readonly #peers = new Map<string, PeerSync>();

  constructor(random: Random) {
    this.#random = random;
  }

  get(peerId: string): PeerSync | undefined {
    return this.#peers.get(peerId);
  }

  set(peerId: string, peer: PeerSync): void {
    this.#peers.set(peerId, peer);
  }

  delete(peerId: string): void {
    this.#peers.delete(peerId);
  }

  clear(): void {
    this.#peers.clear();
  }

  /** Connected peers, whether they share the space or not. */
  all(): PeerSync[] {
    return [...this.#peers.values()];
  }

  /** Those that proved to share the space. */
  shared(): PeerSync[] {
    return this.all().filter((peer) => peer.isShared);
  }

  /** Random ones of `shared`, at most so many. */
  sample(max: number): PeerSync[] {
    const peers = this.shared();
    for (let i = peers.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random.number() * (i + 1));
      [peers[i], peers[j]] = [peers[j] as PeerSync, peers[i] as PeerSync];
    }
    return peers.slice(0, max);
  }
}
