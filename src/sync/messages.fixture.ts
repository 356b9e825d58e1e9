/** Messages of the sync protocol with all kinds of values, the extreme ones often: for tests of their bytes. */
import fc from 'fast-check';
import { limits } from '../base/limits.ts';
import { Sketch } from '../set/sketch.ts';
import type { Answer, Cursor, NodeView, PeerLimits, Range, Request } from './messages.ts';

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

export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
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
  fc.record({
    type: is('outline'),
    tag: hash,
    ranges: fc.array(range, { maxLength: 3 }),
    assertions: count,
    bytes: count,
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
const end = fc.record({ range: fc.nat(limits.pullRangesMax), seq: count, id: hash });
const brief = fc.uint8Array({ minLength: 4, maxLength: 4 });
const differingTip = fc.record({ author: fc.oneof(hash, brief), seq: count, id: hash });
const node: fc.Arbitrary<NodeView> = fc.oneof(
  fc.record({ kind: is('empty') }),
  fc.record({ kind: is('leaf'), tips: fc.array(tip, { maxLength: 3 }) }),
  fc.record({ kind: is('inner'), digests: fc.uint8Array({ minLength: 96, maxLength: 96 }) }),
);
const code = fc.constantFrom('DENIED', 'BUSY', 'BAD_ENCODING');

export const anyAnswer: fc.Arbitrary<Answer> = fc.oneof(
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
  fc.record({ type: is('outline'), cuts: fc.array(fc.array(end, { maxLength: 3 }), { maxLength: 3 }) }),
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
