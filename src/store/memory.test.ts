import { expect, test } from 'vitest';
import { SeededRandom } from '../testing/seeded-random.ts';
import { memoryStore } from './memory.ts';
import { SortedStrings } from './sorted-strings.ts';
import { storeSuite } from './store.suite.ts';

storeSuite('memory store', {
  persistent: false,
  makePlace: async () => ({ open: async () => memoryStore(), remove: async () => undefined }),
});

test('a sorted set over many chunks stays sorted through random changes', () => {
  const random = new SeededRandom(11);
  const set = new SortedStrings();
  const model = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const item = `${random.integer(8000)}`;
    if (random.number() < 0.6) {
      set.add(item);
      model.add(item);
    } else {
      set.delete(item);
      model.delete(item);
    }
  }
  const sorted = [...model].sort();
  expect(walk(set, '', '~')).toEqual(sorted);
  expect(walkBack(set, '', '~')).toEqual([...sorted].reverse());
  const middle = sorted.filter((item) => item >= '3' && item < '61');
  expect(walk(set, '3', '61')).toEqual(middle);
  expect(walkBack(set, '3', '61')).toEqual(middle.reverse());
  for (const item of sorted) set.delete(item);
  expect(walk(set, '', '~')).toEqual([]);
  expect(walkBack(set, '', '~')).toEqual([]);
});

function walk(set: SortedStrings, from: string, below: string): string[] {
  const page = set.page(from, below);
  const last = page.at(-1);
  return last === undefined ? [] : [...page, ...walk(set, `${last}\0`, below)];
}

function walkBack(set: SortedStrings, from: string, below: string): string[] {
  const page = set.pageReverse(from, below);
  const last = page.at(-1);
  return last === undefined ? [] : [...page, ...walkBack(set, from, last)];
}
