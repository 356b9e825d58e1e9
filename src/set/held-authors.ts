/** What comes from the future, and its authors: when it is worth asking for again. Bounded. */
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';

export class HeldAuthors {
  /** By author in hex. */
  readonly #dueMs = recentlyUsed<string, number>(limits.heldAuthorsMax);
  /** By the id, in hex, of the last assertion of a run: what else its author wrote is another matter. */
  readonly #dueMsByTip = recentlyUsed<string, number>(limits.heldAuthorsMax);
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

  /** Whether a run that ends with this assertion came and is not due yet. */
  hasTip(id: Uint8Array): boolean {
    return (this.#dueMsByTip.get(bytesToHex(id)) ?? 0) > this.#clock.nowMs();
  }

  /** When the first of those that are not due yet will be. */
  nextDueMs(): number | undefined {
    const nowMs = this.#clock.nowMs();
    let next: number | undefined;
    this.#dueMsByTip.forEach((dueMs) => {
      if (dueMs > nowMs && dueMs < (next ?? Number.POSITIVE_INFINITY)) next = dueMs;
    });
    return next;
  }

  /** Of several due times the earliest counts, but not one that has passed. */
  add(author: Uint8Array, id: Uint8Array, dueMs: number): void {
    this.#dueMsByTip.set(bytesToHex(id), dueMs);
    const key = bytesToHex(author);
    const knownMs = this.#dueMs.get(key);
    const isEarlier = knownMs !== undefined && knownMs < dueMs && knownMs > this.#clock.nowMs();
    if (!isEarlier) this.#dueMs.set(key, dueMs);
  }
}
