import { decode as oracleDecode, encode as oracleEncode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, compareBytes, hexToBytes, utf8 } from './bytes.ts';
import { CborWriter, encodeValue } from './cbor.ts';
import { CborReader, decodeValue } from './cbor-reader.ts';
import { AverError, type ErrorCode } from './errors.ts';
import { limits } from './limits.ts';
import type { Value } from './value.ts';

function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof AverError) return error.code;
    throw error;
  }
}

function nested(depth: number, inside: Value): Value {
  let value = inside;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** Values as a payload may hold them: awkward keys, every width of number, text of all planes. */
const key = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '__proto__', 'constructor', 'toString', '0', '10', 'é', '\u{10000}', '\uffff'),
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296),
    fc.constantFrom(2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, -(2 ** 53), 5e-324, 1.5, Number.MAX_VALUE),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 8 }).map(toMap),
  ),
})).value;

function toMap(entries: readonly (readonly [string, Value])[]): Value {
  const map: Record<string, Value> = {};
  for (const [name, item] of entries) {
    Object.defineProperty(map, name, { value: item, enumerable: true, writable: true, configurable: true });
  }
  return map;
}

describe('encodeValue', () => {
  const vectors: readonly (readonly [Value, string])[] = [
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [255, '18ff'],
    [256, '190100'],
    [65_536, '1a00010000'],
    [4_294_967_296, '1b0000000100000000'],
    [2 ** 53 - 1, '1b001fffffffffffff'],
    [-1, '20'],
    [-24, '37'],
    [-25, '3818'],
    [-(2 ** 53 - 1), '3b001ffffffffffffe'],
    [1.5, 'fb3ff8000000000000'],
    [2 ** 53, 'fb4340000000000000'],
    [5e-324, 'fb0000000000000001'],
    ['', '60'],
    ['ü水𐅑', '69c3bce6b0b4f0908591'],
    [Uint8Array.of(1, 2), '420102'],
    [[1, [2]], '82018102'],
    [null, 'f6'],
    [true, 'f5'],
    [false, 'f4'],
    [{ b: 1, aa: 2, a: 3 }, 'a361610362616102616201'],
    [{ '\uffff': 1, '\u{10000}': 2 }, 'a263efbfbf0164f090808002'],
  ];

  test.each(vectors)('writes %j as %s and reads it back [STS-18]', (plain, hex) => {
    expect(bytesToHex(encodeValue(plain))).toBe(hex);
    expect(decodeValue(hexToBytes(hex))).toEqual(plain);
  });

  test.each([
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['minus zero', -0],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['undefined', undefined],
    ['undefined in a map', { a: undefined }],
    ['a hole in an array', new Array(1)],
    ['a bigint', 1n],
    ['a symbol', Symbol('x')],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a Map', new Map()],
    ['a class instance', new AverError('BAD_INPUT', '')],
    ['a view that is no Uint8Array', new Uint16Array(1)],
  ])('refuses %s', (_, bad) => {
    expect(codeOf(() => encodeValue(bad as Value))).toBe('BAD_VALUE');
  });

  test('allows 32 levels of nesting, not more, and no cycle', () => {
    const deepest = nested(limits.nestingMax, 1);
    expect(decodeValue(encodeValue(deepest))).toEqual(deepest);
    expect(codeOf(() => encodeValue(nested(limits.nestingMax + 1, 1)))).toBe('TOO_DEEP');
    const cycle: Value[] = [];
    cycle.push(cycle);
    expect(codeOf(() => encodeValue(cycle))).toBe('TOO_DEEP');
  });

  test('what is read back equals what was written, whatever it is [STS-18]', () => {
    fc.assert(
      fc.property(value, (plain) => {
        const bytes = encodeValue(plain);
        const read = decodeValue(bytes);
        expect(read).toEqual(plain);
        expect(encodeValue(read)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('equal maps have equal bytes, in whatever order their keys were set [STS-18]', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key), fc.nat(), (keys, rotation) => {
        const at = keys.length === 0 ? 0 : rotation % keys.length;
        const turned = [...keys.slice(at), ...keys.slice(0, at)];
        const map = (names: string[]) => toMap(names.map((name) => [name, name.length]));
        expect(encodeValue(map(turned))).toEqual(encodeValue(map(keys)));
      }),
    );
  });

  test('agrees with an independent encoder, told the same order of keys and width of floats', () => {
    const options = {
      float64: true,
      mapSorter: ([a]: { value: string }[], [b]: { value: string }[]) =>
        compareBytes(utf8(a?.value ?? ''), utf8(b?.value ?? '')),
    };
    fc.assert(
      fc.property(value, (plain) => {
        const bytes = encodeValue(plain);
        // @ts-expect-error: the sorter's tokens are typed more widely than they are
        expect(bytesToHex(oracleEncode(plain, options))).toBe(bytesToHex(bytes));
        expect(oracleDecode(bytes, { rejectDuplicateMapKeys: true })).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe('decodeValue', () => {
  test.each([
    ['an over-wide integer of one byte', '1817'],
    ['an over-wide integer of two bytes', '1900ff'],
    ['an over-wide integer of four bytes', '1a0000ffff'],
    ['an over-wide integer of eight bytes', '1b00000000ffffffff'],
    ['an over-wide negative', '3800'],
    ['an over-wide length', '5801ff'],
    ['an integer beyond 2^53', '1b0020000000000000'],
    ['the largest integer', '1bffffffffffffffff'],
    ['a negative beyond −(2^53−1)', '3b001fffffffffffff'],
    ['an integer as a float', 'fb3ff0000000000000'],
    ['zero as a float', 'fb0000000000000000'],
    ['minus zero', 'fb8000000000000000'],
    ['not a number', 'fb7ff8000000000000'],
    ['infinity', 'fb7ff0000000000000'],
    ['a 16-bit float', 'f93c00'],
    ['a 32-bit float', 'fa3fc00000'],
    ['undefined', 'f7'],
    ['a simple value', 'f0'],
    ['a break', 'ff'],
    ['a tag', 'c001'],
    ['an indefinite array', '9fff'],
    ['an indefinite text', '7f6161ff'],
    ['a reserved length', '1c'],
    ['unsorted keys', 'a2616201616101'],
    ['keys sorted by length first', 'a261620162616102'],
    ['a key twice', 'a2616101616102'],
    ['a key that is no text', 'a10101'],
    ['a lone surrogate', '63eda080'],
    ['text that is not UTF-8', '61ff'],
    ['an over-long form of a letter', '62c1a1'],
    ['two values', '0101'],
    ['nothing', ''],
    ['a map that is cut off', 'a16161'],
    ['an array longer than the input', '9affffffff'],
    ['a byte string longer than the input', '5b001fffffffffffff'],
    ['a map longer than the input', 'bb0007ffffffffffff'],
  ])('refuses %s [STS-18]', (_, hex) => {
    expect(codeOf(() => decodeValue(hexToBytes(hex)))).toBe('BAD_ENCODING');
  });

  test('refuses 100,000 nested arrays or maps without overflowing the stack', () => {
    expect(codeOf(() => decodeValue(new Uint8Array(100_000).fill(0x81)))).toBe('TOO_DEEP');
    const maps = Uint8Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? 0xa1 : 0x60));
    expect(codeOf(() => decodeValue(maps))).toBe('TOO_DEEP');
  });

  test('keeps __proto__ an ordinary key', () => {
    const bytes = hexToBytes('a1695f5f70726f746f5f5fa1617801');
    const map = decodeValue(bytes) as Record<string, Value>;
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
    expect(Object.keys(map)).toEqual(['__proto__']);
    expect((map as { x?: Value }).x).toBeUndefined();
    expect(encodeValue(map)).toEqual(bytes);
  });

  test('whatever bytes come: they are canonical, or refused with a code [STS-18]', () => {
    const mutated = fc
      .tuple(value, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(5))
      .map(([plain, changes, cut]) => {
        const bytes = encodeValue(plain);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes.subarray(0, Math.max(0, bytes.length - cut));
      });
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        try {
          const read = decodeValue(bytes);
          expect(bytesToHex(encodeValue(read))).toBe(bytesToHex(bytes));
          accepted++;
        } catch (error) {
          if (!(error instanceof AverError)) throw error;
          expect(['BAD_ENCODING', 'TOO_DEEP']).toContain(error.code);
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test('gives values of their own: neither views of the input nor Buffers', () => {
    const input = Buffer.from(encodeValue([Uint8Array.of(1, 2, 3)]));
    const [bytes] = decodeValue(input) as [Uint8Array];
    input.fill(0xff);
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
    expect(bytes.constructor).toBe(Uint8Array);
    expect(bytes.buffer.byteLength).toBe(3);
  });
});

describe('64-bit numbers', () => {
  test.each([0n, 23n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n])(
    '%s keeps every bit [STS-19]',
    (number) => {
      const bytes = new CborWriter().u64(number).finish();
      const reader = new CborReader(bytes);
      expect(reader.u64()).toBe(number);
      reader.end();
      expect(BigInt(oracleDecode(bytes, { allowBigInt: true }))).toBe(number);
    },
  );

  test('outside of 64 bits, or not in the shortest form, are refused [STS-19]', () => {
    expect(codeOf(() => new CborWriter().u64(-1n))).toBe('BAD_VALUE');
    expect(codeOf(() => new CborWriter().u64(2n ** 64n))).toBe('BAD_VALUE');
    for (const hex of ['1b00000000ffffffff', '1a00000001', '1817', '20', '1bffff'])
      expect(codeOf(() => new CborReader(hexToBytes(hex)).u64())).toBe('BAD_ENCODING');
  });
});

describe('CborReader', () => {
  const reader = (hex: string) => new CborReader(hexToBytes(hex));

  test('checks the bounds it is given before it hands anything out', () => {
    expect(codeOf(() => reader('182a').uint(41))).toBe('BAD_ENCODING');
    expect(reader('182a').uint(42)).toBe(42);
    expect(codeOf(() => reader('43010203').bytes(2))).toBe('BAD_ENCODING');
    expect(codeOf(() => reader('43010203').bytes(64, 4))).toBe('BAD_ENCODING');
    expect(codeOf(() => reader('63616263').text(2))).toBe('BAD_ENCODING');
    expect(codeOf(() => reader('83010203').array(2))).toBe('BAD_ENCODING');
    expect(codeOf(() => reader('83010203').array(9, 2))).toBe('BAD_ENCODING');
    expect(codeOf(() => reader('4101').hash())).toBe('BAD_ENCODING');
  });

  test('refuses one kind of item where another is expected', () => {
    const readers = {
      uint: (each: CborReader) => each.uint(),
      u64: (each: CborReader) => each.u64(),
      bytes: (each: CborReader) => each.bytes(64),
      text: (each: CborReader) => each.text(64),
      array: (each: CborReader) => each.array(64),
      bool: (each: CborReader) => each.bool(),
    };
    const items = { uint: '05', u64: '05', bytes: '4101', text: '6161', array: '80', bool: 'f5' };
    for (const [name, read] of Object.entries(readers)) {
      for (const hex of [...Object.values(items), 'a0', 'f6', '20', '']) {
        const isRight = hex === items[name as keyof typeof items] || (hex === '05' && /uint|u64/.test(name));
        expect([name, hex, codeOf(() => read(reader(hex)))]).toEqual([
          name,
          hex,
          isRight ? undefined : 'BAD_ENCODING',
        ]);
      }
    }
  });
});

describe('skip', () => {
  test('steps over a value, whatever it is, to the one behind it', () => {
    fc.assert(
      fc.property(value, (plain) => {
        const bytes = new CborWriter().array(2).value(plain).text('behind').finish();
        const reader = new CborReader(bytes);
        reader.array(2, 2);
        reader.skip();
        expect(reader.text(6)).toBe('behind');
        reader.end();
      }),
      { numRuns: 300 },
    );
  });

  test('refuses what is cut off anywhere, and never steps beyond the end', () => {
    fc.assert(
      fc.property(value, fc.nat(), (plain, at) => {
        const bytes = encodeValue(plain);
        const reader = new CborReader(bytes.slice(0, at % bytes.length));
        expect(codeOf(() => reader.skip())).toBe('BAD_ENCODING');
      }),
    );
    for (const hex of ['9affffffff', '5b001fffffffffffff', 'bb0007ffffffffffff', 'c001', 'f0', '9fff'])
      expect(
        codeOf(() => new CborReader(hexToBytes(hex)).skip()),
        hex,
      ).toBe('BAD_ENCODING');
  });

  test('steps over 100,000 nested arrays without overflowing the stack', () => {
    const bytes = new Uint8Array(100_001).fill(0x81);
    bytes[100_000] = 0;
    const reader = new CborReader(bytes);
    reader.skip();
    reader.end();
  });
});
