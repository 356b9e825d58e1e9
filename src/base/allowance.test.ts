import { expect, it } from 'vitest';
import { Allowance } from './allowance.ts';

const BOUNDS = { start: 2, perSecond: 4, most: 3 };

it('lets a newcomer do what it begins with, and then so much a second', () => {
  const allowance = new Allowance(BOUNDS, 1000);
  expect([1, 2, 3].map(() => allowance.take(1000))).toEqual([true, true, false]);
  expect(allowance.take(1249)).toBe(false);
  expect(allowance.take(1250)).toBe(true);
  expect(allowance.take(1250)).toBe(false);
});

it('saves up to a bound, by waiting or by what was earned', () => {
  const allowance = new Allowance(BOUNDS, 0);
  expect([1, 2, 3, 4].map(() => allowance.take(100_000))).toEqual([true, true, true, false]);
  for (let n = 0; n < 10; n++) allowance.earn();
  expect([1, 2, 3, 4].map(() => allowance.take(100_000))).toEqual([true, true, true, false]);
});

it('gives nothing for a clock that was set back, nor keeps anything from whoever waits after that', () => {
  const allowance = new Allowance(BOUNDS, 100_000);
  expect([1, 2, 3].map(() => allowance.take(0))).toEqual([true, true, false]);
  expect(allowance.take(250)).toBe(true);
});
