import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import type { Value } from '../../src/base/value.ts';
import { jsonToValue, valueToJson } from './json.ts';

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$bytes', '$$bytes')), tie('value'), { maxKeys: 3 }),
  ),
}));

test('every value survives the way through JSON text, byte strings and their look-alikes included', () => {
  fc.assert(
    fc.property(value, (given) => {
      const back = jsonToValue(JSON.parse(JSON.stringify(valueToJson(given))));
      expect(Object.is(given, -0) || JSON.stringify(valueToJson(back))).toBe(
        Object.is(given, -0) || JSON.stringify(valueToJson(given)),
      );
      expect(back).toEqual(given);
    }),
  );
});

test('a byte string is base64url under $bytes', () => {
  expect(valueToJson(new Uint8Array([255, 254]))).toEqual({ $bytes: '__4' });
  expect(jsonToValue({ $bytes: '__4' })).toEqual(new Uint8Array([255, 254]));
  expect(() => jsonToValue({ $bytes: 'not base64!' })).toThrow(
    expect.objectContaining({ code: 'BAD_INPUT' }),
  );
});

test('a deep nest is refused before it can overflow the stack', () => {
  const deep: unknown = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000));
  expect(() => jsonToValue(deep)).toThrow(expect.objectContaining({ code: 'TOO_DEEP' }));
});

test('a byte string that fits no payload is refused before it is decoded [STC-13]', () => {
  const longest = 'A'.repeat((limits.assertionBytesMax * 4) / 3);
  expect(jsonToValue({ $bytes: longest })).toHaveLength(limits.assertionBytesMax);
  expect(() => jsonToValue({ $bytes: `${longest}AAAA` })).toThrow(
    expect.objectContaining({ code: 'OVERSIZE' }),
  );
});
