/**
 * Lenses: pure functions from competing claims to an order, winner first. No clock, no I/O, no
 * randomness, integers only: every peer that holds the same claims picks the same winner.
 */

import type { Claim } from '../assertion/claims.ts';
import { compareReadings } from '../assertion/hlc.ts';
import type { Assertion } from '../assertion/model.ts';
import { compareBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';

export interface Candidate {
  readonly claim: Claim;
  readonly claimIndex: number;
  readonly assertion: Pick<Assertion, 'id' | 'author' | 'hlc'>;
}

export interface Lens {
  readonly name: string;
  /** Negative when `a` wins over `b`; a total order over different claims. */
  compare(a: Candidate, b: Candidate): number;
}

/** The last words of every lens: smallest id, then the later claim of one assertion. */
function tieBreak(a: Candidate, b: Candidate): number {
  return compareBytes(a.assertion.id, b.assertion.id) || b.claimIndex - a.claimIndex;
}

/** Highest HLC wins [STC-15]. */
const latest: Lens = {
  name: 'latest',
  compare: (a, b) => compareReadings(b.assertion, a.assertion) || tieBreak(a, b),
};

const lenses: readonly Lens[] = [latest];

/** Throws `NOT_FOUND` with the names that there are. */
export function lensNamed(name: string = latest.name): Lens {
  const lens = lenses.find((each) => each.name === name);
  if (lens === undefined) {
    throw new AverError(
      'NOT_FOUND',
      `There is no lens "${name}"; there is ${lenses.map((each) => each.name).join(', ')}.`,
    );
  }
  return lens;
}

/** The candidates in the lens's order, winner first. */
export function resolve<C extends Candidate>(lens: Lens, candidates: readonly C[]): C[] {
  return [...candidates].sort(lens.compare);
}
