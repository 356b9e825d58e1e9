/** What a diff of two frontiers means: who leads by how much, and what to ask for. */
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Replica } from '../set/replica.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Diff } from './descent.ts';
import type { Known, Range } from './messages.ts';

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
    const key = bytesToHex(author);
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

/** Ranges that carry spaced points; with more, only the sure cases do, so that building them stays cheap. */
const SPACED_RANGES_MAX = 32;
/** Branches of one author that carry them: what one range names counts for all of its author. */
export const SPACED_PER_AUTHOR_MAX = 8;

/**
 * How the distances of spaced points grow. Mostly a longer chain just goes on: there a few far points are
 * enough not to be sent all of it should it have forked.
 */
const SPACING = 2;
const SPACING_UNSURE = 4;

interface Own {
  readonly forked: boolean;
  /** Highest seq, 0 for none. */
  readonly highest: number;
  readonly tips: readonly Known[];
  /** Seqs from which a range names points already. */
  readonly spaced: Set<number>;
}

function ownOf({ frontier }: Replica, author: Uint8Array): Own {
  const tips = frontier.tipsOf(author).map(({ seq, id }) => ({ seq, id }));
  const highest = tips.reduce((max, tip) => Math.max(max, tip.seq), 0);
  tips.sort((a, b) => b.seq - a.seq);
  return { forked: tips.length > 1, highest, tips: tips.slice(0, limits.haveMax / 2), spaced: new Set() };
}

/** An end of a chain that we lack, after what of it is on its way. */
type Lacking = Tip & { readonly after?: Known | undefined };

/** Ranges for what we lack. */
export async function rangesFor(replica: Replica, tips: readonly Lacking[]): Promise<Range[]> {
  const ranges: Range[] = [];
  const byAuthor = new Map<string, Own>();
  for (const { author, seq, id, after } of tips) {
    const key = bytesToHex(author);
    const isFirst = !byAuthor.has(key);
    const own = byAuthor.get(key) ?? ownOf(replica, author);
    byAuthor.set(key, own);
    const isAhead = after !== undefined && after.seq > own.highest;
    const have = [...(isAhead ? [after] : []), ...(isFirst ? own.tips : [])];
    const from = Math.min(own.highest, seq);
    const isSurelyForked = own.forked || seq <= own.highest;
    const isSpaced = isSurelyForked || (!isAhead && tips.length <= SPACED_RANGES_MAX);
    if (from > 0 && isSpaced && own.spaced.size < SPACED_PER_AUTHOR_MAX && !own.spaced.has(from)) {
      own.spaced.add(from);
      const growth = isSurelyForked ? SPACING : SPACING_UNSURE;
      have.push(...(await spacedPoints(replica, author, from, growth, limits.haveMax - have.length)));
    }
    ranges.push({ author, seq, id, have });
  }
  return ranges;
}

/** Ends of stored runs at exponentially growing distances before a seq: one of them is close below any fork. */
async function spacedPoints(
  replica: Replica,
  author: Uint8Array,
  fromSeq: number,
  growth: number,
  max: number,
): Promise<Known[]> {
  const points: Known[] = [];
  let below = fromSeq;
  for (let step = 1; below >= 1 && points.length < max; step *= growth) {
    const page = { limit: 1, reverse: true };
    let found: Known | undefined;
    for await (const row of replica.journal.chain(author, 1, below, page)) {
      found = { seq: row.lastSeq, id: row.lastId };
    }
    if (found === undefined) break;
    points.push(found);
    below = Math.min(found.seq - 1, fromSeq - step);
  }
  return points;
}
