import { expect, test } from 'vitest';
import { slopeOf } from './slope.ts';

const series = (of: (n: number) => number) =>
  Array.from({ length: 100 }, (_, n) => ({ atMs: n * 1000, value: of(n) }));
const tolerance = { share: 0.1, floor: 1 };

test('a warm-up that ends is no growth, a steady rise is, and noise is neither', () => {
  expect(
    slopeOf(
      series((n) => Math.min(n, 50)),
      tolerance,
    ).isFlat,
  ).toBe(true);
  expect(
    slopeOf(
      series((n) => 100 + (n % 7)),
      tolerance,
    ).isFlat,
  ).toBe(true);
  const rising = slopeOf(
    series((n) => 100 + n / 2),
    tolerance,
  );
  expect(rising.isFlat).toBe(false);
  expect(rising.perMinute).toBeCloseTo(30);
  expect(rising.growth).toBeCloseTo(24.5);
});
