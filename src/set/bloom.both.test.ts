import { beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, readU64, u32Bytes } from '../base/bytes.ts';
import { blake3, blake3Keyed, loadFastHash } from '../base/hash.ts';
import { type Bloom, bloomHas, bloomKey, bloomSize, buildBloom, checkBloom } from './bloom.ts';

const TOPIC = '/aver/1/00';
const nonce = (n: number) => new Uint8Array(16).fill(n);
const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => blake3(u32Bytes(from + i)));
const key = bloomKey(TOPIC, nonce(1));

function isRefused(bloom: Bloom, hintCount: number): boolean {
  try {
    checkBloom(bloom, hintCount);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_ENCODING' });
    return true;
  }
}

test('the same bytes come of the same ids in every engine, with either hasher [ICG-10]', async () => {
  const expected = '9e516171b7a745d9194d04d1dfaf3eef';
  expect(bytesToHex(buildBloom(key, ids(10)).bits)).toBe(expected);
  await loadFastHash();
  expect(bytesToHex(buildBloom(key, ids(10)).bits)).toBe(expected);
});

describe('a filter', () => {
  beforeAll(loadFastHash);

  test('sets bit (h1 + i·h2) mod m, of the two 64-bit halves of the keyed hash [ICG-10]', () => {
    const [id] = ids(1) as [Uint8Array];
    const hash = blake3Keyed(key, id);
    const [h1, h2] = [readU64(hash), readU64(hash, 8)];
    const expected = new Set(Array.from({ length: 44 }, (_, i) => Number((h1 + BigInt(i) * h2) % 64n)));
    const { bits } = buildBloom(key, [id]);
    const set = Array.from({ length: 64 }, (_, bit) => bit).filter(
      (bit) => (bits[bit >> 3] as number) & (1 << (bit & 7)),
    );
    expect(new Set(set)).toEqual(expected);
  });

  test.each([
    [0, 64, 1],
    [1, 64, 44],
    [2, 64, 22],
    [8, 64, 6],
    [9, 128, 10],
    [100, 1024, 7],
    [1000, 8192, 6],
    [1024, 8192, 6],
    [1025, 16_384, 11],
    [8192, 65_536, 6],
    [8193, 65_536, 6],
    [20_000, 65_536, 2],
    [100_000, 65_536, 1],
    [10_000_000, 65_536, 1],
  ])('of %s ids has %s bits and %s hashes [ICG-02][ICG-03]', (n, bits, hashes) => {
    expect(bloomSize(n)).toEqual([bits, hashes]);
  });

  test.each([1, 10, 100, 1000, 8192])('of %s ids has them all, and few others [ICG-40]', (n) => {
    const bloom = buildBloom(key, ids(n));
    for (const id of ids(n)) expect(bloomHas(key, bloom, id)).toBe(true);
    const false_ = ids(5000, 1_000_000).filter((id) => bloomHas(key, bloom, id)).length;
    expect(false_ / 5000).toBeLessThan(0.03);
    checkBloom(bloom, n);
  });

  test('holds 10,000 ids with fewer than one false positive in ten, 20,000 with one in four [ICG-40]', () => {
    for (const [n, rate] of [
      [10_000, 0.1],
      [20_000, 0.25],
    ] as const) {
      const bloom = buildBloom(key, ids(n));
      const hits = ids(5000, 1_000_000).filter((id) => bloomHas(key, bloom, id)).length;
      expect(hits / 5000).toBeLessThan(rate);
    }
  });

  test('with another nonce has other false positives [ICG-10]', () => {
    const keys = [bloomKey(TOPIC, nonce(1)), bloomKey(TOPIC, nonce(2)), bloomKey('/other', nonce(1))];
    const others = ids(3000, 1_000_000);
    const blooms = keys.map((each) => buildBloom(each, ids(9000)));
    expect(new Set(blooms.map(({ bits }) => bytesToHex(bits))).size).toBe(3);
    const falseInAll = others.filter((id) => keys.every((each, i) => bloomHas(each, blooms[i] as Bloom, id)));
    expect(falseInAll.length).toBeLessThan(10);
  });

  test('without ids has none', () => {
    const bloom = buildBloom(key, []);
    checkBloom(bloom, 0);
    expect(ids(100).some((id) => bloomHas(key, bloom, id))).toBe(false);
  });
});

describe('a received filter is refused [ICG-11]', () => {
  test.each([0, 4, 12, 8193, 16_384])('with %s bytes', (bytes) => {
    expect(isRefused({ hashes: 1, bits: new Uint8Array(bytes) }, 0)).toBe(true);
  });

  test.each([0, 45, 1000])('with %s hashes', (hashes) => {
    expect(isRefused({ hashes, bits: new Uint8Array(8) }, 0)).toBe(true);
  });

  test('when it holds less than half or more than twice what the hint says', () => {
    const bloom = buildBloom(key, ids(1000));
    for (const honest of [600, 800, 1000, 1200, 1900]) expect(isRefused(bloom, honest)).toBe(false);
    for (const lie of [0, 100, 450, 2200, 1_000_000, Number.MAX_SAFE_INTEGER])
      expect(isRefused(bloom, lie)).toBe(true);
    expect(isRefused({ hashes: 6, bits: new Uint8Array(1024) }, 1000)).toBe(true);
  });

  test.each([5, 8192])('when all bits are set, whatever it is said to hold: %s', (hintCount) => {
    expect(isRefused({ hashes: 3, bits: new Uint8Array(8192).fill(0xff) }, hintCount)).toBe(true);
  });

  test('and every filter that is built passes, whatever its size', () => {
    for (let n = 0; n < 400; n++) checkBloom(buildBloom(key, ids(n)), n);
    for (const n of [1000, 3000, 9000, 16_000, 40_000]) checkBloom(buildBloom(key, ids(n)), n);
  });
});
