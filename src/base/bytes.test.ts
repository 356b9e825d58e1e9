import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  base64UrlToBytes,
  bytesToBase64Url,
  bytesToHex,
  compareBytes,
  concatBytes,
  equalBytes,
  hexToBytes,
  prefixEnd,
  readU32,
  readU64,
  u32Bytes,
  u64Bytes,
  utf8,
} from './bytes.ts';

const bytes = fc.uint8Array({ maxLength: 80, size: 'max' });
const longBytes = fc.uint8Array({ minLength: 100, maxLength: 300, size: 'max' });

test('hex and base64url give the bytes back, and agree with the platform', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, longBytes), (given) => {
      expect(hexToBytes(bytesToHex(given))).toEqual(given);
      expect(hexToBytes(bytesToHex(given).toUpperCase(), given.length)).toEqual(given);
      expect(base64UrlToBytes(bytesToBase64Url(given))).toEqual(given);
      expect(bytesToHex(given)).toBe(Buffer.from(given).toString('hex'));
      expect(bytesToBase64Url(given)).toBe(Buffer.from(given).toString('base64url'));
    }),
  );
});

test.each(['0', 'zz', '0x', ' 00', '00\n', 'é0'])('hex "%s" is refused', (text) => {
  expect(() => hexToBytes(text)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
});

test('hex of another length than asked for is refused', () => {
  expect(() => hexToBytes('0011', 1)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
});

test.each(['A', 'AA==', 'A+', 'AB', '____A', ' AAA'])(
  'base64url "%s" is refused: it is not the one encoding',
  (text) => {
    expect(() => base64UrlToBytes(text)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  },
);

describe('compareBytes', () => {
  test('is the order of unsigned bytes, a prefix first', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  test('orders numbers by their big-endian bytes [STS-19]', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (a, b) => {
          expect(readU64(u64Bytes(a))).toBe(a);
          expect(Math.sign(compareBytes(u64Bytes(a), u64Bytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
        },
      ),
    );
  });
});

test('a number has the same bytes as a bigint, in an array of its own', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(readU64(u64Bytes(value))).toBe(BigInt(value));
    }),
  );
  const [first, second] = [u64Bytes(1), u64Bytes(2)];
  expect([readU64(first), readU64(second)]).toEqual([1n, 2n]);
  expect(readU32(u32Bytes(7))).toBe(7);
});

test('utf8 is what the platform’s encoder makes, short or long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => {
      expect(utf8(text)).toEqual(new TextEncoder().encode(text));
    }),
  );
});

test('numbers are read at an offset of a view', () => {
  const view = concatBytes(Uint8Array.of(9), u32Bytes(0xfedcba98), u64Bytes(2n ** 53n + 1n)).subarray(1);
  expect(readU32(view)).toBe(0xfedcba98);
  expect(readU64(view, 4)).toBe(2n ** 53n + 1n);
});

test('prefixEnd is the first key after all that begin with the prefix', () => {
  expect(prefixEnd(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 3));
  expect(prefixEnd(Uint8Array.of(1, 0xff))).toEqual(Uint8Array.of(2));
  expect(prefixEnd(Uint8Array.of(0xff, 0xff))).toBeUndefined();
  fc.assert(
    fc.property(bytes, bytes, (prefix, rest) => {
      const end = prefixEnd(prefix);
      if (end !== undefined) expect(compareBytes(concatBytes(prefix, rest), end)).toBeLessThan(0);
    }),
  );
});
