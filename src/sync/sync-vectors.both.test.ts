import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { identifySpace } from '../set/genesis.ts';
import { decodeAnswer, encodeAnswer } from './answers.ts';
import { decodeDigest, encodeDigest } from './digest.ts';
import { decodeRequest, encodeRequest } from './requests.ts';
import { Seal } from './seal.ts';
import vectors from './sync-vectors.json' with { type: 'json' };
import { makeSyncVectors } from './sync-vectors.ts';

test('sync-vectors.json is what the code makes [STS-18]', () => {
  expect(makeSyncVectors()).toEqual(vectors);
});

test('every message of the vectors is read and written again as it was', () => {
  for (const { type, bytes } of vectors.requests) {
    const { id, request } = decodeRequest(hexToBytes(bytes));
    expect(request.type).toBe(type);
    if (request.type !== 'unknown') expect(bytesToHex(encodeRequest(id, request))).toBe(bytes);
  }
  for (const { bytes } of [...vectors.answers, vectors.nodes]) {
    const { id, answer } = decodeAnswer(hexToBytes(bytes));
    expect(bytesToHex(encodeAnswer(id, answer))).toBe(bytes);
  }
  for (const bytes of vectors.digests) {
    expect(bytesToHex(encodeDigest(decodeDigest(hexToBytes(bytes))))).toBe(bytes);
  }
});

test('the sealed push of the vectors opens with the secret', () => {
  const { genesis, secret, sealed, push } = vectors.secretSpace;
  const space = identifySpace(hexToBytes(genesis), hexToBytes(secret));
  const seal = new Seal(space, { bytes: (length) => new Uint8Array(length), number: () => 0 });
  expect(bytesToHex(seal.open(hexToBytes(sealed)))).toBe(push);
});
