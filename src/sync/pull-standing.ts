/** How the peers of a pull are doing: how quick they are, and who is passed over for a while. */
import { limits } from '../base/limits.ts';
import type { Work } from './pull-piece.ts';

/** A peer that is slower than one without work by more than this loses its piece to it. */
const SLOWER_MAX = 4;
/** Peers remembered. More are not connected. */
const PEERS_MAX = 1024;

export class Standing {
  readonly #patienceMs: number;
  /** Assertions per ms, by peer id. */
  readonly #rates = new Map<string, number>();
  readonly #barredUntilMs = new Map<string, number>();
  #assertions = 0;
  #bytes = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** What came of it tells how quick its peer is. */
  note({ worker, received, sinceMs }: Work, nowMs: number): void {
    if (received === 0) return;
    const rate = received / Math.max(1, nowMs - sinceMs);
    const known = this.#rates.get(worker.peerId) ?? rate;
    remember(this.#rates, worker.peerId, (known + rate) / 2);
  }

  bar(peerId: string, nowMs: number): void {
    remember(this.#barredUntilMs, peerId, nowMs + limits.pullBarMs);
  }

  isBarred(peerId: string, nowMs: number): boolean {
    const untilMs = this.#barredUntilMs.get(peerId) ?? 0;
    // A time further off is one before the clock was set back.
    return nowMs < untilMs && untilMs <= nowMs + limits.pullBarMs;
  }

  /** Whether another peer, which has nothing to do, had better take over. */
  isSlow(work: Work, by: string, nowMs: number): boolean {
    if (nowMs - work.movedMs >= this.#patienceMs) return true;
    const ageMs = nowMs - work.sinceMs;
    const rate = this.#rates.get(by);
    if (ageMs < this.#patienceMs || rate === undefined) return false;
    return work.received / ageMs < rate / SLOWER_MAX;
  }

  weigh(assertions: number, bytes: number): void {
    this.#assertions += assertions;
    this.#bytes += bytes;
  }

  /** What an assertion of this space weighs on average; 0 as long as none came. */
  get #average(): number {
    return this.#assertions === 0 ? 0 : this.#bytes / this.#assertions;
  }

  /** Assertions that may wait for the oldest that is missing. */
  get aheadMax(): number {
    const byBytes = Math.floor(limits.pullAheadBytesMax / Math.max(1, this.#average));
    return Math.min(limits.pullAheadAssertionsMax, byBytes);
  }

  /** Whether so many assertions are worth being split between peers. */
  isWorthSplitting(assertions: number): boolean {
    return (
      assertions >= limits.pullSplitAssertionsMin || assertions * this.#average >= limits.pullSplitBytesMin
    );
  }
}

function remember(map: Map<string, number>, key: string, value: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > PEERS_MAX) map.delete(map.keys().next().value as string);
}
