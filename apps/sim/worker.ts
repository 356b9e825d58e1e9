/** One thread of `npm run sim`: runs the simulations that it is given, and looks for short traces of failures. */
import { parentPort } from 'node:worker_threads';
import { planOf } from '../../src/testing/sim/plan.ts';
import { type Shrunk, shrink } from '../../src/testing/sim/shrink.ts';
import { type Outcome, type SimulationOptions, simulate } from '../../src/testing/sim/simulation.ts';
import { watchRejections } from './rejections.ts';

export interface Task {
  readonly options: SimulationOptions;
  /** Whether to look for a shorter trace of a failure. */
  readonly shrinks: boolean;
}

export interface Result {
  readonly outcome: Outcome;
  readonly shrunk: Shrunk | undefined;
}

parentPort?.on('message', async ({ options, shrinks }: Task) => {
  const watched = { ...options, watchRejections };
  const outcome = await simulate(watched);
  const isShrunk = shrinks && outcome.breach !== undefined;
  const shrunk = isShrunk ? await shrink(watched, planOf(options), outcome) : undefined;
  parentPort?.postMessage({ outcome, shrunk } satisfies Result);
});
