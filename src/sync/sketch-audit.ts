/**
 * Whether a peer's sketch was honest, and what it read from ours: once its set is known down the trie, so is
 * the sketch that it has, and with that what it has to answer.
 */
import { limits } from '../base/limits.ts';
import { packShortIds } from '../set/cells-codec.ts';
import type { Frontier } from '../set/frontier.ts';
import { type Cells, cellsUpTo, patchedCells, peel } from '../set/sketch.ts';
import type { Trie } from '../set/trie.ts';
import { entryOf } from '../set/trie-entry.ts';
import type { Diff } from './descent.ts';
import type { Exchange } from './session.ts';
import type { Told } from './sketch-diff.ts';

/**
 * False for a sketch that is not that of the set which a proven descent has shown. Nobody but the peer
 * itself can make it so: short ids that somebody ground are in the sketch as they are in the set.
 */
export function isSketchOf(frontier: Frontier, trie: Trie, { sketch }: Exchange, diff: Diff): boolean {
  const mine = frontier.cellsAt(trie.root, limits.rootsCounts);
  const isKnown = diff.complete && diff.omitted === 0;
  if (sketch === null || mine === undefined || !isKnown) return true;
  const theirs = patchedCells(mine, diff.theirs, diff.mine);
  return (
    sketch.counts.every((count, i) => count === theirs.counts[i]) &&
    isSame(sketch.cells, cellsUpTo(theirs, sketch.cells.counts.length))
  );
}

/**
 * False for an answer to our cells that is not what the peer's sketch, being that of its set, says of them. By
 * short ids, so that it is no lie where ground ones hid each other: then sketches cannot tell better.
 */
export function isReadOf(frontier: Frontier, trie: Trie, { length, difference }: Told, diff: Diff): boolean {
  const mine = frontier.cellsAt(trie.root, length);
  const isKnown = diff.complete && diff.omitted === 0;
  if (mine === undefined || !isKnown) return true;
  const theirs = patchedCells(mine, diff.theirs, diff.mine);
  if (difference === null) return peel(theirs, mine) === undefined;
  const lacks = difference.lacks.map((id) => ({ hash: packShortIds([id]) }));
  return isSame(patchedCells(mine, difference.tips.map(entryOf), lacks), theirs);
}

function isSame(a: Cells, b: Cells): boolean {
  return a.counts.every(
    (count, i) =>
      count === b.counts[i] &&
      a.high[i] === b.high[i] &&
      a.low[i] === b.low[i] &&
      a.checks[i] === b.checks[i],
  );
}
