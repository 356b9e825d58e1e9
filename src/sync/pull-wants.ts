/** The tips that a space lacks, and which of the peers that take part in the pull have them. */
import { mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Segment, Want, Worker } from './pull-piece.ts';
import { SPACED_PER_AUTHOR_MAX } from './ranges.ts';

/** Bytes of one range in a request: without and with all the points that the first of a forked chain carry. */
const RANGE_BYTES = 256;
const SPACED_RANGE_BYTES = 1500;
/** Bytes of ranges in one request: leaves half of a frame free. */
const RANGES_BYTES_MAX = limits.frameBytesMax / 2;

/** What the set has of an author's chain. */
export interface Held {
  readonly seq: number;
  readonly tips: number;
}

export class Wants {
  readonly #heldOf: (author: Uint8Array) => Held;
  readonly #workers = new Set<Worker>();
  /** By id. */
  readonly #wants = new Map<string, Want>();

  constructor(heldOf: (author: Uint8Array) => Held) {
    this.#heldOf = heldOf;
  }

  get size(): number {
    return this.#wants.size;
  }

  join(peerId: string, tips: readonly Tip[], rangesMax: number): Worker {
    const heights = new Map<string, number>();
    const forked = new Set<string>();
    for (const { author, seq } of tips) {
      const key = mapKey(author);
      if (heights.has(key)) forked.add(key);
      heights.set(key, Math.max(seq, heights.get(key) ?? 0));
    }
    const worker = { peerId, rangesMax, heights, offered: new Set(tips.map(({ id }) => mapKey(id))) };
    this.#workers.add(worker);
    const others = new Map([...this.#wants.values()].map((want) => [want.authorKey, want]));
    for (const tip of tips) {
      const authorKey = mapKey(tip.author);
      this.#add(tip, authorKey, forked.has(authorKey), others.get(authorKey));
    }
    return worker;
  }

  #add(tip: Tip, authorKey: string, isForked: boolean, other: Want | undefined): void {
    const key = mapKey(tip.id);
    if (this.#wants.has(key)) return;
    const held = this.#heldOf(tip.author);
    const forks = isForked || held.tips > 1 || held.seq >= tip.seq || other?.seq === tip.seq;
    let after: Want['after'];
    if (other !== undefined && !forks && !other.isForked) {
      // The same chain at another time: the longer part goes on after the shorter one.
      if (other.seq < tip.seq) after = { seq: other.seq, id: other.id };
      else if (other.piece !== undefined || (other.after?.seq ?? 0) >= tip.seq) return;
      else other.after = { seq: tip.seq, id: tip.id };
    }
    const state = {
      after,
      isForked: forks,
      isFine: false,
      at: 0,
      piece: undefined,
      isEndHere: false,
      outlining: undefined,
    };
    this.#wants.set(key, { ...tip, key, authorKey, ...state, withdrawn: new Set() });
  }

  leave(worker: Worker): void {
    this.#workers.delete(worker);
    for (const want of this.#wants.values()) {
      if (want.outlining?.worker === worker) want.outlining = undefined;
    }
  }

  /** What this peer has of what is wanted. */
  of(worker: Worker): Want[] {
    return [...this.#wants.values()].filter((want) => offers(worker, want));
  }

  has(want: Want): boolean {
    return this.#wants.get(want.key) === want;
  }

  delete(want: Want): void {
    this.#wants.delete(want.key);
  }

  /** Forgets what is done, and what none of the peers has. */
  prune(isDone: (want: Want) => boolean): void {
    const workers = [...this.#workers];
    for (const want of this.#wants.values()) {
      const isOffered = workers.some((worker) => offers(worker, want));
      if (!isOffered || isDone(want)) this.#wants.delete(want.key);
    }
  }

  /** Whether any peer of these has something that is wanted. */
  isOfferedBy(isMeant: (worker: Worker) => boolean): boolean {
    return [...this.#workers].some((worker) => isMeant(worker) && this.of(worker).length > 0);
  }

  /** Of these wants the largest part that the same peers have, two of them at least; and how many they are. */
  shared(
    wants: readonly Want[],
    isMeant: (worker: Worker) => boolean,
  ): { readonly wants: readonly Want[]; readonly helpers: number } {
    const workers = [...this.#workers].filter(isMeant);
    if (workers.length < 2) return { wants, helpers: 1 };
    const parts = new Map<string, { wants: Want[]; helpers: number; length: number }>();
    for (const want of wants) {
      const helpers = workers.map((worker) => offers(worker, want));
      const part = parts.get(helpers.join()) ?? {
        wants: [],
        helpers: helpers.filter(Boolean).length,
        length: 0,
      };
      part.wants.push(want);
      part.length += this.lengthOf([want]);
      parts.set(helpers.join(), part);
    }
    const shared = [...parts.values()].filter(({ helpers }) => helpers > 1);
    return shared.sort((a, b) => b.length - a.length)[0] ?? { wants, helpers: 1 };
  }

  /** Assertions that these have yet to bring. */
  lengthOf(parts: readonly (Want | Segment)[]): number {
    return parts.reduce((sum, { author, seq, after }) => {
      const from = Math.max(this.#heldOf(author).seq, after?.seq ?? 0);
      return sum + Math.max(1, seq - from);
    }, 0);
  }
}

export function offers(worker: Worker, want: Want): boolean {
  if (want.withdrawn.has(worker)) return false;
  if (worker.offered.has(want.key)) return true;
  return !want.isForked && (worker.heights.get(want.authorKey) ?? 0) >= want.seq;
}

/** As many of them as one request takes. */
export function fitting(wants: readonly Want[], worker: Worker): Want[] {
  const taken: Want[] = [];
  const branches = new Map<string, number>();
  let bytes = 0;
  for (const want of wants) {
    const branch = branches.get(want.authorKey) ?? 0;
    branches.set(want.authorKey, branch + 1);
    bytes += want.isForked && branch < SPACED_PER_AUTHOR_MAX ? SPACED_RANGE_BYTES : RANGE_BYTES;
    if (taken.length > 0 && (bytes > RANGES_BYTES_MAX || taken.length >= worker.rangesMax)) break;
    taken.push(want);
  }
  return taken;
}
