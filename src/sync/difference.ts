/** What a diff of two frontiers means: who leads by how much. */
import { mapKey } from '../base/bytes.ts';
import type { Diff } from './descent.ts';

/** How a peer's set relates to ours. `ahead`: it has what we lack. */
export type Relation = 'unknown' | 'equal' | 'ahead' | 'behind' | 'diverged';

export interface AuthorDifference {
  readonly author: Uint8Array;
  /** Highest seq on each side, 0 for none. */
  readonly mine: number;
  readonly theirs: number;
}

export interface Difference {
  readonly relation: Relation;
  /** Assertions that we hold and they lack, and the other way round. */
  readonly leads: number;
  readonly lacks: number;
  readonly authors: readonly AuthorDifference[];
}

export function relationOf(leads: number, lacks: number): Relation {
  if (leads > 0) return lacks > 0 ? 'diverged' : 'behind';
  return lacks > 0 ? 'ahead' : 'equal';
}

interface Sides {
  readonly author: Uint8Array;
  mine: number;
  /** Highest of their tips that we know, and of all. */
  theirsKnown: number;
  theirs: number;
  unknown: boolean;
}

export function summarize(diff: Diff): Difference {
  const sides = new Map<string, Sides>();
  const of = (author: Uint8Array) => {
    const key = mapKey(author);
    const side = sides.get(key) ?? { author, mine: 0, theirsKnown: 0, theirs: 0, unknown: false };
    sides.set(key, side);
    return side;
  };
  for (const tip of diff.mine) of(tip.author).mine = Math.max(of(tip.author).mine, tip.seq);
  for (const tip of diff.theirs) {
    const side = of(tip.author);
    side.theirs = Math.max(side.theirs, tip.seq);
    if (tip.known) side.theirsKnown = Math.max(side.theirsKnown, tip.seq);
    else side.unknown = true;
  }
  let leads = diff.omitted;
  let lacks = 0;
  for (const side of sides.values()) {
    // Where both have tips that the other lacks and neither is longer, each lacks at least one.
    if (side.unknown) lacks += Math.max(1, side.theirs - side.mine);
    if (side.mine > 0 && !isCovered(side)) leads += Math.max(1, side.mine - side.theirsKnown);
  }
  const authors = [...sides.values()].map(({ author, mine, theirs }) => ({ author, mine, theirs }));
  return { relation: relationOf(leads, lacks), leads, lacks, authors };
}

/** Their longer chain most likely goes on from ours; a fork shows once it is here. */
function isCovered(side: Sides): boolean {
  return side.unknown && side.theirs > side.mine;
}
