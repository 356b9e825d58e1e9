import { blake3 as noble } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, utf8 } from './bytes.ts';
import { blake3, blake3Keyed, loadFastHash } from './hash.ts';

/** From the official test vectors: input bytes count 0, 1, 2 … 250 and again; and the key given there. */
const input = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);
const KEY = utf8('whats the Elvish word for friend');
const VECTORS = [
  [
    0,
    'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26',
  ],
  [
    1,
    '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
    '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b',
  ],
  [
    1025,
    'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444',
    '357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69',
  ],
] as const;

const hashers = [
  ['before WebAssembly is loaded', async () => undefined],
  ['once it is', loadFastHash],
] as const;

describe.each(hashers)('BLAKE3 %s', (_, prepare) => {
  test.each(VECTORS)('of %s bytes is the published one', async (length, hash, keyed) => {
    await prepare();
    expect(bytesToHex(blake3(input(length)))).toBe(hash);
    expect(bytesToHex(blake3Keyed(KEY, input(length)))).toBe(keyed);
  });

  test('of parts, views and Buffers is that of their bytes, and both hashers agree', async () => {
    await prepare();
    const part = fc.uint8Array({ maxLength: 3000 });
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 5 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (parts, key) => {
          const whole = concatBytes(...parts);
          const views = parts.map((each) =>
            concatBytes(Uint8Array.of(1), each, Uint8Array.of(2)).subarray(1, -1),
          );
          expect(blake3(...views)).toEqual(noble(whole));
          expect(blake3Keyed(key, ...views)).toEqual(noble(whole, { key }));
          expect(blake3(whole)).toEqual(noble(whole));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('refuses a key of another length', async () => {
    await prepare();
    for (const length of [0, 31, 33])
      expect(() => blake3Keyed(new Uint8Array(length), KEY)).toThrow(
        expect.objectContaining({ code: 'BAD_INPUT' }),
      );
  });

  test('gives every caller bytes of its own', async () => {
    await prepare();
    const first = blake3(input(1));
    const keyed = blake3Keyed(KEY, input(1));
    blake3(input(2));
    blake3Keyed(new Uint8Array(32), input(2));
    expect(bytesToHex(first)).toBe(VECTORS[1][1]);
    expect(bytesToHex(keyed)).toBe(VECTORS[1][2]);
    expect(first.buffer.byteLength).toBe(32);
  });
});
