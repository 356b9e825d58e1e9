/** The claims that the benchmarks write: like catalogue facts, a subject of their own each. */
import type { ClaimInput } from '../../src/index.ts';

const PREDICATES = ['title', 'license', 'version', 'dependsOn', 'size'] as const;

export function claim(n: number): ClaimInput {
  return {
    subject: `bench://package/${n.toString(36)}`,
    predicate: PREDICATES[n % PREDICATES.length] as string,
    object: n % 5 === 4 ? n : `value ${n} of a benchmark, as long as a short title`,
  };
}

export function claims(from: number, count: number): ClaimInput[] {
  return Array.from({ length: count }, (_, i) => claim(from + i));
}
