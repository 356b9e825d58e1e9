/**
 * The one time of a simulation, and the clocks that peers read it by. Nothing happens between two
 * timers but promises that are ready, so a run depends on its seed alone.
 */
import type { Clock } from '../../base/ports.ts';
import { platform } from './platform-node.ts';

/** What the clocks of all peers show when a simulation begins. */
export const START_MS = 1_700_000_000_000;

interface Timer {
  readonly atMs: number;
  readonly order: number;
  action: (() => void) | undefined;
}

export class SimTime implements Clock {
  /** A binary heap by time, and among equals by when they were set. */
  readonly #heap: Timer[] = [];
  #elapsedMs = 0;
  #set = 0;
  #ran = 0;

  nowMs(): number {
    return START_MS + this.#elapsedMs;
  }

  /** Since the simulation began. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that ran. */
  get ran(): number {
    return this.#ran;
  }

  setTimer(delayMs: number, action: () => void): () => void {
    return this.setTimerAt(this.#elapsedMs + Math.max(0, delayMs), action);
  }

  /** At a time since the simulation began; those of the same time run in the order in which they were set. */
  setTimerAt(atMs: number, action: () => void): () => void {
    const timer: Timer = { atMs, order: this.#set++, action };
    this.#push(timer);
    return () => {
      timer.action = undefined;
    };
  }

  /** Runs what falls due within `ms`, or until `isOver` says so. */
  async advance(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      // It stays for the next time.
      if (isOver()) return;
      this.#pop();
      const { action } = next;
      if (action === undefined) continue;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.atMs);
      this.#ran++;
      action();
      await settle();
    }
    this.#elapsedMs = untilMs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above] as Timer, timer)) break;
      heap[at] = heap[above] as Timer;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Timer, heap[below] as Timer)) below++;
      if (isBefore(last, heap[below] as Timer)) break;
      heap[at] = heap[below] as Timer;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A macrotask comes after all microtasks, however long the chain. */
async function settle(): Promise<void> {
  do await new Promise<void>((resolve) => void setImmediate(resolve));
  while (platform.isBusy);
}

/** A peer's own clock: it may be off and jump, and it stops for good when the peer crashes. */
export class SimClock implements Clock {
  readonly #time: SimTime;
  readonly #offsetMs: () => number;
  #isDead = false;

  /** `offsetMs` is what the peer's clock is ahead; timers count true time, as monotonic clocks do. */
  constructor(time: SimTime, offsetMs: () => number) {
    this.#time = time;
    this.#offsetMs = offsetMs;
  }

  nowMs(): number {
    return this.#time.nowMs() + this.#offsetMs();
  }

  steadyMs(): number {
    return this.#time.elapsedMs;
  }

  setTimer(delayMs: number, action: () => void): () => void {
    return this.#time.setTimer(delayMs, () => {
      if (!this.#isDead) action();
    });
  }

  die(): void {
    this.#isDead = true;
  }
}
