/** The Clock port in virtual time: nothing happens until somebody advances it. */
import type { Clock } from '../base/ports.ts';

interface Timer {
  atMs: number;
  readonly action: () => void;
}

export class VirtualClock implements Clock {
  /** Due first, and among equals set first; kept sorted. */
  readonly #timers: Timer[] = [];
  #nowMs: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  setTimer(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), action };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle] as Timer).atMs <= timer.atMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return () => {
      const at = this.#timers.indexOf(timer);
      if (at >= 0) this.#timers.splice(at, 1);
    };
  }

  /**
   * Runs every timer that falls due within `ms`, in order, each at its own time, timers set
   * meanwhile included. Between timers, promises that are ready get their turn.
   */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Sets the wall clock without running timers, as a person or NTP does. Timers keep their delays. */
  jump(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) timer.atMs += ms;
  }
}

/**
 * Lets promise chains run on: a macrotask comes after all microtasks, however long the chain. Work
 * in other threads (native crypto, disks) is not waited for.
 */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
