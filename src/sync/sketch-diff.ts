/**
 * The fast way to find a difference: both sides' sketches. The first cells come with the roots. When
 * they suffice, we read the difference and ask for the tips behind the short ids; else we send as many
 * of our cells as the difference seems to need, and the peer reads it. Never trusted: my trie, changed
 * by the difference, must have the peer's root, or the trie is descended instead.
 */
import { bytesToHex, equalBytes, hexToBytes } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Frontier } from '../set/frontier.ts';
import { type Cells, estimateDifference, peel } from '../set/sketch.ts';
import { type Trie, type TrieEntry, trieEntry } from '../set/trie.ts';
import type { Diff } from './descent.ts';
import type { Answer, CellsRequest, DiffAnswer, DiffRequest } from './messages.ts';
import type { Comparing, Exchange } from './session.ts';

/** Cells for each differing tip: 1.35 are enough for many, some more for few. */
const CELLS_PER_DIFFERENCE = 1.6;
/** The estimate comes from few cells; a second try with four times as many nearly always suffices. */
const TRIES = 2;
const GROWTH = 4;

type Difference = NonNullable<DiffAnswer['difference']>;

/** The cells that an answer to Roots carries: none when the roots are equal. */
export function firstCells(frontier: Frontier, root: Uint8Array, theirs: Uint8Array): Cells | null {
  return equalBytes(root, theirs) ? null : (frontier.cellsAt(root, limits.rootsCells) ?? null);
}

export function answerCells(frontier: Frontier, { root, cells }: CellsRequest): Answer {
  const mine = frontier.cellsAt(root, cells.counts.length);
  if (mine === undefined) return { type: 'stale' };
  const difference = peel(mine, cells);
  if (difference === undefined) return { type: 'diff', difference: null };
  const tips = difference.mine.map((id) => frontier.entry(id));
  if (tips.includes(undefined)) return { type: 'stale' };
  return {
    type: 'diff',
    difference: { tips: tips as TrieEntry[], lacks: difference.theirs.map((id) => hexToBytes(id)) },
  };
}

export function answerDiff(frontier: Frontier, { ids }: DiffRequest): Answer {
  const tips = ids.map((id) => frontier.entry(bytesToHex(id)));
  if (tips.includes(undefined)) return { type: 'stale' };
  return { type: 'diff', difference: { tips: tips as TrieEntry[], lacks: [] } };
}

/** The difference to the peer's snapshot, proven; undefined when the sketches do not lead to it. */
export async function sketchDiff(
  options: Comparing,
  trie: Trie,
  exchange: Exchange,
): Promise<Diff | undefined> {
  const { replica, link, ports } = options;
  try {
    const difference = await ask(options, trie, exchange);
    const diff =
      difference === undefined ? undefined : await proven(options, trie, exchange.root, difference);
    ports.metrics.add(diff === undefined ? 'sketch_misses' : 'sketch_hits');
    return diff;
  } catch (error) {
    if (!isAverError(error, 'BAD_ENCODING')) throw error;
    link.fault(error.code, error.message);
    ports.log.write('debug', 'a sketch was damaged', { space: bytesToHex(replica.space.id) });
    return undefined;
  }
}

async function ask(options: Comparing, trie: Trie, exchange: Exchange): Promise<Difference | undefined> {
  const { replica, link, signal } = options;
  const { frontier, space } = replica;
  const { root, cells: theirs } = exchange;
  const mine = frontier.cellsAt(trie.root, limits.rootsCells);
  if (theirs === null || mine === undefined) return undefined;
  const read = peel(mine, theirs);
  if (read !== undefined) {
    const ids = read.theirs.map((id) => hexToBytes(id));
    const lacks = read.mine.map((id) => hexToBytes(id));
    if (ids.length === 0) return { tips: [], lacks };
    const answer = await link.channel.ask({ type: 'diff', tag: space.tag, root, ids }, { signal });
    return answer.type === 'diff' && answer.difference !== null
      ? { tips: answer.difference.tips, lacks }
      : undefined;
  }
  let length = Math.ceil(estimateDifference(mine, theirs) * CELLS_PER_DIFFERENCE) + limits.rootsCells;
  for (let attempt = 0; attempt < TRIES && length <= limits.sketchCellsMax; attempt++, length *= GROWTH) {
    const cells = frontier.cellsAt(trie.root, length);
    if (cells === undefined) return undefined;
    const answer = await link.channel.ask({ type: 'cells', tag: space.tag, root, cells }, { signal });
    if (answer.type !== 'diff') return undefined;
    if (answer.difference !== null) return answer.difference;
  }
  return undefined;
}

async function proven(
  { replica }: Comparing,
  trie: Trie,
  root: Uint8Array,
  { tips, lacks }: Difference,
): Promise<Diff | undefined> {
  const mine = lacks.map((id) => replica.frontier.entry(bytesToHex(id)));
  if (mine.includes(undefined)) return undefined;
  const theirs = tips.map(({ author, seq, id }) =>
    trieEntry({ author: author.slice(), seq, id: id.slice() }),
  );
  if (!equalBytes(trie.with(theirs, mine as TrieEntry[]).root, root)) return undefined;
  const places = await replica.journal.places(theirs.map((tip) => tip.id));
  return {
    mine: mine as TrieEntry[],
    omitted: 0,
    theirs: theirs.map((tip, i) => ({ ...tip, known: places[i] !== undefined })),
    differing: [],
    complete: true,
  };
}
