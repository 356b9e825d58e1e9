/** What a split pull is made of: tips that are wanted, and pieces of the way to them. */
import type { Tip } from '../set/trie-entry.ts';
import type { End, Known } from './messages.ts';

/** A peer that takes part in a pull. One object for each time that it does. */
export interface Worker {
  readonly peerId: string;
  /** Ranges that the peer takes in one request. */
  readonly rangesMax: number;
  /** Keys of the ids of the tips that it has and we lack. */
  readonly offered: ReadonlySet<string>;
  /** The highest of them by author: it has what lies before, unless the chain forks. */
  readonly heights: ReadonlyMap<string, number>;
}

/** A tip that is wanted, and up to where its chain is here or has been seen to by pieces. */
export interface Want extends Tip {
  /** That of its id. */
  readonly key: string;
  /** That of its author. */
  readonly authorKey: string;
  after: Known | undefined;
  /** Its chain has branches: its place is not told by seq, and it is fetched in one go. */
  isForked: boolean;
  /** There is no finer outline of what is left of it. */
  isFine: boolean;
  /** Assertions of this pull that come before what is left of it, as far as an outline told; 0 where none did. */
  at: number;
  /** The piece that brings its end. */
  piece: Piece | undefined;
  /** Its end came; pieces before it may not have. */
  isEndHere: boolean;
  /** Who was asked for an outline of it, and when. */
  outlining: { readonly worker: Worker; readonly sinceMs: number } | undefined;
  /** Peers that turned out not to bring it. */
  readonly withdrawn: Set<Worker>;
}

/** A stretch of one chain, up to an assertion that closes a run somewhere. */
export interface Segment extends Tip {
  readonly want: Want;
  readonly after: Known | undefined;
}

export interface Piece {
  readonly segments: readonly Segment[];
  /** `slice`: cut along time by an outline; `group`: some of many chains; `whole`: all that one peer offers. */
  readonly kind: 'whole' | 'group' | 'slice';
  readonly assertions: number;
  /** Assertions of the pull that come before it, for slices. */
  readonly at: number;
  /** Who told the cuts of a slice. */
  readonly outliner: Worker | undefined;
  work: Work | undefined;
}

/** A piece in somebody's hands. */
export interface Work {
  readonly worker: Worker;
  readonly sinceMs: number;
  /** When it last brought something. */
  movedMs: number;
  received: number;
  /** What was let come is taken in, and no more: another peer shall have its share. */
  isEnding: boolean;
  /** Ends it at once: its peer is too slow. */
  readonly abort: AbortController;
}

/** What became of a piece. */
export interface Outcome {
  /** Whether this segment is here to its end. */
  readonly isReached: (segment: Segment) => boolean;
  /** How far a chain has come. */
  readonly reachedOf: (author: Uint8Array) => Known | undefined;
  /**
   * `ended`: all was sent; `cut`: there is more; `broken`: the peer is gone, or too slow; `full`: too
   * much of it waits; `refused`: it may not be in the set.
   */
  readonly how: 'ended' | 'cut' | 'broken' | 'full' | 'refused';
}

/**
 * Slices of these wants as an outline cuts them, in its order. Undefined when it is none: ends that do
 * not go on, or lie beyond what was asked about. Whether they exist shows when they are fetched.
 */
export function slicesOf(
  wants: readonly Want[],
  cuts: readonly (readonly End[])[],
): readonly (readonly Segment[])[] | undefined {
  const last = new Map<Want, Known | undefined>(wants.map((want) => [want, want.after]));
  const slices: Segment[][] = [];
  for (const cut of cuts) {
    const slice: Segment[] = [];
    for (const { range, seq, id } of cut) {
      const want = wants[range];
      if (want === undefined || seq > want.seq) return undefined;
      const after = last.get(want);
      if (seq <= (after?.seq ?? 0)) return undefined;
      // The frame that it came in must not live on for the sake of an id.
      const end = { seq, id: id.slice() };
      slice.push({ author: want.author, ...end, want, after });
      last.set(want, end);
    }
    if (slice.length === 0) return undefined;
    slices.push(slice);
  }
  return slices;
}
