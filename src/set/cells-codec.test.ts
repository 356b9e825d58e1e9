import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAverError } from '../base/errors.ts';
import { packCells, unpackCells } from './cells-codec.ts';
import type { Cells } from './sketch.ts';

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
