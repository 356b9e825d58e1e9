/**
 * The runs of one batch and whatever waits for them, placed one after the other. What is accepted is
 * not visible before the replica has stored the batch; should that fail, `undo` returns to the
 * pending set what was freed from it.
 */
import type { Run } from '../assertion/model.ts';
import { mapKey } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import type { MergeBatch } from './merge.ts';
import { emptyReport, type MergeReport, type Source } from './merge-report.ts';
import type { Pending, PendingRun } from './pending.ts';

/** Runs that somebody handed in together. */
export interface Intake {
  readonly source: Source;
  readonly report: MergeReport;
  /** Those of them that wait: should the same intake bring what they wait for, they count as accepted. */
  readonly waiting: Set<Run>;
}

export interface Arrival {
  readonly run: Run;
  readonly source: Source;
  readonly report: MergeReport;
}

export class Placing {
  /** In causal order. */
  readonly accepted: Arrival[] = [];
  readonly #freed: PendingRun[] = [];
  readonly #batch: MergeBatch;
  readonly #pending: Pending;
  readonly #intake: Intake;
  readonly #refuse: (arrival: Arrival, error: unknown) => void;

  /** `refuse` throws again what does not say that the run cannot be in the set. */
  constructor(
    batch: MergeBatch,
    pending: Pending,
    intake: Intake,
    refuse: (arrival: Arrival, error: unknown) => void,
  ) {
    this.#batch = batch;
    this.#pending = pending;
    this.#intake = intake;
    this.#refuse = refuse;
  }

  async place(run: Run): Promise<void> {
    const { source, report } = this.#intake;
    const queue: Arrival[] = [{ run, source, report }];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const accepted = await this.#placeOne(next);
      if (accepted === undefined) continue;
      this.accepted.push({ ...next, run: accepted });
      for (const { id } of accepted.assertions) {
        if (this.#pending.size > 0) queue.push(...this.#release(mapKey(id)));
      }
    }
  }

  /** Nothing of the batch became visible. */
  undo(): void {
    for (const each of this.#freed) this.#pending.add(each);
  }

  #release(id: string): Arrival[] {
    return this.#pending.release(id).map((free) => {
      // To wait for one of what it waited for is enough: then all of it is looked at again.
      this.#freed.push({ ...free, missing: new Set([id]) });
      return { run: free.run, source: free.source, report: this.#reportOf(free.run) };
    });
  }

  /** Where a run that waited is counted: where it was counted as waiting, if that is still open. */
  #reportOf(run: Run): MergeReport {
    const { report, waiting } = this.#intake;
    if (!waiting.delete(run)) return emptyReport();
    report.pending -= run.assertions.length;
    return report;
  }

  /** What of the run became part of the batch. */
  async #placeOne(arrival: Arrival): Promise<Run | undefined> {
    const { run: whole, source, report } = arrival;
    try {
      const placement = await this.#batch.place(whole);
      if (placement.type === 'known') {
        report.known += whole.assertions.length;
        return undefined;
      }
      if (placement.type === 'waits' && source.via === 'own') {
        // An own run that entered after the next one would fork the own chain.
        throw new AverError('BAD_CHAIN', 'The own assertion builds on something that is not here.');
      }
      report.known += placement.known;
      if (placement.type === 'accepted') {
        report.accepted += placement.run.assertions.length;
        return placement.run;
      }
      this.#wait({ ...arrival, run: placement.run }, placement.missing);
    } catch (error) {
      this.#refuse(arrival, error);
    }
    return undefined;
  }

  #wait({ run, source, report }: Arrival, missing: Set<string>): void {
    report.pending += run.assertions.length;
    if (!this.#pending.add({ run, source, missing })) report.full = true;
    else if (report === this.#intake.report) this.#intake.waiting.add(run);
  }
}
