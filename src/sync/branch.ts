/** The stored runs of one branch of one author's chain that the other side lacks, in order, read page by page. */
import { firstOf } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Journal } from '../set/journal.ts';
import type { ChainRow } from '../set/journal-keys.ts';
import type { Known, Range } from './messages.ts';

const PAGE_ROWS = 64;

export interface Branch {
  /** Up to where the other side has it; undefined when it has nothing of it. */
  readonly floor: Known | undefined;
  /** The next run, undefined at the end. */
  next(): Promise<ChainRow | undefined>;
}

/** A chain without forks: its rows from the floor to the tip. */
export function linearBranch(journal: Journal, range: Range, floor: Known | undefined): Branch {
  let page: ChainRow[] = [];
  let fromSeq = (floor?.seq ?? 0) + 1;
  return {
    floor,
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
    return linearBranch(journal, range, undefined);
  }
  // A known point at the very end of a row: nothing of that row is missing.
  const missing = rows.filter((row) => floor === undefined || !equalBytes(row.lastId, floor.id));
  return { floor, next: async () => missing.pop() };
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
  const last = run.assertions[run.assertions.length - 1] as (typeof run.assertions)[number];
  const row = {
    firstSeq: firstOf(run).seq,
    lastSeq: last.seq,
    lastId: last.id,
    lastHlc: last.hlc,
    arrival: place.arrival,
  };
  return { row, ids: run.assertions.map((assertion) => assertion.id), prev: firstOf(run).prev };
}
