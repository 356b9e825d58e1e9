import { blake3 as noble } from '@noble/hashes/blake3.js';
import { decode as oracleDecode } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, compareBytes, concatBytes, hexToBytes, utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { AverError, type ErrorCode } from '../base/errors.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import vectors from './assertion-vectors.json' with { type: 'json' };
import { encodeHeader, hashPayload, identify } from './codec.ts';
import type { Assertion, Header, Run } from './model.ts';
import { decodeRun, encodeRun, joinRuns, weightBound } from './run-codec.ts';

beforeAll(loadFastHash);

const SPACE = new Uint8Array(32).fill(0x5a);
const AUTHOR = new Uint8Array(32).fill(0xa0);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** What an assertion says itself; the chain says the rest. */
const content = fc.record({
  kind: fc.nat(0xffff),
  step: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 40n })),
  counter: fc.nat(0xffffffff - 200),
  payload: fc.uint8Array({ maxLength: 80 }),
  isErased: fc.boolean(),
  parents: fc
    .uniqueArray(hash, { maxLength: 4, selector: bytesToHex })
    .map((parents) => parents.sort(compareBytes)),
  basis: fc.option(hash),
  proof: fc.option(
    fc
      .record({
        pow: fc.option(fc.uint8Array({ minLength: 8, maxLength: 8 })),
        admit: fc.option(
          fc.uniqueArray(fc.nat(63), { minLength: 1, maxLength: 4 }).chain((admitters) =>
            fc.tuple(
              ...admitters
                .sort((a, b) => a - b)
                .map((admitter) =>
                  fc.record({
                    admitter: fc.constant(admitter),
                    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
                  }),
                ),
            ),
          ),
        ),
      })
      .filter(({ pow, admit }) => pow !== null || admit !== null),
  ),
});
type Content = typeof content extends fc.Arbitrary<infer T> ? T : never;

const run: fc.Arbitrary<Run> = fc
  .record({
    contents: fc.array(content, { minLength: 1, maxLength: 8 }),
    time: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    seq: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 2 ** 48 })),
    prev: hash,
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  })
  .map(({ contents, time, seq, prev, signature }) => ({
    author: AUTHOR,
    assertions: chainOf(contents, time, seq, seq === 1 ? null : prev),
    signature,
  }));

function chainOf(
  contents: readonly Content[],
  time: bigint,
  seq: number,
  prev: Uint8Array | null,
): Assertion[] {
  const assertions: Assertion[] = [];
  for (const [i, { step, counter, payload, isErased, kind, parents, basis, proof }] of contents.entries()) {
    const before = assertions.at(-1);
    const at = before === undefined ? time : before.hlc.time + step;
    const header: Header = {
      space: SPACE,
      kind,
      author: AUTHOR,
      seq: seq + i,
      prev: before?.id ?? prev,
      parents,
      hlc: { time: at, counter: at === before?.hlc.time ? before.hlc.counter + 1 : counter },
      payloadHash: hashPayload(payload),
      payloadSize: payload.length,
      basis,
      proof,
    };
    assertions.push(identify(header, isErased ? undefined : payload));
  }
  return assertions;
}

function codeOf(bytes: Uint8Array): ErrorCode | undefined {
  try {
    decodeRun(bytes, SPACE);
    return undefined;
  } catch (error) {
    if (error instanceof AverError) return error.code;
    throw error;
  }
}

describe('a header', () => {
  test.each(vectors.assertions)('reads as what went in: $name', ({ fields, header, id, payloadHash }) => {
    const bytes = hexToBytes(header);
    expect(bytesToHex(noble(concatBytes(utf8('aver/assertion/1'), bytes)))).toBe(id);
    expect(bytesToHex(noble(concatBytes(utf8('aver/payload/1'), hexToBytes(fields.payload))))).toBe(
      payloadHash,
    );
    const proof = fields.pow === null && fields.admit === null ? null : [fields.pow, fields.admit];
    expect(JSON.parse(JSON.stringify(oracleDecode(bytes, { allowBigInt: true }), inText))).toEqual([
      '1',
      vectors.space,
      `${fields.kind}`,
      vectors.author,
      `${fields.seq}`,
      fields.prev,
      fields.parents,
      fields.hlc.time,
      `${fields.hlc.counter}`,
      payloadHash,
      `${fields.payload.length / 2}`,
      fields.basis,
      proof === null ? null : JSON.parse(JSON.stringify(proof, inText)),
    ]);
  });

  function inText(_: string, value: unknown): unknown {
    if (value instanceof Uint8Array) return bytesToHex(value);
    return typeof value === 'number' || typeof value === 'bigint' ? `${value}` : value;
  }
});

describe('a run', () => {
  test('in parts that are joined again has the bytes of the whole under its last signature', () => {
    fc.assert(
      fc.property(run, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (given, cuts) => {
        const parts: Assertion[][] = [[]];
        for (const [i, assertion] of given.assertions.entries()) {
          if (i > 0 && cuts[i]) parts.push([]);
          parts.at(-1)?.push(assertion);
        }
        const encoded = parts.map((assertions, i) => {
          const signature = i === parts.length - 1 ? given.signature : new Uint8Array(64);
          const lastTime = (assertions.at(-1) as Assertion).hlc.time;
          return { bytes: encodeRun({ ...given, assertions, signature }), lastTime };
        });
        expect(joinRuns(encoded)).toEqual(encodeRun(given));
      }),
    );
  });

  test('weighs no more than its bound says', () => {
    fc.assert(
      fc.property(run, (given) => {
        for (const assertion of given.assertions) {
          const weight = encodeHeader(assertion).length + assertion.payloadSize;
          expect(weightBound(assertion)).toBeGreaterThanOrEqual(weight);
        }
      }),
    );
  });

  test('reads as what was written, with the same ids, whatever is erased [STS-18][STS-19]', () => {
    fc.assert(
      fc.property(run, (given) => {
        const bytes = encodeRun(given);
        const read = decodeRun(bytes, SPACE);
        expect(read).toEqual(given);
        expect(encodeRun(read)).toEqual(bytes);
      }),
    );
  });

  test('keeps its ids when payloads are erased later', () => {
    fc.assert(
      fc.property(run, (given) => {
        const assertions = given.assertions.map((each) => ({ ...each, payload: undefined }));
        const read = decodeRun(encodeRun({ ...given, assertions }), SPACE);
        expect(read.assertions.map(({ id }) => id)).toEqual(given.assertions.map(({ id }) => id));
        expect(read.assertions.every(({ payload }) => payload === undefined)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('that is cut off anywhere is refused', () => {
    fc.assert(
      fc.property(run, (given) => {
        const bytes = encodeRun(given);
        for (let length = 0; length < bytes.length; length++) {
          expect(codeOf(bytes.subarray(0, length))).toBe('BAD_ENCODING');
        }
        expect(codeOf(concatBytes(bytes, Uint8Array.of(0)))).toBe('BAD_ENCODING');
      }),
      { numRuns: 15 },
    );
  });

  test('with any bit flipped has other ids or another signature, or is refused with a code', () => {
    fc.assert(
      fc.property(run, fc.infiniteStream(fc.nat()), (given, positions) => {
        const bytes = encodeRun(given);
        for (const position of positions.take(60)) {
          const flipped = bytes.slice();
          const at = position % (8 * bytes.length);
          flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
          if (codeOf(flipped) !== undefined) continue;
          const read = decodeRun(flipped, SPACE);
          expect(encodeRun(read)).toEqual(flipped);
          const essence = (each: Run) =>
            [...each.assertions.map(({ id }) => id), each.signature].map(bytesToHex).join();
          expect(essence(read)).not.toBe(essence(given));
        }
      }),
      { numRuns: 40 },
    );
  });

  test('takes bytes of its own, whatever becomes of the frame it came in', () => {
    const [given] = fc.sample(run, { numRuns: 1, seed: 7 }) as [Run];
    const frame = concatBytes(new Uint8Array(1_000_000), encodeRun(given));
    const read = decodeRun(frame.subarray(1_000_000), SPACE);
    frame.fill(0xff);
    expect(read).toEqual(given);
    for (const view of [read.author, read.signature, read.assertions[0]?.payloadHash as Uint8Array]) {
      expect(view.buffer.byteLength).toBeLessThan(limits.runBytesMax);
      expect(view.constructor).toBe(Uint8Array);
    }
  });
});

describe('the decoder refuses', () => {
  /** A run of items that are written by hand. */
  function written(
    items: readonly ((item: CborWriter) => void)[],
    head: { seq?: number | bigint; prev?: Uint8Array | null; signature?: Uint8Array | null } = {},
  ): Uint8Array {
    const { seq = 1, prev = null, signature = new Uint8Array(64) } = head;
    const writer = new CborWriter().array(5).bytes(AUTHOR);
    writer.u64(BigInt(seq));
    if (prev === null) writer.null();
    else writer.bytes(prev);
    writer.array(items.length);
    for (const item of items) item(writer);
    return (signature === null ? writer.null() : writer.bytes(signature)).finish();
  }
  const start =
    (length: number, step = 5n, counter = 0) =>
    (item: CborWriter) =>
      item.array(length).uint(1).u64(step).uint(counter).bytes(Uint8Array.of(1));
  const id = (n: number) => new Uint8Array(32).fill(n);

  test('nothing of what it should take', () => {
    expect(codeOf(written([start(4)]))).toBeUndefined();
    expect(codeOf(written([start(4), start(4)], { seq: 2, prev: id(1) }))).toBeUndefined();
    expect(codeOf(written([(item) => start(5)(item).array(2).bytes(id(1)).bytes(id(2))]))).toBeUndefined();
  });

  const cases: readonly (readonly [string, ErrorCode, () => Uint8Array])[] = [
    ['seq 0', 'BAD_CHAIN', () => written([start(4)], { seq: 0 })],
    ['seq 1 with an assertion before it', 'BAD_CHAIN', () => written([start(4)], { prev: id(1) })],
    ['a later seq without one', 'BAD_CHAIN', () => written([start(4)], { seq: 2 })],
    ['no signature at its end', 'UNSIGNED_TAIL', () => written([start(4)], { signature: null })],
    ['an empty signature', 'UNSIGNED_TAIL', () => written([start(4)], { signature: new Uint8Array(0) })],
    ['half a signature', 'BAD_ENCODING', () => written([start(4)], { signature: new Uint8Array(32) })],
    ['no assertion', 'BAD_ENCODING', () => written([])],
    ['129 assertions', 'BAD_ENCODING', () => written(new Array(129).fill(start(4)))],
    [
      'seqs beyond 2^53',
      'BAD_ENCODING',
      () => written([start(4), start(4)], { seq: Number.MAX_SAFE_INTEGER, prev: id(1) }),
    ],
    ['a seq of 64 bits', 'BAD_ENCODING', () => written([start(4)], { seq: 2n ** 60n, prev: id(1) })],
    ['a clock that stands still', 'BAD_HLC', () => written([start(4), start(4, 0n, 0)])],
    ['a clock that goes back', 'BAD_HLC', () => written([start(4, 5n, 9), start(4, 0n, 8)])],
    ['a clock beyond 64 bits', 'BAD_HLC', () => written([start(4, 2n ** 64n - 1n), start(4, 1n)])],
    ['a counter beyond 32 bits', 'BAD_ENCODING', () => written([start(4, 5n, 2 ** 32)])],
    [
      'a kind beyond 16 bits',
      'BAD_ENCODING',
      () => written([(item) => item.array(4).uint(0x10000).u64(5n).uint(0).bytes(id(1))]),
    ],
    ['too few fields', 'BAD_ENCODING', () => written([(item) => item.array(3).uint(1).u64(5n).uint(0)])],
    [
      'too many fields',
      'BAD_ENCODING',
      () => written([(item) => start(8)(item).array(0).null().null().null()]),
    ],
    ['parents that are the default', 'BAD_ENCODING', () => written([(item) => start(5)(item).array(0)])],
    [
      'a basis that is the default',
      'BAD_ENCODING',
      () => written([(item) => start(6)(item).array(0).null()]),
    ],
    [
      'a proof that is the default',
      'BAD_ENCODING',
      () => written([(item) => start(7)(item).array(0).null().null()]),
    ],
    [
      'unsorted parents',
      'BAD_ENCODING',
      () => written([(item) => start(5)(item).array(2).bytes(id(2)).bytes(id(1))]),
    ],
    [
      'a parent twice',
      'BAD_ENCODING',
      () => written([(item) => start(5)(item).array(2).bytes(id(1)).bytes(id(1))]),
    ],
    [
      '17 parents',
      'BAD_ENCODING',
      () =>
        written([
          (item) => {
            start(5)(item).array(17);
            for (let n = 0; n < 17; n++) item.bytes(id(n));
          },
        ]),
    ],
    [
      'an empty proof',
      'BAD_ENCODING',
      () => written([(item) => start(7)(item).array(0).null().array(2).null().null()]),
    ],
    [
      'an empty admission',
      'BAD_ENCODING',
      () => written([(item) => start(7)(item).array(0).null().array(2).null().array(0)]),
    ],
    [
      'work of seven bytes',
      'BAD_ENCODING',
      () => written([(item) => start(7)(item).array(0).null().array(2).bytes(new Uint8Array(7)).null()]),
    ],
    [
      'an admission by one admitter twice',
      'BAD_ENCODING',
      () =>
        written([
          (item) => {
            start(7)(item).array(0).null().array(2).null().array(2);
            for (let n = 0; n < 2; n++) item.array(2).uint(3).bytes(new Uint8Array(64));
          },
        ]),
    ],
    [
      'a payload without its hash',
      'BAD_ENCODING',
      () => written([(item) => item.array(4).uint(1).u64(5n).uint(0).null()]),
    ],
    [
      'a signature of 63 bytes',
      'BAD_ENCODING',
      () =>
        new CborWriter().array(5).bytes(AUTHOR).uint(1).null().array(0).bytes(new Uint8Array(63)).finish(),
    ],
    ['more than 64 KiB', 'OVERSIZE', () => new Uint8Array(limits.runBytesMax + 1)],
  ];

  test.each(cases)('%s', (_, code, make) => {
    expect(codeOf(make())).toBe(code);
  });
});

describe('sizes', () => {
  const sized = (payloadSize: number, parents = 0): Content => ({
    kind: 1,
    step: 1n,
    counter: 0,
    payload: new Uint8Array(payloadSize),
    isErased: false,
    parents: Array.from({ length: parents }, (_, i) => new Uint8Array(32).fill(i)),
    basis: null,
    proof: null,
  });
  const runOf = (contents: readonly Content[], seq = 1): Run => ({
    author: AUTHOR,
    assertions: chainOf(contents, 2n ** 60n, seq, seq === 1 ? null : AUTHOR),
    signature: new Uint8Array(64),
  });
  const erase = (given: Run): Run => ({
    ...given,
    assertions: given.assertions.map((each) => ({ ...each, payload: undefined })),
  });

  /** The largest number that passes, where all below it pass too. */
  function largest(low: number, high: number, passes: (n: number) => boolean): number {
    if (high - low < 1) return low;
    const middle = Math.ceil((low + high) / 2);
    return passes(middle) ? largest(middle, high, passes) : largest(low, middle - 1, passes);
  }

  test('an assertion of 60 KiB in all is taken, erased too; one byte more is not', () => {
    const [empty] = runOf([sized(50_000)]).assertions as [Assertion];
    const room = limits.assertionBytesMax - encodeHeader(empty).length;
    expect(codeOf(encodeRun(runOf([sized(room)])))).toBeUndefined();
    expect(codeOf(encodeRun(erase(runOf([sized(room)]))))).toBeUndefined();
    expect(codeOf(encodeRun(runOf([sized(room + 1)])))).toBe('OVERSIZE');
    expect(codeOf(encodeRun(erase(runOf([sized(room + 1)]))))).toBe('OVERSIZE');
  });

  test('what is taken is taken in every part and with every payload erased: it can be stored and passed on', () => {
    // Tiny payloads and many parents: erasing makes it longer, and so does cutting off the first.
    for (const [size, parents] of [
      [0, 16],
      [1, 16],
      [3, 10],
      [0, 0],
      [300, 0],
      [100, 3],
    ] as const) {
      const isTaken = (contents: readonly Content[]) => codeOf(encodeRun(runOf(contents))) === undefined;
      const many = (count: number) => new Array<Content>(count).fill(sized(size, parents));
      const count = largest(1, limits.runAssertionsMax, (each) => isTaken(many(each)));
      // Filled up to the last byte.
      const filled = (last: number) => [...many(count - 1), sized(last, parents)];
      const full = runOf(filled(largest(size, 60_000, (last) => isTaken(filled(last)))));
      for (const each of [full, erase(full)]) {
        expect(encodeRun(each).length).toBeLessThanOrEqual(limits.runBytesMax);
        for (const known of [0, 1, 2, Math.floor(count / 2)].filter((n) => n < count)) {
          const part = { ...each, assertions: each.assertions.slice(known) };
          expect(codeOf(encodeRun(part))).toBeUndefined();
        }
      }
    }
  });

  test('a run weighs the same for everybody: an erased payload counts by its declared size', () => {
    const two = [sized(40_000), sized(40_000)];
    expect(codeOf(encodeRun(runOf(two)))).toBe('OVERSIZE');
    expect(codeOf(encodeRun(erase(runOf(two))))).toBe('OVERSIZE');
  });
});
