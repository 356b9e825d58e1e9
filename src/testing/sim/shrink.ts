/** The shortest plan that still breaks the same rule: parts are left out for as long as it does (ddmin). */
import type { Action } from './plan.ts';
import { type Outcome, type SimulationOptions, simulate } from './simulation.ts';

/** Simulations that a search for a shorter plan may cost. */
const TRIES_MAX = 200;

export interface Shrunk {
  readonly plan: readonly Action[];
  readonly outcome: Outcome;
}

/** `failed` is what the whole plan led to. */
export async function shrink(
  options: SimulationOptions,
  plan: readonly Action[],
  failed: Outcome,
): Promise<Shrunk> {
  let best: Shrunk = { plan, outcome: failed };
  let tries = TRIES_MAX;
  for (let parts = 2; best.plan.length > 1; ) {
    const size = Math.ceil(best.plan.length / parts);
    let isShorter = false;
    for (let from = 0; from < best.plan.length && !isShorter; from += size) {
      if (tries-- <= 0) return best;
      const shorter = best.plan.toSpliced(from, size);
      const outcome = await simulate({ ...options, plan: shorter, print: undefined });
      isShorter = outcome.breach?.rule === failed.breach?.rule;
      if (isShorter) best = { plan: shorter, outcome };
    }
    if (isShorter) parts = Math.max(2, parts - 1);
    else if (size === 1) return best;
    else parts = Math.min(best.plan.length, parts * 2);
  }
  return best;
}
