/**
 * The fast way to find a difference: both sides' sketches. The first cells come with the roots. When
 * they suffice, we read the difference and ask for the tips behind the short ids; else we send as many
 * of our cells as the difference seems to need, and the peer reads it. Never trusted: my trie, changed
 * by the difference, must have the peer's root, or the trie is descended instead.
 */
import { bytesToHex, equalBytes, readU32 } from '../base/bytes.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Frontier } from '../set/frontier.ts';
import { cellsUpTo, estimateDifference, peel, type ShortId, shortId } from '../set/sketch.ts';
import type { Trie } from '../set/trie.ts';
import { type Tip, type TrieEntry, trieEntry } from '../set/trie-entry.ts';
import { BRIEF_AUTHOR_BYTES } from './answers.ts';
import type { Diff } from './descent.ts';
import type { Answer, CellsRequest, DiffRequest, SketchHead, TipDifference } from './messages.ts';
import type { Comparing, Exchange } from './session.ts';

/** Cells from which a large difference can be read, for each differing tip. */
const CELLS_NEEDED = 1.4;
/** Cells that are sent for each one that the estimate finds: with room for one that is a fifth too low. */
const CELLS_PER_DIFFERENCE = 1.9;
/** A second try with twice as many nearly always suffices. */
const TRIES = 2;
const GROWTH = 2;

/** How the sketch begins, for an answer to Roots: nothing when the roots are equal. */
export function sketchHead(frontier: Frontier, root: Uint8Array, theirs: Uint8Array): SketchHead | null {
  if (equalBytes(root, theirs)) return null;
  const cells = frontier.cellsAt(root, limits.rootsCounts);
  return cells === undefined ? null : { cells: cellsUpTo(cells, limits.rootsCells), counts: cells.counts };
}

export function answerCells(frontier: Frontier, { root, cells, full }: CellsRequest): Answer {
  const mine = frontier.cellsAt(root, cells.counts.length);
  if (mine === undefined) return { type: 'stale' };
  const read = peel(mine, cells);
  if (read === undefined) return { type: 'diff', difference: null };
  const tips = entriesOf(frontier, read.mine);
  if (tips === undefined) return { type: 'stale' };
  const lacks = read.theirs;
  // As many tips that continue a chain as the other side has tips to be continued: it knows the authors.
  const isBrief = !full && tips.filter(({ seq }) => seq > 1).length === lacks.length;
  return { type: 'diff', difference: { tips: isBrief ? tips.map(briefTip) : tips, lacks } };
}

function briefTip({ author, seq, id }: TrieEntry): Tip {
  return { author: seq > 1 ? author.subarray(0, BRIEF_AUTHOR_BYTES) : author, seq, id };
}

export function answerDiff(frontier: Frontier, { ids }: DiffRequest): Answer {
  const tips = entriesOf(frontier, ids);
  return tips === undefined ? { type: 'stale' } : { type: 'diff', difference: { tips, lacks: [] } };
}

function entriesOf(frontier: Frontier, ids: readonly ShortId[]): TrieEntry[] | undefined {
  const entries: TrieEntry[] = [];
  for (const id of ids) {
    const entry = frontier.entry(id);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return entries;
}

/** What the peer answered when it was sent so many cells: a difference, or null for too few. */
export interface Told {
  readonly length: number;
  readonly difference: TipDifference | null;
}

export interface Sketched {
  /** The difference to the peer's snapshot, proven; undefined when the sketches do not lead to it. */
  readonly diff: Diff | undefined;
  /** What can be held against the peer once its set is known. */
  readonly told: readonly Told[];
}

export async function sketchDiff(options: Comparing, trie: Trie, exchange: Exchange): Promise<Sketched> {
  const { replica, link, ports } = options;
  const told: Told[] = [];
  try {
    const difference = await ask(options, trie, exchange, told);
    const diff = difference === undefined ? undefined : await toDiff(options, difference);
    ports.metrics.add(diff === undefined ? 'sketch_misses' : 'sketch_hits');
    return { diff, told };
  } catch (error) {
    if (!isAverError(error, 'BAD_ENCODING')) throw error;
    link.fault(error.code, error.message);
    ports.log.write('debug', 'a sketch was damaged', { space: bytesToHex(replica.space.id) });
    return { diff: undefined, told: [] };
  }
}

interface Found {
  readonly mine: readonly TrieEntry[];
  readonly theirs: readonly TrieEntry[];
}

/** The proven difference. */
async function ask(
  options: Comparing,
  trie: Trie,
  exchange: Exchange,
  told: Told[],
): Promise<Found | undefined> {
  const { replica, link, signal } = options;
  const { frontier, space } = replica;
  const { root, sketch } = exchange;
  const mine = frontier.cellsAt(trie.root, limits.rootsCounts);
  if (sketch === null || mine === undefined) return undefined;
  const read = peel(cellsUpTo(mine, limits.rootsCells), sketch.cells);
  if (read === undefined)
    return askWithCells(options, trie, exchange, estimateDifference(mine.counts, sketch.counts), told);
  if (read.theirs.length === 0) return ifProven(trie, root, found(frontier, { tips: [], lacks: read.mine }));
  const request = { type: 'diff', tag: space.tag, root, ids: read.theirs } as const;
  const answer = await link.channel.ask(request, { signal });
  if (answer.type !== 'diff') return undefined;
  if (answer.difference === null)
    throw new AverError('BAD_ENCODING', 'The peer told no tips where it was asked for some.');
  const difference = found(frontier, { tips: answer.difference.tips, lacks: read.mine });
  if (difference !== undefined && !areNamed(difference.theirs, read.theirs))
    throw new AverError('BAD_ENCODING', 'The peer told other tips than those that were asked for.');
  return ifProven(trie, root, difference);
}

/** The difference if it leads from our trie to the peer's root: nothing else proves it. */
function ifProven(trie: Trie, root: Uint8Array, difference: Found | undefined): Found | undefined {
  if (difference === undefined) return undefined;
  return equalBytes(trie.with(difference.theirs, difference.mine).root, root) ? difference : undefined;
}

function areNamed(entries: readonly TrieEntry[], ids: readonly ShortId[]): boolean {
  return (
    entries.length === ids.length &&
    entries.every(({ hash }, i) => {
      const { high, low } = shortId(hash);
      return high === ids[i]?.high && low === ids[i]?.low;
    })
  );
}

async function askWithCells(
  { replica, link, signal }: Comparing,
  trie: Trie,
  { root }: Exchange,
  estimate: number,
  told: Told[],
): Promise<Found | undefined> {
  const { frontier, space } = replica;
  if (estimate * CELLS_NEEDED > limits.sketchCellsMax) return undefined;
  let length = Math.ceil(estimate * CELLS_PER_DIFFERENCE) + limits.rootsCells;
  let full = false;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    length = Math.min(length, limits.sketchCellsMax);
    const cells = frontier.cellsAt(trie.root, length);
    if (cells === undefined) return undefined;
    const request = { type: 'cells', tag: space.tag, root, cells, full } as const;
    const answer = await link.channel.ask(request, { signal });
    if (answer.type !== 'diff') return undefined;
    if (answer.difference === null) {
      told.push({ length, difference: null });
      length *= GROWTH;
      continue;
    }
    const difference = ifProven(trie, root, found(frontier, answer.difference));
    if (difference !== undefined) return difference;
    const isBrief = answer.difference.tips.some(({ author }) => author.length === BRIEF_AUTHOR_BYTES);
    if (!isBrief) {
      told.push({ length, difference: answer.difference });
      return undefined;
    }
    // Somebody may have made two keys that begin alike, so that the wrong author was taken.
    if (full)
      throw new AverError('BAD_ENCODING', 'The peer told authors in short that were asked for in full.');
    full = true;
  }
  return undefined;
}

/** The entries behind a difference; undefined when a short id is not ours or an author cannot be told. */
function found(frontier: Frontier, { tips, lacks }: TipDifference): Found | undefined {
  const mine = entriesOf(frontier, lacks);
  if (mine === undefined) return undefined;
  const kinByAuthor = new Map<number, TrieEntry | null>();
  for (const entry of mine) {
    const brief = readU32(entry.author);
    // Two authors that begin alike, or two tips of one: the first bytes do not tell.
    kinByAuthor.set(brief, kinByAuthor.has(brief) ? null : entry);
  }
  const theirs: TrieEntry[] = [];
  for (const { author, seq, id } of tips) {
    const isBrief = author.length === BRIEF_AUTHOR_BYTES;
    const kin = kinByAuthor.get(readU32(author)) ?? undefined;
    if (isBrief && kin === undefined) return undefined;
    const own = kin !== undefined && (isBrief || equalBytes(author, kin.author)) ? kin : undefined;
    theirs.push(trieEntry({ author: own?.author ?? author.slice(), seq, id: id.slice() }, own));
  }
  return { mine, theirs };
}

async function toDiff({ replica }: Comparing, { mine, theirs }: Found): Promise<Diff> {
  const known = await replica.knownOf(theirs);
  return {
    mine,
    omitted: 0,
    theirs: theirs.map((tip) => ({ ...tip, known: known.has(tip) })),
    differing: [],
    complete: true,
  };
}
