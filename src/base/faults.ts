/** The faults of one peer: a handful within a while is too much. Forgotten one by one as they grow old. */
import { limits } from './limits.ts';

export class Faults {
  /** When they happened, the oldest first: never more than `limits.offencesMax`. */
  readonly #atMs: number[] = [];

  /** Counts one more, or some. Whether it is one too many. */
  add(nowMs: number, count = 1): boolean {
    for (let n = 0; n < count; n++) this.#atMs.push(nowMs);
    const sinceMs = nowMs - limits.offenceTtlMs;
    while (this.#atMs.length > limits.offencesMax || (this.#atMs[0] as number) < sinceMs) this.#atMs.shift();
    return this.#atMs.length >= limits.offencesMax;
  }
}
