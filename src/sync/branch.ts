/** The stored runs of one branch of one author's chain that the other side lacks, in order, read page by page. */
import { firstOf } from '../assertion/model.ts';
import { RUN_WEIGHT_MAX } from '../assertion/run-codec.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Journal } from '../set/journal.ts';
import { type ChainRow, chainRow } from '../set/journal-keys.ts';
import type { Known, Range } from './messages.ts';

const PAGE_ROWS = 128;
const JOIN_SPAN_NS = BigInt(limits.joinSpanMs) * 1_000_000n;

export interface Branch {
  /** Up to where the other side has it; undefined when it has nothing of it. */
  readonly floor: Known | undefined;
  /** Whether its rows follow each other without a gap, and belong to no other branch. */
  readonly isWhole: boolean;
  /** The next run, undefined at the end. */
  next(): Promise<ChainRow | undefined>;
}

/** A chain without forks: its rows from the floor to the tip. */
export function linearBranch(
  journal: Journal,
  range: Range,
  floor: Known | undefined,
  isWhole = true,
): Branch {
  let page: ChainRow[] = [];
  let fromSeq = (floor?.seq ?? 0) + 1;
  return {
    floor,
    isWhole,
    async next() {
      if (page.length === 0 && fromSeq <= range.seq) {
        page = [];
        for await (const row of journal.chain(range.author, fromSeq, range.seq, { limit: PAGE_ROWS }))
          page.push(row);
        fromSeq = (page.at(-1)?.lastSeq ?? range.seq) + 1;
      }
      return page.shift();
    },
  };
}

/**
 * One branch of a forked chain: followed back from its tip by `prev`, until a point that the other
 * side has. A branch that is longer than the walk may be is served with all that is beside it: too
 * much, but never too little.
 */
export async function forkBranch(journal: Journal, range: Range, known: readonly Known[]): Promise<Branch> {
  const have = new Map(known.map((point) => [bytesToHex(point.id), point]));
  const rows: ChainRow[] = [];
  let id: Uint8Array | null = range.id;
  let floor: Known | undefined;
  while (id !== null && floor === undefined && rows.length < limits.forkWalkRunsMax) {
    const step: Step | undefined = await stepBack(journal, id);
    if (step === undefined) break;
    rows.push(step.row);
    floor = step.ids.map((each) => have.get(bytesToHex(each))).findLast((point) => point !== undefined);
    if (floor === undefined && step.prev !== null) floor = have.get(bytesToHex(step.prev));
    id = step.prev;
  }
  if (rows.length >= limits.forkWalkRunsMax && floor === undefined && id !== null) {
    return linearBranch(journal, range, undefined, false);
  }
  // A known point at the very end of a row: nothing of that row is missing.
  const missing = rows.filter((row) => floor === undefined || !equalBytes(row.lastId, floor.id));
  return { floor, isWhole: false, next: async () => missing.pop() };
}

interface Step {
  readonly row: ChainRow;
  readonly ids: readonly Uint8Array[];
  readonly prev: Uint8Array | null;
}

/** The stored run that holds an assertion. */
async function stepBack(journal: Journal, id: Uint8Array): Promise<Step | undefined> {
  const [place] = await journal.places([id]);
  if (place === undefined) return undefined;
  const run = await journal.run(place.arrival);
  return {
    row: chainRow(run, place.arrival),
    ids: run.assertions.map((assertion) => assertion.id),
    prev: firstOf(run).prev,
  };
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
