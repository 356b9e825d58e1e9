/**
 * The serving side of Outline: where a pull of these ranges could be cut, so that the asking side can
 * get its parts from several peers. Only the small rows are read, not what they stand for.
 */
import { limits } from '../base/limits.ts';
import type { ChainRow } from '../set/journal-keys.ts';
import type { Replica } from '../set/replica.ts';
import type { End, OutlineAnswer, OutlineRequest } from './messages.ts';
import { headsOf } from './runs-source.ts';

export async function outlineOf(
  replica: Replica,
  { ranges, assertions, bytes }: Pick<OutlineRequest, 'ranges' | 'assertions' | 'bytes'>,
  nowMs: number,
  signal?: AbortSignal,
): Promise<OutlineAnswer> {
  const places = new Map(ranges.map((range, place) => [range, place]));
  const cuts: End[][] = [];
  /** Ends in the piece that is being measured, by range. */
  const ends = new Map<number, End>();
  let [endsLeft, runsLeft]: [number, number] = [limits.outlineEndsMax, limits.outlineRunsMax];
  let piece = { assertions: 0, bytes: 0 };
  for await (const { rows, range: asked } of headsOf(replica, { ranges, cursor: null }, nowMs, signal)) {
    const range = asked && places.get(asked);
    // A forked chain is not cut: seq tells no place in it.
    if (range === undefined) continue;
    if (signal?.aborted) break;
    const size = sizeOf(rows);
    const isFull = piece.assertions + size.assertions > assertions || piece.bytes + size.bytes > bytes;
    if (isFull && ends.size > 0) {
      if (ends.size > endsLeft || cuts.length === limits.outlineCutsMax) break;
      endsLeft -= ends.size;
      cuts.push([...ends.values()]);
      ends.clear();
      piece = { assertions: 0, bytes: 0 };
    }
    runsLeft -= rows.length;
    if (runsLeft < 0) break;
    piece = { assertions: piece.assertions + size.assertions, bytes: piece.bytes + size.bytes };
    const last = rows[rows.length - 1] as ChainRow;
    ends.set(range, { range, seq: last.lastSeq, id: last.lastId });
  }
  return { type: 'outline', cuts };
}

function sizeOf(rows: readonly ChainRow[]): { readonly assertions: number; readonly bytes: number } {
  const [first, last] = [rows[0] as ChainRow, rows[rows.length - 1] as ChainRow];
  const bytes = rows.reduce((sum, row) => sum + row.weight, 0);
  return { assertions: last.lastSeq - first.firstSeq + 1, bytes };
}
