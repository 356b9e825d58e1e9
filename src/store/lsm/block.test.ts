import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, compareBytes, concatBytes, utf8 } from '../../base/bytes.ts';
import { hash32 } from '../../base/checksum.ts';
import type { StoreOp } from '../../base/ports.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { Block, packBlock } from './block.ts';
import { keyHash, makeFilter, mayHold } from './key-filter.ts';

const key = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => bytes.map((byte) => byte & 0x87));
const prefix = fc.uint8Array({ maxLength: 40 });
const row = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }) });
const rows = fc
  .tuple(prefix, fc.array(row, { minLength: 1, maxLength: 30 }))
  .map(([before, list]) => list.map((each): StoreOp => ({ ...each, key: concatBytes(before, each.key) })));

function unpacked(block: Block): StoreOp[] {
  return Array.from({ length: block.rows }, (_, i) => ({ key: block.key(i), value: block.value(i) }));
}

describe('block', () => {
  test('gives back the rows in their order, deleted ones and empty values too', () => {
    const property = fc.property(rows, (list) => {
      expect(unpacked(new Block(packBlock(list)))).toEqual(list);
    });
    fc.assert(property);
  });

  test('finds every row, and the places of keys that it has not', () => {
    const property = fc.property(rows, fc.array(key), prefix, (list, others, before) => {
      const byKey = new Map(list.map((each) => [bytesToHex(each.key), each]));
      const sorted = [...byKey.values()].sort((a, b) => compareBytes(a.key, b.key));
      const block = new Block(packBlock(sorted));
      const wanted = [
        ...sorted.map((each) => each.key),
        ...others,
        ...others.map((each) => concatBytes(before, each)),
      ];
      for (const each of wanted) {
        expect(block.find(each)?.value).toEqual(byKey.get(bytesToHex(each))?.value);
        expect(block.find(each) === undefined).toBe(!byKey.has(bytesToHex(each)));
        expect(block.lowerBound(each)).toBe(sorted.filter((one) => compareBytes(one.key, each) < 0).length);
        expect(block.upperBound(each)).toBe(sorted.filter((one) => compareBytes(one.key, each) <= 0).length);
      }
    });
    fc.assert(property);
  });

  test('a changed bit anywhere, a lost end and strange bytes are named', () => {
    const packed = packBlock([
      { key: utf8('key 1'), value: utf8('value') },
      { key: utf8('key 2'), value: undefined },
    ]);
    const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' });
    for (let bit = 0; bit < packed.length * 8; bit++) {
      const changed = packed.with(bit >> 3, (packed[bit >> 3] as number) ^ (1 << (bit & 7)));
      expect(() => new Block(changed)).toThrow(corrupt);
    }
    for (let length = 0; length < packed.length; length++) {
      expect(() => new Block(packed.slice(0, length))).toThrow(corrupt);
    }
  });

  test('memory that was given away is refused, not stored as empty', () => {
    const value = new Uint8Array(8);
    structuredClone(value, { transfer: [value.buffer] });
    expect(() => packBlock([{ key: utf8('a'), value }])).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }),
    );
  });
});

test('the hash is MurmurHash3, 32 bits, seed 0', () => {
  const hashes = ['', 'a', 'ab', 'abc', 'abcd', 'Hello, world!'].map((text) => hash32(utf8(text)));
  expect(hashes).toEqual([0, 0x3c2569b2, 0x9bbfd75f, 0xb3dd93fa, 0x43ed676a, 0xc0363e43]);
});

test('a filter holds every key that went in, and lets few others pass', () => {
  const random = new SeededRandom(8);
  const inside = Array.from({ length: 5000 }, () => keyHash(random.bytes(40)));
  const filter = makeFilter(inside);
  expect(inside.every((hash) => mayHold(filter, hash))).toBe(true);
  let passed = 0;
  for (let i = 0; i < 20_000; i++) if (mayHold(filter, keyHash(random.bytes(40)))) passed++;
  expect(passed).toBeLessThan(20_000 / 50);
});
