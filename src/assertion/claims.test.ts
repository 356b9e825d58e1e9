import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CborWriter, encodeValue } from '../base/cbor.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Value } from '../base/value.ts';
import { type Claim, CONFIDENCE_ONE, decodeClaims, encodeClaims } from './claims.ts';

const claim: Claim = { subject: 's', predicate: 'p', object: 1, confidence: CONFIDENCE_ONE };
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => !text.includes('\0'));

test('claims read as what was written', () => {
  const any = fc.record({
    subject: name,
    predicate: name,
    object: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Value),
    confidence: fc.integer({ min: 0, max: CONFIDENCE_ONE }),
  });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 10 }), (claims) => {
      const payload = encodeClaims(claims);
      expect(decodeClaims(payload)).toEqual(claims);
      expect(encodeClaims(decodeClaims(payload) ?? [])).toEqual(payload);
    }),
  );
});

test('full confidence is not written', () => {
  expect(encodeClaims([claim])).toEqual(encodeValue([['s', 'p', 1]]));
  expect(encodeClaims([{ ...claim, confidence: 5 }])).toEqual(encodeValue([['s', 'p', 1, 5]]));
});

test('names may be as long as their limit in bytes, not in letters', () => {
  const longest = 'ü'.repeat(limits.subjectBytesMax / 2);
  expect(decodeClaims(encodeClaims([{ ...claim, subject: longest }]))?.[0]?.subject).toBe(longest);
});

test.each<[string, Partial<Claim>, string]>([
  ['an empty subject', { subject: '' }, 'BAD_VALUE'],
  ['an empty predicate', { predicate: '' }, 'BAD_VALUE'],
  ['a NUL in a subject', { subject: 'a\0b' }, 'BAD_VALUE'],
  ['a NUL in a predicate', { predicate: '\0' }, 'BAD_VALUE'],
  ['a lone surrogate', { subject: '\ud800' }, 'BAD_VALUE'],
  ['a subject that is too long', { subject: `${'ü'.repeat(limits.subjectBytesMax / 2)}a` }, 'OVERSIZE'],
  ['a predicate that is too long', { predicate: 'a'.repeat(limits.predicateBytesMax + 1) }, 'OVERSIZE'],
  ['too much confidence', { confidence: CONFIDENCE_ONE + 1 }, 'BAD_VALUE'],
  ['negative confidence', { confidence: -1 }, 'BAD_VALUE'],
  ['a fraction of a millionth', { confidence: 0.5 }, 'BAD_VALUE'],
  ['an object that has no encoding', { object: Number.NaN }, 'BAD_VALUE'],
])('%s is not written', (_, part, code) => {
  expect(() => encodeClaims([{ ...claim, ...part }])).toThrow(expect.objectContaining({ code }));
});

test('no claim at all is not written', () => {
  expect(() => encodeClaims([])).toThrow(AverError);
});

describe('a payload has no effect', () => {
  let deep: Value = 1;
  for (let i = 0; i < 40; i++) deep = [deep];
  const bytes: readonly (readonly [string, Uint8Array])[] = [
    ['that is empty', new Uint8Array(0)],
    ['without a claim', encodeValue([])],
    ['with a claim that lacks its object', encodeValue([['s', 'p']])],
    ['with a claim that says too much', encodeValue([['s', 'p', 1, 2, 3]])],
    ['that spells out full confidence', encodeValue([['s', 'p', 1, CONFIDENCE_ONE]])],
    ['with too much confidence', encodeValue([['s', 'p', 1, CONFIDENCE_ONE + 1]])],
    ['with an empty subject', encodeValue([['', 'p', 1]])],
    ['with a NUL in its predicate', encodeValue([['s', 'a\0', 1]])],
    ['with a subject that is too long', encodeValue([['s'.repeat(limits.subjectBytesMax + 1), 'p', 1]])],
    ['with bytes after its end', Uint8Array.of(...encodeValue([['s', 'p', 1]]), 0)],
    [
      'with one bad claim among good ones',
      encodeValue([
        ['s', 'p', 1],
        ['s', '', 1],
        ['s', 'p', 2],
      ]),
    ],
    ['that is a map', encodeValue({ s: 1 })],
    ['that is nested too deep', nestedClaim()],
    ['that promises more claims than it has bytes', Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff)],
  ];

  function nestedClaim(): Uint8Array {
    const writer = new CborWriter().array(1).array(3).text('s').text('p');
    for (let i = 0; i < 40; i++) writer.array(1);
    return writer.uint(1).finish();
  }

  test.each(bytes)('%s', (_, payload) => {
    expect(decodeClaims(payload)).toBeUndefined();
  });

  test('and whatever other bytes come, reading them never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        const claims = decodeClaims(payload);
        if (claims !== undefined) expect(encodeClaims(claims)).toEqual(payload);
      }),
      { numRuns: 1000 },
    );
  });
});
