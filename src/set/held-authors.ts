/** Authors whose assertions come from the future: when it is worth asking for them again. Bounded. */
import { LRUCache } from 'lru-cache';
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';

export class HeldAuthors {
  /** By author in hex. */
  readonly #dueMs = new LRUCache<string, number>({ max: limits.heldAuthorsMax });
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    const nowMs = this.#clock.nowMs();
    let size = 0;
    this.#dueMs.forEach((dueMs) => {
      if (dueMs > nowMs) size++;
    });
    return size;
  }

  has(author: Uint8Array): boolean {
    return (this.#dueMs.get(bytesToHex(author)) ?? 0) > this.#clock.nowMs();
  }

  /** Of several due times the earliest counts, but not one that has passed. */
  add(author: Uint8Array, dueMs: number): void {
    const key = bytesToHex(author);
    const knownMs = this.#dueMs.get(key);
    const isEarlier = knownMs !== undefined && knownMs < dueMs && knownMs > this.#clock.nowMs();
    if (!isEarlier) this.#dueMs.set(key, dueMs);
  }
}
