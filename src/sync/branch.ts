/** The stored runs of an author's chain that the other side lacks, in order, read page by page. */
import { compareHlc } from '../assertion/hlc.ts';
import { firstOf } from '../assertion/model.ts';
import { RUN_WEIGHT_MAX } from '../assertion/run-codec.ts';
import { compareBytes, mapKey } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Journal } from '../set/journal.ts';
import { type ChainRow, chainRow } from '../set/journal-keys.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Cursor, Known, Range } from './messages.ts';

const PAGE_ROWS = 128;
const JOIN_SPAN_NS = BigInt(limits.joinSpanMs) * 1_000_000n;
/** Known points that are tried as the floor of a whole forked chain. */
const FLOORS_TRIED_MAX = 32;

export interface Branch {
  /** Up to where the other side has it; undefined when it has nothing of it. */
  readonly floor: Known | undefined;
  /** Whether its rows follow each other without a gap, and belong to no other branch. */
  readonly isWhole: boolean;
  /** The next run, undefined at the end. */
  next(): Promise<ChainRow | undefined>;
}

/** Whether the run comes after a place in the order of runs. */
export function isAfter(row: ChainRow, cursor: Cursor): boolean {
  return (compareHlc(row.lastHlc, cursor.hlc) || compareBytes(row.lastId, cursor.id)) > 0;
}

/**
 * Rows of a chain from the floor to the tip. Where that lies within a stored run, which is signed at its
 * end alone, the whole run is the last row.
 */
export function linearBranch(
  journal: Journal,
  range: Range,
  floor: Known | undefined,
  isWhole = true,
): Branch {
  return branchFrom(journal, range, floor, (floor?.seq ?? 0) + 1, isWhole);
}

/** The same of a chain without forks, from the first run after the cursor on, which is not searched for run by run. */
export async function linearBranchAfter(
  journal: Journal,
  range: Range,
  floor: Known | undefined,
  cursor: Cursor,
): Promise<Branch> {
  // The clock ascends along the chain: the first run after the cursor is found by halving.
  let low = (floor?.seq ?? 0) + 1;
  let high = range.seq + 1;
  for (let middle = low; low < high; middle = Math.floor((low + high) / 2)) {
    const row = await firstRow(journal, range, middle);
    if (row === undefined || isAfter(row, cursor)) high = middle;
    else low = row.lastSeq + 1;
  }
  return branchFrom(journal, range, floor, low);
}

async function firstRow(journal: Journal, range: Range, fromSeq: number): Promise<ChainRow | undefined> {
  for await (const row of journal.chain(range.author, fromSeq, range.seq, { limit: 1 })) return row;
  return undefined;
}

function branchFrom(
  journal: Journal,
  range: Range,
  floor: Known | undefined,
  seq: number,
  isWhole = true,
): Branch {
  let page: ChainRow[] = [];
  let last: ChainRow | undefined;
  let isOver = false;
  // Where it does not fork, the run that the tip lies in may end beyond it, and rows are as many as seqs at most.
  const toSeq = isWhole ? Number.MAX_SAFE_INTEGER - 1 : range.seq;
  return {
    floor,
    isWhole,
    async next() {
      if (page.length === 0 && !isOver) {
        const left = range.seq - (last?.lastSeq ?? seq - 1);
        const limit = isWhole ? Math.min(PAGE_ROWS, left) : PAGE_ROWS;
        const rows: ChainRow[] = [];
        if (limit > 0)
          for await (const row of journal.chain(range.author, seq, toSeq, { limit, after: last }))
            rows.push(row);
        last = rows.at(-1);
        isOver = isWhole ? (last?.lastSeq ?? range.seq) >= range.seq : rows.length < limit;
        page = rows.filter((row) => row.firstSeq <= range.seq);
      }
      return page.shift();
    },
  };
}

/**
 * Branches of one author's forked chain, each followed back from its tip by `prev`, until a point that
 * the other side has or a run that another branch brings: so each run is looked at once, however many
 * branches share it. Where that would take too long, the whole chain is served with all that is beside
 * the branches: too much, but never too little.
 */
export async function forkBranches(
  journal: Journal,
  ranges: readonly Range[],
  known: readonly Known[],
  signal?: AbortSignal,
): Promise<Branch[]> {
  const have = new Map(known.map((point) => [mapKey(point.id), point]));
  const walk: Walk = { journal, have, walked: new Set(), stepsLeft: limits.forkWalkRunsMax };
  const branches: Branch[] = [];
  for (const range of ranges) {
    if (signal?.aborted) return [];
    const found = await forkBranch(walk, range);
    if (found === undefined) return [await wholeChain(journal, ranges, known)];
    branches.push(...found);
  }
  return branches;
}

interface Walk {
  readonly journal: Journal;
  readonly have: ReadonlyMap<string, Known>;
  /** Arrivals of the runs that some branch brings. */
  readonly walked: Set<number>;
  stepsLeft: number;
}

/** Undefined when the walk became too long. Several where the disk damaged a run: what it builds on may be either. */
async function forkBranch(walk: Walk, tip: Tip): Promise<readonly Branch[] | undefined> {
  const { author } = tip;
  const rows: ChainRow[] = [];
  let floor: Known | undefined;
  for (let { id, seq }: { id: Uint8Array | null; seq: number } = tip; id !== null && floor === undefined; ) {
    if (walk.have.has(mapKey(id))) break;
    if (walk.stepsLeft-- === 0) return undefined;
    const step: Step | Damaged | undefined = await stepBack(walk, id);
    if (step === undefined) break;
    if ('damaged' in step) return beforeDamaged(walk, author, seq, step.damaged);
    floor = step.floor;
    walk.walked.add(step.row.arrival);
    rows.push(step.row);
    id = step.prev;
    seq = step.row.firstSeq - 1;
  }
  return [{ floor, isWhole: false, next: async () => rows.pop() }];
}

/** What builds on a damaged run has to come from others, with it. `seq`: of an assertion in it. */
async function beforeDamaged(
  walk: Walk,
  author: Uint8Array,
  seq: number,
  arrival: number,
): Promise<readonly Branch[] | undefined> {
  const { journal } = walk;
  const branches: Branch[] = [];
  walk.walked.add(arrival);
  for await (const { arrival: at, firstSeq } of journal.chain(
    author,
    seq,
    seq + limits.runAssertionsMax - 1,
  )) {
    if (at !== arrival || firstSeq === 1) continue;
    for await (const { lastId: id } of journal.chain(author, firstSeq - 1, firstSeq - 1)) {
      const found = await forkBranch(walk, { author, seq: firstSeq - 1, id });
      if (found === undefined) return undefined;
      branches.push(...found);
    }
  }
  return branches;
}

/** Arrival of a run that the disk damaged. */
interface Damaged {
  readonly damaged: number;
}

interface Step {
  readonly row: ChainRow;
  /** The last assertion of the run that the other side has. */
  readonly floor: Known | undefined;
  readonly prev: Uint8Array | null;
}

/** The stored run that holds an assertion; undefined where another branch brings it, or the other side has the assertion. */
async function stepBack(
  { journal, have, walked }: Walk,
  id: Uint8Array,
): Promise<Step | Damaged | undefined> {
  const [place] = await journal.places([id]);
  if (place === undefined || walked.has(place.arrival)) return undefined;
  const run = await journal.run(place.arrival).catch((error: unknown) => {
    if (isAverError(error, 'STORE_CORRUPT')) return undefined;
    throw error;
  });
  if (run === undefined) return { damaged: place.arrival };
  const points = run.assertions.map((assertion) => have.get(mapKey(assertion.id)));
  const at = points.findLastIndex((point) => point !== undefined);
  // Who has a later assertion of the run has this one.
  if (at >= place.index) return undefined;
  return { row: chainRow(run, place.arrival), floor: points[at], prev: firstOf(run).prev };
}

/** Every run of the chain up to the longest branch, from the highest point on that all branches share. */
async function wholeChain(
  journal: Journal,
  ranges: readonly Range[],
  known: readonly Known[],
): Promise<Branch> {
  const top = ranges.reduce((best, range) => (range.seq > best.seq ? range : best));
  const lowest = ranges.reduce((min, range) => Math.min(min, range.seq), top.seq);
  const points = known.filter((point) => point.seq < lowest).sort((a, b) => b.seq - a.seq);
  for (const point of points.slice(0, FLOORS_TRIED_MAX)) {
    if (await isAlone(journal, top.author, point.seq)) return linearBranch(journal, top, point, false);
  }
  return linearBranch(journal, top, undefined, false);
}

/** Whether the chain has one assertion of this seq: then all branches that are longer go through it. */
async function isAlone(journal: Journal, author: Uint8Array, seq: number): Promise<boolean> {
  let count = 0;
  for await (const row of journal.chain(author, seq, seq + limits.runAssertionsMax - 1)) {
    if (row.firstSeq <= seq && ++count > 1) return false;
  }
  return count === 1;
}

/**
 * The runs of a branch in groups that may travel as one run each, under the last signature: what was
 * signed one by one is so checked and stored by the hundred. A run joins the one before it only if it
 * names nothing outside of its chain; so a group can enter wherever its first run can. The group goes
 * by the place of its first run, or two chains that answer each other would wait for one another.
 */
export class JoinedBranch {
  readonly #branch: Branch;
  /** Runs up to this time join whatever lies between them. */
  readonly #settledNs: bigint;
  #ahead: ChainRow | undefined;

  constructor(branch: Branch, settledNs: bigint) {
    this.#branch = branch;
    this.#settledNs = settledNs;
  }

  get floor(): Known | undefined {
    return this.#branch.floor;
  }

  /** Skips what is not after the cursor. Empty at the end. */
  async next(isAfter: (row: ChainRow) => boolean): Promise<readonly ChainRow[]> {
    let row = this.#ahead ?? (await this.#branch.next());
    while (row !== undefined && !isAfter(row)) row = await this.#branch.next();
    if (row === undefined) return [];
    const group = [row];
    let { weight } = row;
    for (;;) {
      this.#ahead = await this.#branch.next();
      if (this.#ahead === undefined || !this.#joins(group, weight, this.#ahead)) return group;
      weight += this.#ahead.weight;
      group.push(this.#ahead);
    }
  }

  #joins(group: readonly ChainRow[], weight: number, row: ChainRow): boolean {
    const [first, last] = [group[0] as ChainRow, group[group.length - 1] as ChainRow];
    const isNear = row.lastHlc.time - first.lastHlc.time <= JOIN_SPAN_NS;
    return (
      this.#branch.isWhole &&
      row.isPlain &&
      row.firstSeq === last.lastSeq + 1 &&
      row.lastSeq - first.firstSeq < limits.runAssertionsMax &&
      weight + row.weight <= RUN_WEIGHT_MAX &&
      // A group is held for its time as a whole: nobody shall wait long for its older part.
      (isNear || row.lastHlc.time <= this.#settledNs)
    );
  }
}
