/**
 * Which (subject, predicate) pairs certainly have no claim here: a Bloom filter in segments, so that
 * who writes about something new need not ask the disk what was said before. Local, and only a hint:
 * a false "perhaps" costs a look-up. Full segments are stored; the open one is stored on closing, and
 * otherwise read again from the runs that came after it.
 */
import { concatBytes, readU32, readU64, u32Bytes, u64Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';

const HASHES = 7;
const SEGMENT_BYTES = limits.claimFilterBits / 8;
const HEAD_BYTES = 12;
/** With fewer claims the runs are as quickly read again as the segment. */
const WORTH_STORING = 1000;

/** A part of the filter as it is stored. */
export interface FilterSegment {
  readonly index: number;
  readonly bytes: Uint8Array;
}

interface Segment {
  readonly bits: Uint8Array;
  claims: number;
}

function emptySegment(): Segment {
  return { bits: new Uint8Array(SEGMENT_BYTES), claims: 0 };
}

/** Two 32-bit hashes of the pair. Whoever makes them meet causes look-ups, nothing else. */
function hashesOf(subject: string, predicate: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x2c1b3c6d;
  for (const text of [subject, predicate]) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x85ebca6b);
      b ^= b >>> 13;
    }
    a = Math.imul(a ^ 0xffff, 0x01000193);
  }
  a ^= a >>> 15;
  return [a >>> 0, (b | 1) >>> 0];
}

export class ClaimFilter {
  readonly #segments: Segment[] = [emptySegment()];
  /** Until all stored claims are in, nothing is certain. */
  #isComplete = false;
  /** Segments that were filled up and not handed out for storing yet. */
  #unstored: number[] = [];

  /** Takes stored segments up, in order. Returns the arrival number from which runs are to be added. */
  load(stored: readonly FilterSegment[]): number {
    let arrivals = 0;
    for (const { index, bytes } of stored) {
      // What is missing or damaged is read again from the runs.
      if (index !== this.#segments.length - 1 || bytes.length !== HEAD_BYTES + SEGMENT_BYTES) break;
      arrivals = Number(readU64(bytes));
      const segment = { bits: bytes.slice(HEAD_BYTES), claims: readU32(bytes, 8) };
      this.#segments[index] = segment;
      if (segment.claims >= limits.claimFilterClaimsMax) this.#segments.push(emptySegment());
    }
    return arrivals;
  }

  /** All claims that were stored before are in. */
  complete(): void {
    this.#isComplete = true;
  }

  add(subject: string, predicate: string): void {
    if (this.#segments.length > limits.claimFilterSegmentsMax) return;
    const [a, b] = hashesOf(subject, predicate);
    const open = this.#segments[this.#segments.length - 1] as Segment;
    for (let i = 0; i < HASHES; i++) {
      const bit = (a + i * b) % limits.claimFilterBits;
      open.bits[bit >>> 3] = (open.bits[bit >>> 3] as number) | (1 << (bit & 7));
    }
    if (++open.claims < limits.claimFilterClaimsMax) return;
    this.#unstored.push(this.#segments.length - 1);
    this.#segments.push(emptySegment());
  }

  /** False only if there certainly is no claim of this subject and predicate. */
  mayHave(subject: string, predicate: string): boolean {
    // Beyond the last segment nothing is added any more.
    if (!this.#isComplete || this.#segments.length > limits.claimFilterSegmentsMax) return true;
    const [a, b] = hashesOf(subject, predicate);
    return this.#segments.some(({ bits }) => {
      for (let i = 0; i < HASHES; i++) {
        const bit = (a + i * b) % limits.claimFilterBits;
        if (((bits[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
      }
      return true;
    });
  }

  /** Segments that became full, to be stored with the next run; all runs below `arrivals` are in them whole. */
  takeFull(arrivals: number): FilterSegment[] {
    if (this.#unstored.length === 0 || !this.#isComplete) return [];
    return this.#unstored.splice(0).map((index) => this.#encode(index, arrivals));
  }

  /** The open segment, where it is worth storing before the store is closed. */
  open(arrivals: number): FilterSegment | undefined {
    const index = this.#segments.length - 1;
    if (!this.#isComplete || index >= limits.claimFilterSegmentsMax) return undefined;
    return (this.#segments[index] as Segment).claims < WORTH_STORING
      ? undefined
      : this.#encode(index, arrivals);
  }

  #encode(index: number, arrivals: number): FilterSegment {
    const { bits, claims } = this.#segments[index] as Segment;
    return { index, bytes: concatBytes(u64Bytes(arrivals), u32Bytes(claims), bits) };
  }
}
