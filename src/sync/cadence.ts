/**
 * How often a space looks after itself: at the base rate while something happens, ever more seldom in
 * quiet, and never so seldom that a gap stays unfound for long.
 */
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';

/** The wait after so long a quiet: twice as long with each `limits.quietMs`, up to `mostMs`. */
export function slowed(baseMs: number, mostMs: number, quietForMs: number): number {
  const doublings = Math.min(30, Math.floor(Math.max(0, quietForMs) / limits.quietMs));
  return Math.min(Math.max(baseMs, mostMs), baseMs * 2 ** doublings);
}

export interface Beat {
  readonly baseMs: number;
  /** The longest wait, after long quiet. */
  readonly quietMs: number;
  /** The wait with some chance in it, so that peers that started together do not act together. */
  readonly jitter: (ms: number) => number;
  readonly action: () => void;
}

export class Cadence {
  readonly #clock: Clock;
  readonly #beats = new Set<ArmedBeat>();
  #activeMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#activeMs = clock.nowMs();
  }

  /** Does something again and again; the returned function ends it. */
  every(beat: Beat): () => void {
    const armed = new ArmedBeat(this.#clock, beat, (baseMs, quietMs) =>
      slowed(baseMs, quietMs, this.#clock.nowMs() - this.#activeMs),
    );
    this.#beats.add(armed);
    return () => {
      armed.stop();
      this.#beats.delete(armed);
    };
  }

  /** Something happened: back to the base rate, at once. */
  touch(): void {
    this.#activeMs = this.#clock.nowMs();
    for (const beat of this.#beats) beat.hasten();
  }
}

class ArmedBeat {
  readonly #clock: Clock;
  readonly #beat: Beat;
  readonly #waitMs: (baseMs: number, quietMs: number) => number;
  #armedMs = 0;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, beat: Beat, waitMs: (baseMs: number, quietMs: number) => number) {
    this.#clock = clock;
    this.#beat = beat;
    this.#waitMs = waitMs;
    this.#arm();
  }

  #arm(): void {
    const { baseMs, quietMs, jitter, action } = this.#beat;
    this.#armedMs = this.#waitMs(baseMs, quietMs);
    this.#cancel = this.#clock.setTimer(jitter(this.#armedMs), () => {
      this.#arm();
      action();
    });
  }

  /** A slowed wait begins anew, at the base rate. */
  hasten(): void {
    if (this.#armedMs <= this.#beat.baseMs) return;
    this.stop();
    this.#arm();
  }

  stop(): void {
    this.#cancel();
  }
}
