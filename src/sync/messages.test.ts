import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { Sketch } from '../set/sketch.ts';
import { decodeAnswer, encodeAnswer } from './answers.ts';
import type { Answer, Cursor, NodeView, PeerLimits, Range, Request } from './messages.ts';
import { decodeRequest, encodeRequest } from './requests.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const known = fc.record({ seq: count, id: hash });
const range: fc.Arbitrary<Range> = fc.record({
  author: hash,
  seq: count,
  id: hash,
  have: fc.array(known, { maxLength: 3 }),
});
const hlc = fc.record({ time: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), counter: fc.nat(0xffffffff) });
const cursor: fc.Arbitrary<Cursor> = fc.record({ hlc, id: hash });
const peerLimits: fc.Arbitrary<PeerLimits> = fc.record({
  chunkBytes: fc.integer({ min: 1, max: limits.chunkBytesMax }),
  fetchIds: fc.integer({ min: 1, max: limits.fetchIdsMax }),
  pullRanges: fc.integer({ min: 1, max: limits.pullRangesMax }),
  nodePrefixes: fc.integer({ min: 1, max: limits.nodePrefixesMax }),
  requestsOpen: fc.integer({ min: 1, max: limits.requestsOpenPerPeerMax }),
});
const prefix = fc.array(fc.nat(15), { maxLength: 80 }).map((digits) => Uint8Array.from(digits));
const is = <T extends string>(type: T) => fc.constant(type);

const word = fc.nat(0xffffffff);
const shortId = fc.record({ high: word, low: word });
const cells = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 4 }).map((numbers) => {
  const sketch = new Sketch();
  for (const n of numbers) sketch.add(new Uint8Array(32).fill(n));
  return sketch.cells(1 + numbers.length);
});
const sketch = fc
  .tuple(cells, fc.array(fc.integer(), { minLength: 64, maxLength: 64 }))
  .map(([first, all]) => {
    const counts = Int32Array.from(all);
    counts.set(first.counts);
    return { cells: first, counts };
  });

const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ type: is('hello'), tag: hash, proof: orNull(hash), clockMs: count, limits: peerLimits }),
  fc.record({ type: is('ping'), tag: orNull(hash), clockMs: count }),
  fc.record({ type: is('roots'), tag: hash, root: hash, count }),
  fc.record({
    type: is('nodes'),
    tag: hash,
    root: hash,
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    prefixes: fc.array(prefix, { maxLength: 5 }),
  }),
  fc.record({ type: is('digest'), tag: hash, packed: fc.boolean(), body: fc.uint8Array({ maxLength: 50 }) }),
  fc.record({
    type: is('pull'),
    tag: hash,
    ranges: fc.array(range, { maxLength: 3 }),
    maxBytes: count,
    cursor: orNull(cursor),
  }),
  fc.record({ type: is('fetch'), tag: hash, ids: fc.array(hash, { maxLength: 3 }) }),
  fc.record({
    type: is('flushed'),
    tag: hash,
    unlike: orNull(hash),
    waitMs: fc.nat(limits.flushedWaitMs),
  }),
  fc.record({ type: is('more'), chunks: fc.nat(limits.chunksAheadMax) }),
  fc.record({ type: is('cancel') }),
  fc.record({ type: is('cells'), tag: hash, root: hash, cells, full: fc.boolean() }),
  fc.record({ type: is('diff'), tag: hash, root: hash, ids: fc.array(shortId, { maxLength: 4 }) }),
);

const tip = fc.record({ author: hash, seq: count, id: hash });
const brief = fc.uint8Array({ minLength: 4, maxLength: 4 });
const differingTip = fc.record({ author: fc.oneof(hash, brief), seq: count, id: hash });
const node: fc.Arbitrary<NodeView> = fc.oneof(
  fc.record({ kind: is('empty') }),
  fc.record({ kind: is('leaf'), tips: fc.array(tip, { maxLength: 3 }) }),
  fc.record({ kind: is('inner'), digests: fc.uint8Array({ minLength: 96, maxLength: 96 }) }),
);
const code = fc.constantFrom('DENIED', 'BUSY', 'BAD_ENCODING');

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ type: is('hello'), proof: orNull(hash), clockMs: count, limits: peerLimits }),
  fc.record({ type: is('ping'), clockMs: count, count: orNull(count) }),
  fc.record({ type: is('roots'), root: hash, count, flushed: hash, sketch: orNull(sketch) }),
  fc.record({
    type: is('diff'),
    difference: orNull(
      fc.record({
        tips: fc.array(differingTip, { maxLength: 3 }),
        lacks: fc.array(shortId, { maxLength: 3 }),
      }),
    ),
  }),
  fc.record({ type: is('nodes'), nodes: fc.array(node, { maxLength: 4 }) }),
  fc.record({ type: is('ok') }),
  fc.record({
    type: is('runs'),
    runs: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
    open: fc.boolean(),
    cursor: orNull(cursor),
  }),
  fc.record({ type: is('flushed'), root: hash }),
  fc.record({ type: is('busy'), retryAfterMs: fc.nat(60_000) }),
  fc.record({ type: is('denied'), code }),
  fc.record({ type: is('stale') }),
  fc.record({ type: is('error'), code, message: fc.string({ unit: 'binary', maxLength: 100 }) }),
);

/** A frame with one byte changed, cut off, or added. */
function damaged(frame: Uint8Array, at: number, how: number): Uint8Array {
  const place = at % frame.length;
  if (how === 0) return frame.slice(0, place);
  if (how === 1) return Uint8Array.from([...frame, at & 255]);
  return frame.with(place, ((frame[place] as number) + how) & 255);
}

describe.each([
  ['requests', request, encodeRequest, (bytes: Uint8Array) => decodeRequest(bytes)],
  ['answers', answer, encodeAnswer, (bytes: Uint8Array) => decodeAnswer(bytes)],
] as const)('%s', (kind, message, encode, decode) => {
  const encoded = fc.tuple(count, message as fc.Arbitrary<never>).map(([id, each]) => encode(id, each));

  test('come out of their bytes as they went in, all 64 bits of times and counts kept [STS-18] [STS-19]', () => {
    fc.assert(
      fc.property(count, message as fc.Arbitrary<never>, (id, each) => {
        const decoded = decode(encode(id, each)) as unknown;
        expect(decoded).toEqual({ id, [kind === 'requests' ? 'request' : 'answer']: each });
      }),
    );
  });

  test('damaged bytes are refused, or are the one encoding of something else [STS-07] [STS-18]', () => {
    fc.assert(
      fc.property(encoded, fc.nat(), fc.nat(255), (bytes, at, how) => {
        const frame = damaged(bytes, at, how);
        let decoded: unknown;
        try {
          decoded = decode(frame);
        } catch (error) {
          expect(isAverError(error, 'BAD_ENCODING')).toBe(true);
          return;
        }
        const { id, request: asked, answer: said } = decoded as { [key: string]: { type: string } | number };
        const again = (asked ?? said) as { type: string };
        // Advertised limits are cut to our own when they are read.
        if (again.type === 'unknown' || again.type === 'hello') return;
        expect(encode(id as number, again as never)).toEqual(frame);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a request for 1000 ids is read, one for 1001 is refused with its id [STS-13]', () => {
  const ids = (n: number) => Array.from({ length: n }, () => new Uint8Array(32));
  const tag = new Uint8Array(32);
  const read = decodeRequest(encodeRequest(7, { type: 'fetch', tag, ids: ids(limits.fetchIdsMax) }));
  expect(read.request).toMatchObject({ type: 'fetch' });
  expect(() => decodeRequest(encodeRequest(7, { type: 'fetch', tag, ids: ids(1001) }))).toThrow(
    expect.objectContaining({ code: 'BAD_ENCODING', fields: { request: 7 } }),
  );
});

test('a peer that advertises no limits or enormous ones gets sensible ones', () => {
  const hello = (n: number) =>
    decodeRequest(
      encodeRequest(1, {
        type: 'hello',
        tag: new Uint8Array(32),
        proof: null,
        clockMs: 0,
        limits: { chunkBytes: n, fetchIds: n, pullRanges: n, nodePrefixes: n, requestsOpen: n },
      }),
    ).request as Request & { type: 'hello' };
  expect(Object.values(hello(0).limits)).toEqual([1, 1, 1, 1, 1]);
  expect(hello(Number.MAX_SAFE_INTEGER).limits).toEqual({
    chunkBytes: limits.chunkBytesMax,
    fetchIds: limits.fetchIdsMax,
    pullRanges: limits.pullRangesMax,
    nodePrefixes: limits.nodePrefixesMax,
    requestsOpen: limits.requestsOpenPerPeerMax,
  });
});

test('a request type of a later version is told apart from garbage', () => {
  expect(decodeRequest(Uint8Array.of(0x83, 5, 22, 0xf6))).toEqual({
    id: 5,
    request: { type: 'unknown', number: 22 },
  });
});
