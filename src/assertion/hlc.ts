/**
 * The hybrid logical clock (Kulkarni et al. 2014): physical nanoseconds and a counter, so that
 * "later" is a total order that extends cause and effect and stays near the wall clock.
 */
import { compareBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { blake3 } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import type { Hlc } from './model.ts';

const NS_PER_MS = 1_000_000n;
const COUNTER_MAX = 0xffffffff;
const ZERO: Hlc = { time: 0n, counter: 0 };

/** A reading on its way to bytes: a view of its own for each would cost more than all the rest. */
const reading = new Uint8Array(12);
const readingView = new DataView(reading.buffer);

export function msToNs(ms: number): bigint {
  return BigInt(Math.round(ms)) * NS_PER_MS;
}

export function nsToMs(ns: bigint): number {
  return Number(ns / NS_PER_MS);
}

export function compareHlc(a: Hlc, b: Hlc): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.counter - b.counter;
}

/** `<ns since 1970>.<counter>`, for people and JSON. */
export function hlcToText(hlc: Hlc): string {
  return `${hlc.time}.${hlc.counter}`;
}

/** 12 bytes whose order is the order of time; with a node id (16 bytes) appended, the 28 of a total order. */
export function hlcBytes(hlc: Hlc): Uint8Array {
  readingView.setBigUint64(0, hlc.time);
  readingView.setUint32(8, hlc.counter);
  return reading.slice();
}

/** The node id in HLC order: the first 16 bytes of BLAKE3 of the author key. */
export function hlcNodeId(author: Uint8Array): Uint8Array {
  return blake3(author).slice(0, 16);
}

/** The total order of readings: time, counter, and the node id of who read the clock. */
export function compareReadings(
  a: { readonly hlc: Hlc; readonly author: Uint8Array },
  b: { readonly hlc: Hlc; readonly author: Uint8Array },
): number {
  return compareHlc(a.hlc, b.hlc) || compareBytes(hlcNodeId(a.author), hlcNodeId(b.author));
}

/** Remote time minus local time in ms when it is more than `limits.clockSkewWarnMs`, else 0. */
export function detectClockSkew(localMs: number, remoteMs: number): number {
  const skew = remoteMs - localMs;
  return Math.abs(skew) > limits.clockSkewWarnMs ? skew : 0;
}

export class HlcClock {
  readonly #clock: Clock;
  #last: Hlc = ZERO;

  constructor(clock: Clock, last: Hlc = ZERO) {
    this.#clock = clock;
    this.#last = last;
  }

  get last(): Hlc {
    return this.#last;
  }

  /** A reading for an own event: later than every reading before and than `after`. */
  next(after: Hlc = ZERO): Hlc {
    const floor = compareHlc(after, this.#last) > 0 ? after : this.#last;
    const now = msToNs(this.#clock.nowMs());
    if (now > floor.time) this.#last = { time: now, counter: 0 };
    else if (floor.counter < COUNTER_MAX) this.#last = { time: floor.time, counter: floor.counter + 1 };
    else this.#last = { time: floor.time + 1n, counter: 0 };
    return this.#last;
  }

  /**
   * Takes a remote reading into account. One that is further ahead of the wall clock than
   * `limits.hlcMergeAheadMsMax` is not merged, so that nobody can drag this clock into the future.
   * Returns whether it was merged.
   */
  merge(remote: Hlc): boolean {
    if (this.aheadMs(remote) > limits.hlcMergeAheadMsMax) return false;
    if (compareHlc(remote, this.#last) > 0) this.#last = remote;
    return true;
  }

  /** The first time, in nanoseconds since 1970, that is too far ahead to be merged now. */
  get mergeEndNs(): bigint {
    return msToNs(Math.floor(this.#clock.nowMs() + limits.hlcMergeAheadMsMax) + 1);
  }

  /** Goes on after an own reading from before a restart, however far ahead of the wall clock it is. */
  resume(own: Hlc): void {
    if (compareHlc(own, this.#last) > 0) this.#last = own;
  }

  /** How far a reading is ahead of the wall clock, in ms; negative when it is behind. */
  aheadMs(reading: Hlc): number {
    return nsToMs(reading.time) - this.#clock.nowMs();
  }

  /**
   * Throws `CLOCK_AHEAD` when a write now would carry a time that peers may hold back. What was merged
   * is allowed for: otherwise an author who writes a minute ahead could keep everybody else from writing.
   */
  assertWritable(peersMedianMs: number | undefined): void {
    if (peersMedianMs === undefined) return;
    const wallLeadMs = this.#clock.nowMs() - peersMedianMs;
    const leadMs = nsToMs(this.#last.time) - peersMedianMs;
    const isWallRight = wallLeadMs <= limits.hlcWriteAheadMsMax;
    if (isWallRight && leadMs <= limits.hlcWriteAheadMsMax + limits.hlcMergeAheadMsMax) return;
    const mostMs = Math.round(Math.max(wallLeadMs, leadMs));
    // Later facts of a chain cannot be earlier ones, whatever the clock says by now.
    const what = isWallRight ? 'This clock was wrong: what was written last is dated' : 'This clock is';
    throw new AverError('CLOCK_AHEAD', `${what} ${Math.round(mostMs / 1000)} s ahead of the peers’ clocks.`, {
      fields: { leadMs: mostMs },
    });
  }
}
