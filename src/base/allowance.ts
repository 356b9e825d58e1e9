/** What somebody may do for now: so much at once, and so much a second. What is not used is saved up to a bound. */

export interface AllowanceBounds {
  /** What a newcomer has. */
  readonly start: number;
  readonly perSecond: number;
  /** What may be saved up. */
  readonly most: number;
}

export class Allowance {
  readonly #bounds: AllowanceBounds;
  #left: number;
  #atMs: number;

  constructor(bounds: AllowanceBounds, nowMs: number) {
    this.#bounds = bounds;
    this.#left = bounds.start;
    this.#atMs = nowMs;
  }

  /** Whether there is one left. */
  has(nowMs: number): boolean {
    const { perSecond, most } = this.#bounds;
    // A clock that was set back gives nothing, and takes nothing.
    const seconds = Math.max(0, nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    this.#left = Math.min(most, this.#left + seconds * perSecond);
    return this.#left >= 1;
  }

  /** Uses one up. False when none is left. */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#left--;
    return true;
  }

  /** One more, for what was worth it. */
  earn(): void {
    this.#left = Math.min(this.#bounds.most, this.#left + 1);
  }
}
