/** Values, runs and claims: what every peer decodes of strangers' data. */
import { decodeClaims, encodeClaims } from '../../../src/assertion/claims.ts';
import { lastOf } from '../../../src/assertion/model.ts';
import { decodeRun, encodeRun, joinRuns } from '../../../src/assertion/run-codec.ts';
import { StoredRun } from '../../../src/assertion/stored-run.ts';
import { concatBytes } from '../../../src/base/bytes.ts';
import { encodeValue } from '../../../src/base/cbor.ts';
import { decodeValue } from '../../../src/base/cbor-reader.ts';
import { limits } from '../../../src/base/limits.ts';
import type { Target } from '../target.ts';
import { anyValue, payloads, runs, sampled, space } from './samples.ts';

export const assertionTargets: readonly Target[] = [
  {
    name: 'value',
    sound: (seed) => sampled(anyValue, 60, seed).map(encodeValue),
    decode: (bytes) => {
      // A payload is the largest place for a value.
      const value = decodeValue(bytes.subarray(0, limits.assertionBytesMax));
      return bytes.length > limits.assertionBytesMax ? undefined : encodeValue(value);
    },
  },
  {
    name: 'claims',
    sound: (seed) => payloads(40, seed),
    decode: (bytes) => {
      const payload = bytes.subarray(0, limits.assertionBytesMax);
      const claims = decodeClaims(payload);
      return claims && concatBytes(encodeClaims(claims), bytes.subarray(payload.length));
    },
  },
  {
    name: 'run',
    sound: async (seed) => (await runs(16, seed)).map(encodeRun),
    decode: (bytes) => encodeRun(decodeRun(bytes, space.id)),
  },
  {
    // Damaged on the disk, it would be read without having been decoded as a whole.
    name: 'stored run',
    isWhole: false,
    sound: async (seed) => (await runs(8, seed)).map(encodeRun),
    decode: (bytes) => {
      const run = new StoredRun(bytes);
      for (let i = 0; i < 4; i++) for (const claim of [0, 70, 1]) run.claim(i, claim);
      return undefined;
    },
  },
  {
    name: 'joined runs',
    sound: async (seed) => (await runs(8, seed)).map(encodeRun),
    decode: (bytes) => {
      // What is joined came off the wire sound and canonical. Whatever decodes can be joined, and still does.
      const { author, assertions, signature } = decodeRun(bytes, space.id);
      if (assertions.length < 2) return undefined;
      const halves = [assertions.slice(0, 1), assertions.slice(1)].map((part) => ({
        author,
        assertions: part,
        signature,
      }));
      return joinRuns(halves.map((run) => ({ bytes: encodeRun(run), lastTime: lastOf(run).hlc.time })));
    },
  },
];
