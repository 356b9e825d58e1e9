import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAverError } from '../base/errors.ts';
import {
  packCells,
  packCounts,
  packShortIds,
  unpackCells,
  unpackCounts,
  unpackShortIds,
} from './cells-codec.ts';
import { type Cells, emptyCells } from './sketch.ts';

const word = fc.integer({ min: 0, max: 0xffffffff });
const count = fc.oneof(fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());

const CELLS: fc.Arbitrary<Cells> = fc
  .array(fc.tuple(word, word, word, count), { minLength: 1, maxLength: 40 })
  .map((rows) => ({
    high: Uint32Array.from(rows, ([high]) => high),
    low: Uint32Array.from(rows, ([, low]) => low),
    checks: Uint32Array.from(rows, ([, , check]) => check),
    counts: Int32Array.from(rows, ([, , , each]) => each),
  }));

describe('cells on the wire', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(CELLS, (cells) => {
        expect(unpackCells(packCells(cells), 40)).toEqual(cells);
      }),
    );
  });

  it('that were cut, changed or invented decode to what they encode, or are refused [MSH-08]', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), CELLS.map(packCells)),
        fc.nat(),
        (bytes, cut) => {
          const some = bytes.subarray(0, bytes.length - (cut % 3));
          try {
            expect(packCells(unpackCells(some, 40))).toEqual(some);
          } catch (error) {
            expect(isAverError(error, 'BAD_ENCODING'), String(error)).toBe(true);
          }
        },
      ),
    );
  });

  it('and counts and short ids beside them come back as they were', () => {
    fc.assert(
      fc.property(
        fc.array(count, { minLength: 2, maxLength: 40 }),
        fc.array(fc.tuple(word, word)),
        (all, ids) => {
          const counts = Int32Array.from(all);
          const before = counts.slice(0, 1);
          expect(unpackCounts(packCounts(counts, 1), before, counts.length)).toEqual(counts);
          const short = ids.map(([high, low]) => ({ high, low }));
          expect(unpackShortIds(packShortIds(short), ids.length)).toEqual(short);
        },
      ),
    );
    const one = packCounts(Int32Array.of(5, 3, 9), 1);
    const before = Int32Array.of(5);
    expect(() => unpackCounts(one, before, 2)).toThrow(/follow/);
    expect(() => unpackCounts(one, before, 4)).toThrow(/cut off/);
    expect(() => unpackShortIds(new Uint8Array(16), 1)).toThrow(/too many/);
    expect(() => unpackShortIds(new Uint8Array(9), 2)).toThrow(/half/);
  });

  it('of a large set take thirteen bytes each: a count tells only what is unexpected in it', () => {
    const cells = { ...emptyCells(64), counts: new Int32Array(64) };
    for (let i = 0; i < 64; i++) cells.counts[i] = Math.floor(2_000_000 / (2 + i)) + (i % 2 === 0 ? 30 : -30);
    expect(packCells(cells).length).toBeLessThanOrEqual(64 * 13 + 3);
  });

  it('are refused beyond the bound', () => {
    const cells = {
      high: new Uint32Array(3),
      low: new Uint32Array(3),
      checks: new Uint32Array(3),
      counts: new Int32Array(3),
    };
    expect(() => unpackCells(packCells(cells), 2)).toThrow(/too long/);
    expect(() => unpackCells(new Uint8Array(0), 2)).toThrow(/empty/);
  });
});
