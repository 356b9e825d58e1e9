/** The door of a replica: what comes in is checked by itself, refused with a reason, or held for its time. */
import { isNewAuthorKey } from '../assertion/ed25519.ts';
import { type HlcClock, nsToMs } from '../assertion/hlc.ts';
import { lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Ports } from '../base/ports.ts';
import type { SpaceIdentity } from './genesis.ts';
import type { HeldAuthors } from './held-authors.ts';
import { checkRun, isRefusal } from './membership.ts';
import type { MergeReport, Refusal, Source } from './merge-report.ts';
import type { Quarantine } from './quarantine.ts';

interface DoorParts {
  readonly space: SpaceIdentity;
  readonly ports: Pick<Ports, 'crypto' | 'log' | 'metrics'>;
  readonly hlc: HlcClock;
  readonly held: HeldAuthors;
  readonly quarantine: Quarantine;
  readonly onRefused: (refusal: Refusal) => void;
  readonly onHeld: (dueMs: number) => void;
}

export class Door {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Whether the run may be placed; if not, the report says what became of it. */
  async check(run: Run, source: Source, report: MergeReport): Promise<boolean> {
    try {
      await checkRun(run, this.#parts.space, this.#parts.ports.crypto);
    } catch (error) {
      this.refuse(run, source, report, error);
      return false;
    }
    return !this.#hold(run, report);
  }

  /** Throws the error again unless it says that the run cannot be in the set. */
  refuse(run: Run, source: Source, report: MergeReport, error: unknown): void {
    if (!isRefusal(error)) throw error;
    const { code, message } = error;
    const { ports, quarantine, onRefused } = this.#parts;
    const refusal = { code, message, author: run.author, from: source.from };
    report.refused += run.assertions.length;
    report.refusals.push(refusal);
    if (source.via === 'own') return;
    quarantine.add({ ...refusal, bytes: encodeRun(run) });
    ports.metrics.add('assertions_refused', run.assertions.length, { code });
    // One line for all that came together: a message holds a thousand runs.
    if (report.refusals.length === 1)
      ports.log.write('warn', 'refused a run', { code, message, from: source.from });
    onRefused(refusal);
  }

  #hold(run: Run, report: MergeReport): boolean {
    const { hlc, held, ports, onHeld } = this.#parts;
    const last = lastOf(run);
    if (hlc.aheadMs(last.hlc) <= limits.hlcHoldAheadMsMin) return false;
    const dueMs = nsToMs(last.hlc.time) - limits.hlcHoldAheadMsMin;
    held.add(run.author, last.id, dueMs);
    report.held += run.assertions.length;
    ports.metrics.add('assertions_held', run.assertions.length);
    onHeld(dueMs);
    return true;
  }
}

/** Checks all at once, but lets other work have its turn: a message can hold a thousand keys that are new here, and each holds up the thread. */
export function checkInTurns(
  runs: readonly Run[],
  clock: Clock,
  check: (run: Run) => Promise<boolean>,
): Promise<boolean[]> {
  let newKeys = 0;
  let turn: Promise<void> | undefined;
  const checks = runs.map((run) => {
    if (isNewAuthorKey(run.author) && ++newKeys > limits.authorKeysPerTurnMax) {
      newKeys = 1;
      turn = (turn ?? Promise.resolve()).then(() => clock.breathe?.());
    }
    return turn === undefined ? check(run) : turn.then(() => check(run));
  });
  return Promise.all(checks);
}
