import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { u32Bytes } from '../base/bytes.ts';
import { blake3, loadFastHash } from '../base/hash.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { type Cells, emptyCells, estimateDifference, peel, type ShortId, Sketch, shortId } from './sketch.ts';

beforeAll(loadFastHash);

function hashOf(n: number): Uint8Array {
  return blake3(u32Bytes(n));
}

function sketchOf(from: number, to: number): Sketch {
  const sketch = new Sketch();
  for (let n = from; n < to; n++) sketch.add(hashOf(n));
  return sketch;
}

function shortIds(from: number, to: number): ShortId[] {
  return sorted(Array.from({ length: to - from }, (_, i) => shortId(hashOf(from + i))));
}

function sorted(ids: readonly ShortId[] = []): ShortId[] {
  return [...ids].sort((a, b) => a.high - b.high || a.low - b.low);
}

describe('two sketches', () => {
  it('of equal sets differ in nothing, however the sets came about', () => {
    const mine = sketchOf(0, 500);
    const theirs = sketchOf(250, 700);
    for (let n = 500; n < 700; n++) theirs.remove(hashOf(n));
    for (let n = 0; n < 250; n++) theirs.add(hashOf(n));
    expect(peel(mine.cells(), theirs.cells())).toEqual({ mine: [], theirs: [] });
    expect(estimateDifference(mine.cells(64).counts, theirs.cells(64).counts)).toBe(0);
  });

  it('give every difference, on its side, from less than two cells for each and a few more', () => {
    for (const d of [1, 5, 50, 500]) {
      const mine = sketchOf(0, 2000);
      const theirs = sketchOf(d, 2000 + d);
      const length = Math.min(2048, 4 * d + 16);
      const difference = peel(mine.cells(length), theirs.cells(length));
      expect(sorted(difference?.mine)).toEqual(shortIds(0, d));
      expect(sorted(difference?.theirs)).toEqual(shortIds(2000, 2000 + d));
    }
  });

  it('say that they do not suffice, instead of guessing', () => {
    expect(peel(sketchOf(0, 500).cells(64), sketchOf(500, 1000).cells(64))).toBeUndefined();
    expect(peel(sketchOf(0, 3000).cells(), sketchOf(3000, 6000).cells())).toBeUndefined();
  });

  it('tell the size of the difference about, from sixty-four counts', () => {
    for (const d of [20, 200, 2000]) {
      const ratios = [0, 10_000, 20_000, 30_000, 40_000].map((from) => {
        const mine = sketchOf(from, from + 4000).cells(64);
        const theirs = sketchOf(from + d / 2, from + 4000 + d / 2).cells(64);
        return estimateDifference(mine.counts, theirs.counts) / d;
      });
      expect(Math.min(...ratios)).toBeGreaterThan(0.5);
      expect(Math.max(...ratios)).toBeLessThan(2);
    }
  });
});

describe('a hostile sketch', () => {
  it('of random cells ends in bounded time without a difference', () => {
    const random = new SeededRandom(7);
    for (let round = 0; round < 20; round++) {
      const cells: Cells = emptyCells(2048);
      for (let i = 0; i < 2048; i++) {
        cells.high[i] = random.integer(2 ** 32);
        cells.low[i] = random.integer(2 ** 32);
        cells.checks[i] = random.integer(2 ** 32);
        cells.counts[i] = random.integer(3) - 1;
      }
      expect(peel(sketchOf(0, 10).cells(), cells)).toBeUndefined();
    }
  });

  it('that puts one id in twice, or only in some of its cells, does not make peeling run on', () => {
    const twice = sketchOf(0, 10);
    twice.add(hashOf(3));
    expect(peel(sketchOf(0, 10).cells(), twice.cells())).toEqual({ mine: [], theirs: [shortId(hashOf(3))] });
    const partial = sketchOf(0, 10).cells();
    partial.counts[0] = (partial.counts[0] as number) + 1;
    expect(peel(sketchOf(0, 10).cells(), partial)).toBeUndefined();
    // The same cell claimed pure again and again: each step toggles it in and out.
    const loop = emptyCells(2048);
    const one = sketchOf(3, 4).cells();
    for (let i = 1; i < 2048; i += 2) {
      loop.high[i] = one.high[0] as number;
      loop.low[i] = one.low[0] as number;
      loop.checks[i] = one.checks[0] as number;
      loop.counts[i] = 1;
    }
    expect(peel(new Sketch().cells(), loop)).toBeUndefined();
  });
});

it('tells cells that stay what they were while the set goes on', () => {
  const sketch = sketchOf(0, 10);
  const [told, first] = [sketch.cells(), sketch.cells(16)];
  const before = structuredClone([told, first]);
  sketch.add(hashOf(11));
  sketch.remove(hashOf(3));
  expect([told, first]).toEqual(before);
  expect(peel(sketch.cells(), told)).toEqual({ mine: [shortId(hashOf(11))], theirs: [shortId(hashOf(3))] });
});

it('is the same for any order of adding and removing', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), (numbers) => {
      const members = new Set<number>();
      const sketch = new Sketch();
      for (const n of numbers) {
        if (members.delete(n)) sketch.remove(hashOf(n));
        else {
          members.add(n);
          sketch.add(hashOf(n));
        }
      }
      const fresh = new Sketch();
      for (const n of members) fresh.add(hashOf(n));
      expect(sketch.cells()).toEqual(fresh.cells());
    }),
  );
});
