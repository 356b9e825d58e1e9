/** Whether a peer's sketch was honest: once its set is known down the trie, so is the sketch that it has. */
import { limits } from '../base/limits.ts';
import type { Frontier } from '../set/frontier.ts';
import { type Cells, cellsUpTo, patchedCells } from '../set/sketch.ts';
import type { Trie } from '../set/trie.ts';
import type { Diff } from './descent.ts';
import type { Exchange } from './session.ts';

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

function isSame(a: Cells, b: Cells): boolean {
  return a.counts.every(
    (count, i) =>
      count === b.counts[i] &&
      a.high[i] === b.high[i] &&
      a.low[i] === b.low[i] &&
      a.checks[i] === b.checks[i],
  );
}
