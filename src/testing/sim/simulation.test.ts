import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';

const SEEDS = 12;

function options(seed: number) {
  return { seed, peers: 6, rogues: 1, deeds: 15, assertions: 80, faultsMs: 40_000, faults: 30 };
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
    const { breach, acknowledged } = await simulate(options(seed));
    expect(breach).toBeUndefined();
    expect(acknowledged).toBeGreaterThan(0);
  },
);
