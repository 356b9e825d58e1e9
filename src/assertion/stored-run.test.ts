import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { AverError } from '../base/errors.ts';
import { loadFastHash } from '../base/hash.ts';
import type { Value } from '../base/value.ts';
import { type Claim, CONFIDENCE_ONE, decodeClaims, encodeClaims } from './claims.ts';
import { hashPayload, identify } from './codec.ts';
import { type Assertion, kinds, type Run } from './model.ts';
import { encodeRun } from './run-codec.ts';
import { StoredRun } from './stored-run.ts';

beforeAll(loadFastHash);

const name = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes('\u0000'));
const claim: fc.Arbitrary<Claim> = fc.record({
  subject: name,
  predicate: name,
  object: fc.oneof(
    fc.constantFrom<Value>(null, true, 0, 24, -1, 1.5, ['x', [{ a: 1 }]], new Uint8Array(30)),
    fc.string({ maxLength: 300 }),
  ),
  confidence: fc.constantFrom(CONFIDENCE_ONE, 0, 500_000),
});
/** Some payloads of a few claims, some of so many that their places are remembered. */
const payload = fc.oneof(
  fc.array(claim, { minLength: 1, maxLength: 4 }),
  fc.tuple(claim, fc.integer({ min: 60, max: 150 })).map(([one, count]) => Array<Claim>(count).fill(one)),
);
const run: fc.Arbitrary<Run> = fc
  .record({
    payloads: fc.array(fc.record({ claims: payload, isErased: fc.boolean(), isLinked: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    }),
    seq: fc.constantFrom(1, 2, 70_000),
  })
  .map(({ payloads, seq }) => {
    const author = new Uint8Array(32).fill(7);
    const assertions: Assertion[] = [];
    for (const { claims, isErased, isLinked } of payloads) {
      const before = assertions.at(-1);
      const bytes = encodeClaims(claims);
      const header = {
        ...{ space: new Uint8Array(32), kind: kinds.claim, author },
        seq: seq + assertions.length,
        prev: before?.id ?? (seq === 1 ? null : new Uint8Array(32)),
        parents: isLinked ? [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] : [],
        hlc: { time: (before?.hlc.time ?? 1_700_000_000_000_000_000n) + 300n, counter: 0 },
        ...{ payloadHash: hashPayload(bytes), payloadSize: bytes.length },
        basis: isLinked ? new Uint8Array(32).fill(3) : null,
        proof: isLinked ? { pow: new Uint8Array(8), admit: null } : null,
      };
      assertions.push(identify(header, isErased ? undefined : bytes));
    }
    return { author, assertions, signature: new Uint8Array(64) };
  });

describe('a stored run', () => {
  test('gives each claim as the decoded payload has it, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(run, fc.infiniteStream(fc.nat()), (whole, chance) => {
        const stored = new StoredRun(encodeRun(whole));
        expect(stored.author).toEqual(whole.author);
        expect(stored.firstSeq).toBe(whole.assertions[0]?.seq);
        const expected = whole.assertions.flatMap((assertion, index) =>
          (assertion.payload === undefined ? [undefined] : (decodeClaims(assertion.payload) ?? [])).map(
            (each, claimIndex) => ({ index, claimIndex, claim: each }),
          ),
        );
        const shuffled = expected
          .map((each) => ({ each, at: chance.next().value as number }))
          .sort((a, b) => a.at - b.at);
        for (const { each } of shuffled) {
          expect(stored.claim(each.index, each.claimIndex)).toEqual(each.claim);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('that is damaged anywhere gives a claim or says so, and does not end in any other way', () => {
    fc.assert(
      fc.property(run, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (whole, at, flip, isCut) => {
        const bytes = encodeRun(whole);
        const place = at % bytes.length;
        const damaged = isCut ? bytes.slice(0, place) : bytes;
        if (!isCut) damaged[place] = (damaged[place] as number) ^ flip;
        try {
          const stored = new StoredRun(damaged);
          for (let index = 0; index < whole.assertions.length; index++) stored.claim(index, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(AverError);
          expect((error as AverError).code).toBe('STORE_CORRUPT');
        }
      }),
      { numRuns: 300 },
    );
  });

  test('has no item and no claim beyond its last', () => {
    const [whole] = fc.sample(
      run.filter(({ assertions }) => assertions[0]?.payload !== undefined),
      1,
    );
    const stored = new StoredRun(encodeRun(whole as Run));
    expect(() => stored.claim(128, 0)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    expect(() => stored.claim(0, 100_000)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});
