import { expect, test } from 'vitest';
import { classLimits, limits, type TrustClass } from '../base/limits.ts';
import { Standing, severityOf } from './standing.ts';
import { classOf } from './trust-class.ts';

const HOUR_MS = 3_600_000;

test.each<[trust: number, standing: number, TrustClass]>([
  [0, 50, 'isolated'],
  [0.099, 50, 'isolated'],
  [0.1, 50, 'known'],
  [0.399, 50, 'known'],
  [0.4, 50, 'partner'],
  [0.699, 50, 'partner'],
  [0.7, 50, 'federated'],
  [1, 100, 'federated'],
  [0.7, 49, 'partner'],
  [0.4, 40, 'known'],
  [0.1, 40, 'isolated'],
  [1, 25, 'partner'],
  [1, 24.9, 'isolated'],
  [1, 0, 'isolated'],
  [Number.NaN, 50, 'isolated'],
])('trust %d with a standing of %d is of class %s [ICG-23] [ICG-36]', (trust, standing, expected) => {
  expect(classOf(trust, standing)).toBe(expected);
});

test('the classes have the limits that the design names [ICG-23]', () => {
  const table = Object.entries(classLimits).map(([name, bounds]) => [name, ...Object.values(bounds)]);
  expect(table).toEqual([
    ['isolated', 0, 65_536, 1, 1500, 5000],
    ['known', 0.1, 262_144, 2, 800, 2500],
    ['partner', 0.4, 1_048_576, 3, 300, 1200],
    ['federated', 0.7, 1_048_576, 3, 300, 1200],
  ]);
  expect(classLimits.isolated.pullBytes).toBeGreaterThanOrEqual(limits.runBytesMax);
});

test('forged things cost five times as much standing as garbage; four of them cost everything [ICG-36]', () => {
  expect([severityOf('BAD_ENCODING'), severityOf('BAD_SIGNATURE')]).toEqual([1, 5]);
  const standing = new Standing();
  expect(standing.value(0)).toBe(50);
  const after = [1, 2, 3, 4, 5].map(() => {
    standing.lose(5, 0);
    return standing.value(0);
  });
  expect(after).toEqual([37.5, 25, 12.5, 0, 0]);
});

test('standing comes back by a point an hour, up to where it began, and not by setting the clock back', () => {
  const standing = new Standing();
  standing.lose(5, 10 * HOUR_MS);
  expect(standing.value(0)).toBe(37.5);
  expect(standing.value(12 * HOUR_MS)).toBe(39.5);
  expect(standing.value(1000 * HOUR_MS)).toBe(50);
});

test('asking too much demotes a peer, and never costs it all its standing [ICG-36]', () => {
  const standing = new Standing();
  for (let i = 0; i < 100; i++) standing.loseForLoad(0);
  expect(standing.value(0)).toBe(limits.standingLoadMin);
  expect(classOf(1, standing.value(0))).toBe('isolated');
  standing.lose(1, 0);
  standing.loseForLoad(0);
  expect(standing.value(0)).toBe(limits.standingLoadMin - limits.standingPerSeverity);
});
