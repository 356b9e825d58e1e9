/**
 * The serving side of Pull and Fetch: stored runs in (hlc, id) order of their last assertions across
 * all ranges, so that what answers comes after what it answers; cut where the other side goes on.
 */
import { compareHlc } from '../assertion/hlc.ts';
import type { Run } from '../assertion/model.ts';
import { decodeRun, encodeRun } from '../assertion/run-codec.ts';
import { bytesToHex, compareBytes, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { ChainRow } from '../set/journal-keys.ts';
import type { Replica } from '../set/replica.ts';
import { type Branch, forkBranches, isAfter, linearBranch, linearBranchAfter } from './branch.ts';
import { Heap } from './heap.ts';
import type { Cursor, Known, PullRequest, Range, RunsAnswer } from './messages.ts';

/** Blocks read at once: at most 4 MiB. */
const BLOCKS_READ = 64;
const PLACES_READ = 2000;

export interface ServedRun {
  readonly bytes: Uint8Array;
  readonly at: Cursor;
}

interface Head {
  readonly row: ChainRow;
  readonly branch: Branch;
}

function compareRows(a: ChainRow, b: ChainRow): number {
  return compareHlc(a.lastHlc, b.lastHlc) || compareBytes(a.lastId, b.lastId);
}

/** The runs of a pull. The signal ends the look for where the branches begin, which may take long. */
export async function* runsOfRanges(
  replica: Replica,
  request: Pick<PullRequest, 'ranges' | 'cursor'>,
  signal?: AbortSignal,
): AsyncGenerator<ServedRun> {
  const served = new Set<number>();
  const heap = new Heap<Head>((a, b) => compareRows(a.row, b.row));
  const advance = async (branch: Branch) => {
    let row = await branch.next();
    while (row !== undefined && request.cursor !== null && !isAfter(row, request.cursor)) {
      row = await branch.next();
    }
    if (row !== undefined) heap.push({ row, branch });
  };
  for (const branch of await branchesOf(replica, request, signal)) await advance(branch);
  for (;;) {
    const heads: Head[] = [];
    while (heads.length < BLOCKS_READ) {
      const head = heap.pop();
      if (head === undefined) break;
      if (!served.has(head.row.arrival)) heads.push(head);
      served.add(head.row.arrival);
      await advance(head.branch);
    }
    if (heads.length === 0) return;
    const blocks = await replica.journal.blocks(heads.map((head) => head.row.arrival));
    for (const [i, { row, branch }] of heads.entries()) {
      const bytes = cutAt(blocks[i] as Uint8Array, row, branch.floor, replica.space.id);
      yield { bytes, at: { hlc: row.lastHlc, id: row.lastId } };
    }
  }
}

async function branchesOf(
  replica: Replica,
  { ranges, cursor }: Pick<PullRequest, 'ranges' | 'cursor'>,
  signal: AbortSignal | undefined,
): Promise<Branch[]> {
  const { journal, frontier } = replica;
  const isHere = await whichAreHere(replica, ranges);
  const branches: Branch[] = [];
  for (const { author, asked, known } of byAuthor(ranges, isHere)) {
    if (signal?.aborted) return [];
    if (frontier.isForked(author)) {
      branches.push(...(await forkBranches(journal, asked, known, signal)));
      continue;
    }
    const longest = highest(asked) as Range;
    const range = { ...longest, seq: Math.min(longest.seq, frontier.tipOf(author)?.seq ?? 0) };
    const floor = highest(known);
    branches.push(
      cursor === null
        ? linearBranch(journal, range, floor)
        : await linearBranchAfter(journal, range, floor, cursor),
    );
  }
  return branches;
}

interface AskedOfAuthor {
  readonly author: Uint8Array;
  /** Ranges whose tips are here: at least one. */
  readonly asked: Range[];
  /** What the other side has of the chain, whichever range names it. */
  readonly known: Known[];
}

function byAuthor(ranges: readonly Range[], isHere: (id: Uint8Array) => boolean): Iterable<AskedOfAuthor> {
  const byKey = new Map<string, AskedOfAuthor>();
  for (const range of ranges) {
    const key = bytesToHex(range.author);
    const of = byKey.get(key) ?? { author: range.author, asked: [], known: [] };
    byKey.set(key, of);
    if (isHere(range.id)) of.asked.push(range);
    of.known.push(...range.have.filter((point) => isHere(point.id)));
  }
  return [...byKey.values()].filter(({ asked }) => asked.length > 0);
}

function highest<T extends { readonly seq: number }>(points: readonly T[]): T | undefined {
  return points.reduce<T | undefined>(
    (best, point) => (best === undefined || point.seq > best.seq ? point : best),
    undefined,
  );
}

async function whichAreHere(
  replica: Replica,
  ranges: readonly Range[],
): Promise<(id: Uint8Array) => boolean> {
  const ids = ranges.flatMap((range) => [range.id, ...range.have.map((point) => point.id)]);
  const here = new Set<Uint8Array>();
  for (let from = 0; from < ids.length; from += PLACES_READ) {
    const part = ids.slice(from, from + PLACES_READ);
    const places = await replica.journal.places(part);
    for (const [i, id] of part.entries()) if (places[i] !== undefined) here.add(id);
  }
  // The very byte arrays of the request are looked up again, so identity is enough.
  return (id) => here.has(id);
}

/** The run without what the other side has of it, when that ends inside the run. */
function cutAt(block: Uint8Array, row: ChainRow, floor: Known | undefined, space: Uint8Array): Uint8Array {
  if (floor === undefined || floor.seq < row.firstSeq || floor.seq >= row.lastSeq) return block;
  const run: Run = decodeRun(block, space);
  const known = run.assertions.findIndex((assertion) => equalBytes(assertion.id, floor.id));
  return known === -1 ? block : encodeRun({ ...run, assertions: run.assertions.slice(known + 1) });
}

/** The stored runs that hold these ids; unknown ones are left out. */
export async function* runsOfIds(replica: Replica, ids: readonly Uint8Array[]): AsyncGenerator<ServedRun> {
  const places = await replica.journal.places(ids);
  const arrivals = [...new Set(places.flatMap((place) => (place === undefined ? [] : [place.arrival])))];
  for (let from = 0; from < arrivals.length; from += BLOCKS_READ) {
    for (const bytes of await replica.journal.blocks(arrivals.slice(from, from + BLOCKS_READ))) {
      yield { bytes, at: { hlc: { time: 0n, counter: 0 }, id: replica.space.id } };
    }
  }
}

export interface ChunkBounds {
  readonly chunkBytes: number;
  /** Of the whole answer. One run is always sent. */
  readonly maxBytes: number;
}

/** Cuts served runs into chunks; the last says where another pull would go on. */
export async function* toChunks(
  runs: AsyncIterable<ServedRun>,
  bounds: ChunkBounds,
): AsyncGenerator<RunsAnswer> {
  let chunk: Uint8Array[] = [];
  let chunkBytes = 0;
  let bytes = 0;
  let last: Cursor | null = null;
  for await (const run of runs) {
    if (last !== null && bytes + run.bytes.length > bounds.maxBytes) {
      yield { type: 'runs', runs: chunk, open: false, cursor: last };
      return;
    }
    const isFull = chunkBytes + run.bytes.length > bounds.chunkBytes || chunk.length >= limits.chunkRunsMax;
    if (chunk.length > 0 && isFull) {
      yield { type: 'runs', runs: chunk, open: true, cursor: last };
      chunk = [];
      chunkBytes = 0;
    }
    chunk.push(run.bytes);
    chunkBytes += run.bytes.length;
    bytes += run.bytes.length;
    last = run.at;
  }
  yield { type: 'runs', runs: chunk, open: false, cursor: null };
}
