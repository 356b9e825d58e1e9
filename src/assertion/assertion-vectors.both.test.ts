import { describe, expect, test } from 'vitest';
import { bytesToHex, compareBytes, hexToBytes } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import vectors from './assertion-vectors.json' with { type: 'json' };
import { headerOf, makeAssertionVectors } from './assertion-vectors.ts';
import { hasPow } from './pow.ts';
import { decodeRun, encodeRun } from './run-codec.ts';

const hashers = [
  ['by plain JavaScript', async () => undefined],
  ['by WebAssembly', loadFastHash],
] as const;

describe.each(hashers)('assertion-vectors.json, hashed %s', (_, prepare) => {
  test('is what the code makes [STS-18]', async () => {
    await prepare();
    expect(await makeAssertionVectors()).toEqual(vectors);
  });

  test('gives its run back byte for byte, with the ids and the signature [STS-18]', async () => {
    await prepare();
    const bytes = hexToBytes(vectors.run.bytes);
    const run = decodeRun(bytes, hexToBytes(vectors.space));
    expect(run.assertions.map(({ id }) => bytesToHex(id))).toEqual(vectors.run.ids);
    expect(bytesToHex(run.signature)).toBe(vectors.run.signature);
    expect(encodeRun(run)).toEqual(bytes);
  });

  test('has work that is enough, and for no other header [STC-50]', async () => {
    await prepare();
    const header = headerOf(vectors.assertions[0]?.fields as Parameters<typeof headerOf>[0]);
    for (const { bits, nonce } of vectors.pow) {
      const proof = { pow: hexToBytes(nonce), admit: null };
      expect(hasPow({ ...header, proof }, bits)).toBe(true);
      if (bits >= 8) expect(hasPow({ ...header, seq: 2, proof }, bits)).toBe(false);
    }
  });
});

test('readings sort as their bytes do [STC-28]', () => {
  const bytes = vectors.hlc.map((reading) => hexToBytes(reading.bytes));
  expect([...bytes].sort(compareBytes)).toEqual(bytes);
});
