import { expect, test, vi } from 'vitest';
import { HAPPENINGS } from './happenings.ts';
import { simulate } from './simulation.ts';

// A second each, on a machine that does nothing else.
vi.setConfig({ testTimeout: 300_000 });

const SEEDS = 24;
/** What happened in any of them. */
const seen = new Set<string>();

function options(seed: number) {
  return { seed, peers: 6, rogues: 2, deeds: 15, assertions: 80, faultsMs: 40_000, faults: 30 };
}

test('one seed gives one trace, another seed another', async () => {
  const [first, again, other] = [
    await simulate(options(1)),
    await simulate(options(1)),
    await simulate(options(2)),
  ];
  expect(again).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
});

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  'from seed %i peers live through all faults and converge',
  async (seed) => {
    const { breach, acknowledged, tally } = await simulate(options(seed));
    expect(breach).toBeUndefined();
    expect(acknowledged).toBeGreaterThan(0);
    for (const what of Object.keys(tally)) seen.add(what);
  },
);

test('all kinds of faults, deeds and lies came about in these seeds, and what may come of them', () => {
  expect(HAPPENINGS.filter((what) => !seen.has(what))).toEqual([]);
});
