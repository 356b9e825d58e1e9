/**
 * When what came from the future is due. It is asked for then, since in quiet nobody else may be about to tell of it.
 */
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';

/** Platforms' timers end at 25 days, and clocks are set meanwhile. */
const LOOK_MS_MAX = 3_600_000;

export class DueTimes {
  readonly #clock: Clock;
  readonly #next: () => number | undefined;
  readonly #onDue: () => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  /** `next`: the first time that is still to come, in ms since 1970. */
  constructor(clock: Clock, next: () => number | undefined, onDue: () => void) {
    this.#clock = clock;
    this.#next = next;
    this.#onDue = onDue;
  }

  /** Something is held until then. */
  note(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.stop();
    this.#dueMs = dueMs;
    // However many times are made up, they cause no more syncs than quiet peers do.
    const waitMs = Math.min(Math.max(dueMs - this.#clock.nowMs(), limits.heldLookMs), LOOK_MS_MAX);
    this.#cancel = this.#clock.setTimer(waitMs, () => this.#look());
  }

  #look(): void {
    const isDue = this.#dueMs <= this.#clock.nowMs();
    this.stop();
    if (isDue) this.#onDue();
    const next = this.#next();
    if (next !== undefined) this.note(next);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}
