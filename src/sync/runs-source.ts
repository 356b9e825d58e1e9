/**
 * The serving side of Pull and Fetch: stored runs in (hlc, id) order of their last assertions across
 * all ranges, so that what answers comes after what it answers; cut where the other side goes on.
 */
import { compareHlc } from '../assertion/hlc.ts';
import type { Run } from '../assertion/model.ts';
import { decodeRun, type EncodedRun, encodeRun, joinRuns } from '../assertion/run-codec.ts';
import { bytesToHex, compareBytes, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { ChainRow } from '../set/journal-keys.ts';
import type { Replica } from '../set/replica.ts';
import {
  type Branch,
  forkBranches,
  isAfter,
  JoinedBranch,
  linearBranch,
  linearBranchAfter,
} from './branch.ts';
import { Heap } from './heap.ts';
import type { Cursor, Known, PullRequest, Range, RunsAnswer } from './messages.ts';

/** Blocks read at once: about 4 MiB, and one group of small ones more. */
const BLOCKS_READ = 64;
const PLACES_READ = 2000;

export interface ServedRun {
  readonly bytes: Uint8Array;
  readonly at: Cursor;
}

export interface Head {
  /** Consecutive runs that travel as one. */
  readonly rows: readonly ChainRow[];
  readonly branch: JoinedBranch;
  /** What it was asked for; undefined for a forked chain, whose branches share their trunk. */
  readonly range: Range | undefined;
}

function compareRows(a: ChainRow, b: ChainRow): number {
  return compareHlc(a.lastHlc, b.lastHlc) || compareBytes(a.lastId, b.lastId);
}

function firstRow({ rows }: Head): ChainRow {
  return rows[0] as ChainRow;
}

/**
 * The runs of a pull. `nowMs` is the local clock: what is old is served in larger runs. The signal ends
 * the look for where the branches begin, which may take long.
 */
export async function* runsOfRanges(
  replica: Replica,
  request: Pick<PullRequest, 'ranges' | 'cursor'>,
  nowMs: number,
  signal?: AbortSignal,
): AsyncGenerator<ServedRun> {
  const broken = new Set<JoinedBranch>();
  let heads: Head[] = [];
  let blocks = 0;
  for await (const head of headsOf(replica, request, nowMs, signal)) {
    heads.push(head);
    blocks += head.rows.length;
    if (blocks < BLOCKS_READ) continue;
    yield* readHeads(replica, heads, broken);
    heads = [];
    blocks = 0;
  }
  if (heads.length > 0) yield* readHeads(replica, heads, broken);
}

/** What a pull would bring, in its order, without reading it. */
export async function* headsOf(
  replica: Replica,
  request: Pick<PullRequest, 'ranges' | 'cursor'>,
  nowMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Head> {
  const settledNs = BigInt(Math.floor(nowMs - limits.joinAgeMs)) * 1_000_000n;
  const served = new Set<number>();
  const heap = new Heap<Head>((a, b) => compareRows(firstRow(a), firstRow(b)));
  const advance = async (branch: JoinedBranch, range: Range | undefined) => {
    const rows = await branch.next((row) => request.cursor === null || isAfter(row, request.cursor));
    if (rows.length > 0) heap.push({ rows, branch, range });
  };
  for (const { branch, range } of await branchesOf(replica, request, signal)) {
    await advance(new JoinedBranch(branch, settledNs), range);
  }
  for (let head = heap.pop(); head !== undefined; head = heap.pop()) {
    // Branches of a forked chain share their trunk; their runs travel one by one.
    const isNew = !served.has(firstRow(head).arrival);
    for (const { arrival } of head.rows) served.add(arrival);
    if (isNew) yield head;
    await advance(head.branch, head.range);
  }
}

/** `broken`: branches that the disk has damaged. What it damaged has to come from others, and all that follows with it. */
async function* readHeads(
  replica: Replica,
  heads: readonly Head[],
  broken: Set<JoinedBranch>,
): AsyncGenerator<ServedRun> {
  const blocks = await replica.journal.blocks(heads.flatMap(({ rows }) => rows.map((row) => row.arrival)));
  let next = 0;
  for (const head of heads) {
    const { floor } = head.branch;
    const runs: EncodedRun[] = [];
    for (const row of head.rows) {
      const block = blocks[next++];
      if (block === undefined) broken.add(head.branch);
      else if (!broken.has(head.branch)) {
        const bytes = cutAt(block, row, floor, replica.space.id);
        runs.push({ bytes, lastTime: row.lastHlc.time });
      }
    }
    if (runs.length === 0) continue;
    const { lastHlc: hlc, lastId: id } = firstRow(head);
    const bytes = runs.length === 1 ? (runs[0] as EncodedRun).bytes : joinRuns(runs);
    yield { bytes, at: { hlc, id } };
  }
}

interface AskedBranch {
  readonly branch: Branch;
  /** The range of a chain without forks. */
  readonly range: Range | undefined;
}

async function branchesOf(
  replica: Replica,
  { ranges, cursor }: Pick<PullRequest, 'ranges' | 'cursor'>,
  signal: AbortSignal | undefined,
): Promise<AskedBranch[]> {
  const { journal, frontier } = replica;
  const isHere = await whichAreHere(replica, ranges);
  const branches: AskedBranch[] = [];
  for (const { author, asked, known } of byAuthor(ranges, isHere)) {
    if (signal?.aborted) return [];
    if (frontier.isForked(author)) {
      const forks = await forkBranches(journal, asked, known, signal);
      branches.push(...forks.map((branch) => ({ branch, range: undefined })));
      continue;
    }
    const longest = highest(asked) as Range;
    const range = { ...longest, seq: Math.min(longest.seq, frontier.tipOf(author)?.seq ?? 0) };
    const floor = highest(known);
    const branch =
      cursor === null
        ? linearBranch(journal, range, floor)
        : await linearBranchAfter(journal, range, floor, cursor);
    branches.push({ branch, range: longest });
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
      if (bytes !== undefined) yield { bytes, at: { hlc: { time: 0n, counter: 0 }, id: replica.space.id } };
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
