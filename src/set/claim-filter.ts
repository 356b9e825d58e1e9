/**
 * Which (subject, predicate) pairs certainly have no claim here: a Bloom filter in segments, so that
 * who writes about something new need not ask the disk what was said before. Local, and only a hint:
 * a false "perhaps" costs a look-up. Full segments are stored; the open one is stored on closing, and
 * otherwise read again from the runs that came after it. A segment names the arrivals that it closes: the
 * runs from the first on and below the second are whole in it and in those before it.
 */
import { concatBytes, readU32, readU64, u32Bytes, u64Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';

const HASHES = 7;
const SEGMENT_BYTES = limits.claimFilterBits / 8;
const HEAD_BYTES = 20;
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
  /** All runs below this arrival are whole in this segment and those before; undefined until that is known. */
  below: number | undefined;
}

function emptySegment(): Segment {
  return { bits: new Uint8Array(SEGMENT_BYTES), claims: 0, below: undefined };
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
  /** While stored runs are read again: those below this arrival are in. */
  #read = 0;
  /** Segments that were filled up and not handed out for storing yet. */
  #unstored: number[] = [];

  /** Takes stored segments up, in order. Returns the arrival number from which runs are to be added. */
  load(stored: readonly FilterSegment[]): number {
    for (const { index, bytes } of stored) {
      // What is missing, damaged, or goes on from elsewhere than the one before it ended, is read again from the runs.
      if (index !== this.#segments.length - 1 || bytes.length !== HEAD_BYTES + SEGMENT_BYTES) break;
      if (Number(readU64(bytes)) !== this.#read) break;
      const below = Number(readU64(bytes, 8));
      const segment = { bits: bytes.slice(HEAD_BYTES), claims: readU32(bytes, 16), below };
      this.#segments[index] = segment;
      this.#read = below;
      if (segment.claims >= limits.claimFilterClaimsMax) this.#segments.push(emptySegment());
    }
    return this.#read;
  }

  /** All claims of stored runs below this arrival are in. */
  noteRead(arrival: number): void {
    this.#read = arrival;
  }

  /** All claims that were stored before are in. */
  complete(): void {
    this.#isComplete = true;
  }

  /** A run that was counted as read got claims since: what was filled up and not stored must not tell of it as whole. */
  reopen(): void {
    this.#unstored = [];
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
    // Runs that are written while others are read come after those: they are read again, too.
    open.below = this.#isComplete ? undefined : this.#read;
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

  /**
   * Segments that became full, to be stored with the next run. All runs below `arrivals` are in the filter, and
   * whole in those of these segments that were filled since it is complete.
   */
  takeFull(arrivals: number): FilterSegment[] {
    if (this.#unstored.length === 0 || !this.#isComplete) return [];
    return this.#unstored.splice(0).map((index) => this.#encode(index, arrivals));
  }

  /** The open segment, where it is worth storing before the store is closed. */
  open(arrivals: number): FilterSegment | undefined {
    const index = this.#segments.length - 1;
    if (!this.#isComplete || index >= limits.claimFilterSegmentsMax) return undefined;
    const { claims } = this.#segments[index] as Segment;
    if (claims < WORTH_STORING) return undefined;
    return { index, bytes: this.#bytes(index, arrivals) };
  }

  #encode(index: number, arrivals: number): FilterSegment {
    const segment = this.#segments[index] as Segment;
    segment.below ??= arrivals;
    return { index, bytes: this.#bytes(index, segment.below) };
  }

  #bytes(index: number, below: number): Uint8Array {
    const { bits, claims } = this.#segments[index] as Segment;
    const from = this.#segments[index - 1]?.below ?? 0;
    return concatBytes(u64Bytes(from), u64Bytes(below), u32Bytes(claims), bits);
  }
}
