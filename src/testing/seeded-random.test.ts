import { expect, test } from 'vitest';
import { bytesToHex } from '../base/bytes.ts';
import { SeededRandom } from './seeded-random.ts';

test('the same seed gives the same numbers in every engine, another seed others', () => {
  expect(bytesToHex(new SeededRandom(1).bytes(16))).toBe('0300e028c2a4ead17960029c9ddb4201');
  expect(new SeededRandom(2).bytes(16)).not.toEqual(new SeededRandom(1).bytes(16));
});

test('numbers lie in [0, 1) and spread evenly', () => {
  const random = new SeededRandom(7);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const number = random.number();
    const bucket = Math.floor(number * 10);
    buckets[bucket] = (buckets[bucket] ?? Number.NaN) + 1;
  }
  for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(150);
  expect(buckets).toHaveLength(10);
});

test('shuffle keeps every item and leaves its input alone', () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = new SeededRandom(3).shuffle(items);
  expect(shuffled).not.toEqual(items);
  expect(shuffled.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});
