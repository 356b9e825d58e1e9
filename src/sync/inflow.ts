/**
 * What a pull brings, on its way into the set: decoded, checked and stored in parts, side by side, so
 * that signatures are checked while the disk writes and the frame is never blocked for a whole chunk.
 */
import type { Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { equalBytes, mapKey } from '../base/bytes.ts';
import { toAverError } from '../base/errors.ts';
import type { Ports } from '../base/ports.ts';
import type { MergeReport, Replica } from '../set/replica.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Link } from './link.ts';
import type { Range } from './messages.ts';

/**
 * Small enough that several parts of one chunk overlap, large enough to share what a batch costs. The first
 * ones are smaller: code that never ran is slow, and what comes first is seen sooner.
 */
const PART_BYTES_MIN = 4 * 1024;
const PART_BYTES_MAX = 32 * 1024;
/** Parts beyond the one that is being stored: one is being checked while the other waits for its turn. */
const PARTS_AHEAD_MAX = 2;

export interface InflowOptions {
  readonly replica: Replica;
  readonly link: Link;
  readonly ports: Pick<Ports, 'clock' | 'metrics'>;
  /** What was asked for. */
  readonly ranges: readonly Range[];
  readonly onAccepted: (assertions: number) => void;
  /** All of these runs are in the set, or wait in it, or are held. */
  readonly onTaken?: (runs: readonly Run[]) => void;
  readonly onRefused: (tip: Tip) => void;
}

export class Inflow {
  readonly #options: InflowOptions;
  readonly #authors: ReadonlySet<string>;
  /** Parts that are not in the set yet, oldest first; each resolves with whether reading goes on. */
  readonly #underWay: Promise<boolean>[] = [];
  /** What was decided about the last part: whether the next one may enter. */
  #goesOn: Promise<boolean> = Promise.resolve(true);
  #last: Promise<boolean> = Promise.resolve(true);
  #partBytes = PART_BYTES_MIN;

  constructor(options: InflowOptions) {
    this.#options = options;
    this.#authors = new Set(options.ranges.map((range) => mapKey(range.author)));
  }

  /** Takes a chunk's runs. Resolves with false when reading must stop. Throws what the decoder throws. */
  async take(encoded: readonly Uint8Array[]): Promise<boolean> {
    for (const part of this.#partsOf(encoded)) {
      // In a page, frames come between the parts.
      await this.#options.ports.clock.breathe?.();
      this.#start(this.#decode(part));
      if (this.#underWay.length > PARTS_AHEAD_MAX && !(await this.#underWay.shift())) return false;
    }
    return true;
  }

  /** Resolves when everything that was taken is in the set, with false when reading must stop. */
  end(): Promise<boolean> {
    return this.#last;
  }

  #start(runs: readonly Run[]): void {
    const { replica, link } = this.#options;
    const checking = replica.screen(runs, { from: link.peerId, via: 'pull' });
    const placing = Promise.all([checking, this.#goesOn]).then(([screened, goesOn]) =>
      goesOn ? replica.place(screened) : undefined,
    );
    const goesOn = placing.then((placed) => placed !== undefined && this.#judge(placed.report));
    const stored = Promise.all([placing, goesOn, this.#last]).then(async ([placed, judged]) => {
      if (placed !== undefined) this.#account(await placed.visible);
      if (judged) this.#options.onTaken?.(runs);
      return judged;
    });
    // Whoever waits for this part or a later one hears of it.
    for (const promise of [goesOn, stored]) promise.catch(() => undefined);
    this.#goesOn = goesOn;
    this.#last = stored;
    this.#underWay.push(stored);
  }

  /** Runs in parts of about so many bytes, each at least one run. */
  *#partsOf(runs: readonly Uint8Array[]): Iterable<readonly Uint8Array[]> {
    let from = 0;
    let bytes = 0;
    for (const [i, run] of runs.entries()) {
      bytes += run.length;
      if (bytes < this.#partBytes) continue;
      yield runs.slice(from, i + 1);
      from = i + 1;
      bytes = 0;
      this.#partBytes = Math.min(PART_BYTES_MAX, 2 * this.#partBytes);
    }
    if (from < runs.length) yield runs.slice(from);
  }

  /** The runs that were asked for. */
  #decode(encoded: readonly Uint8Array[]): Run[] {
    const { link, ports, replica } = this.#options;
    const runs: Run[] = [];
    for (const bytes of encoded) {
      ports.metrics.add('bytes_pulled', bytes.length);
      const run = decodeOrBlame(bytes, replica.space.id, link);
      if (this.#authors.has(mapKey(run.author))) runs.push(run);
      else {
        ports.metrics.add('sync_unsolicited');
        link.fault('BAD_ENCODING', 'The peer sent runs of an author that was not asked for.');
      }
    }
    return runs;
  }

  #account(report: MergeReport): void {
    const { ports, onAccepted } = this.#options;
    onAccepted(report.accepted);
    ports.metrics.add('assertions_synced', report.accepted);
    if (report.known > 0) ports.metrics.add('assertions_pulled_twice', report.known);
  }

  /** Returns false when reading must stop. */
  #judge(report: MergeReport): boolean {
    const { link, ranges, onRefused } = this.#options;
    for (const refusal of report.refusals) {
      // Membership depends on the bytes and the causal past alone: what we refuse, the peer had to refuse.
      link.fault(refusal.code, refusal.message);
      for (const range of ranges) if (equalBytes(range.author, refusal.author)) onRefused(range);
    }
    return !report.full && report.refusals.length === 0;
  }
}

/** Throws what the decoder throws; an honest peer has no such run. */
export function decodeOrBlame(bytes: Uint8Array, space: Uint8Array, link: Link): Run {
  try {
    return decodeRun(bytes, space);
  } catch (error) {
    const { code, message } = toAverError(error);
    link.fault(code, message);
    throw error;
  }
}
