import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { bloomKey, buildBloom } from '../set/bloom.ts';
import { type TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer, when } from '../testing/sync-peer.ts';
import {
  buildDigest,
  type Digest,
  DigestGate,
  decodeDigest,
  encodeDigest,
  packDigest,
  RecentAuthors,
  showsGap,
  unpackDigest,
} from './digest.ts';
import { fanOut } from './digester.ts';
import type { Request } from './messages.ts';
import { OWN_LIMITS } from './requests.ts';

const space = testSpace();
const { tag } = space;
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const nonce = fc.uint8Array({ minLength: 16, maxLength: 16 });
const stops: (() => Promise<void>)[] = [];
let hub: MemoryHub;

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(number: number): Promise<SyncPeer> {
  if (number === 1) hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  const peer = await SyncPeer.start({
    hub,
    space,
    number,
    antiEntropyMs: 1e6,
    newsQuietMs: 1e6,
    push: false,
  });
  stops.push(() => peer.stop());
  return peer;
}

const digest = fc
  .record({
    root: hash,
    nonce,
    ids: fc.array(hash, { maxLength: 40 }),
    clock: fc.array(fc.record({ author: hash, seq: fc.nat() }), { maxLength: 30 }),
    withBloom: fc.boolean(),
  })
  .map(({ ids, withBloom, ...rest }): Digest => {
    const bloom = withBloom ? buildBloom(bloomKey(space.topic, rest.nonce), ids) : null;
    return { ...rest, hintCount: ids.length, bloom };
  });

describe('bytes', () => {
  test('a digest comes out of its bytes as it went in, packed or not [ICG-01] [ICG-43]', async () => {
    await fc.assert(
      fc.asyncProperty(digest, async (each) => {
        expect(decodeDigest(encodeDigest(each))).toEqual(each);
        expect(await unpackDigest(await packDigest(tag, each))).toEqual(each);
      }),
    );
  });

  test('a large digest is packed, a small one is not [ICG-43]', async () => {
    const clock = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ author: new Uint8Array(32).fill(i), seq: i }));
    const of = (n: number): Digest => ({
      root: new Uint8Array(32),
      nonce: new Uint8Array(16),
      hintCount: 0,
      clock: clock(n),
      bloom: null,
    });
    expect((await packDigest(tag, of(2))).packed).toBe(false);
    const large = await packDigest(tag, of(1000));
    expect(large.packed).toBe(true);
    expect(large.body.length).toBeLessThan(encodeDigest(of(1000)).length / 2);
  });

  test('a bomb is not unpacked beyond the limit [ICG-43]', async () => {
    const zeros = new Blob([new Uint8Array(50_000_000)]).stream();
    const packed = await new Response(zeros.pipeThrough(new CompressionStream('deflate-raw'))).bytes();
    expect(packed.length).toBeLessThan(limits.digestBytesMax);
    const request = { type: 'digest', tag, packed: true, body: packed } as const;
    await expect(unpackDigest(request)).rejects.toMatchObject({ code: 'BAD_ENCODING' });
  });

  test.each<[string, Partial<Digest>]>([
    ['a filter of 100 bits', { bloom: { hashes: 1, bits: new Uint8Array(13) } }],
    ['a filter of 32 bits', { bloom: { hashes: 1, bits: new Uint8Array(4) } }],
    ['a filter without hashes', { bloom: { hashes: 0, bits: new Uint8Array(8) } }],
    ['a filter with 45 hashes', { bloom: { hashes: 45, bits: new Uint8Array(8) } }],
    ['an empty filter said to hold 500', { hintCount: 500, bloom: { hashes: 1, bits: new Uint8Array(512) } }],
    ['a count beyond what a filter covers', { hintCount: limits.recentIdsMax + 1, bloom: null }],
  ])('%s is refused [ICG-11] [ICG-26]', (_, parts) => {
    const whole: Digest = {
      root: new Uint8Array(32),
      nonce: new Uint8Array(16),
      hintCount: 0,
      clock: [],
      bloom: null,
      ...parts,
    };
    expect(() => decodeDigest(encodeDigest(whole))).toThrow(
      expect.objectContaining({ code: 'BAD_ENCODING' }),
    );
  });
});

test('the clock of a digest names only chains that grew since the last one [ICG-44]', () => {
  const authors = new RecentAuthors();
  const author = (n: number) => new Uint8Array(32).fill(n);
  authors.note(author(1));
  authors.note(author(2));
  const before = authors.change;
  expect(authors.since(0)).toHaveLength(2);
  authors.note(author(1));
  expect(authors.since(before)).toEqual(['01'.repeat(32)]);
  for (let n = 0; n < limits.clockEntriesMax + 5; n++) {
    authors.note(Uint8Array.from({ length: 32 }, (_, i) => (i < 2 ? (n >> (8 * i)) & 255 : 9)));
  }
  expect(authors.since(0)).toHaveLength(limits.clockEntriesMax);
});

test('a digest every five seconds is handled, more often not, and no nonce twice [ICG-34] [ICG-35]', () => {
  const gate = new DigestGate(10_000);
  expect(gate.isEarly(10_000)).toBe(false);
  expect(gate.isEarly(14_999)).toBe(true);
  expect(gate.isEarly(15_000)).toBe(false);
  const one = new Uint8Array(16).fill(1);
  expect(gate.isRepeated(one, 0)).toBe(false);
  expect(gate.isRepeated(one, 1000)).toBe(true);
  expect(gate.isRepeated(one, limits.nonceTtlMs)).toBe(false);
  for (let n = 0; n < limits.noncesPerPeerMax; n++) gate.isRepeated(new Uint8Array(16).fill(n).with(0, 7), 1);
  expect(gate.isRepeated(one, limits.nonceTtlMs + 1)).toBe(false);
});

test('digests go to a few peers, never to all of many [ICG-46]', () => {
  expect([0, 1, 4, 16, 100, 1000, 1e6].map(fanOut)).toEqual([3, 3, 3, 5, 8, 10, 10]);
});

test('the clock shows what the receiver lacks, the filter what the sender lacks [ICG-13]', async () => {
  const [a, b] = [await start(1), await start(2)];
  const digestOf = (peer: SyncPeer, withBloom = true) =>
    buildDigest(peer.replica, [...new Set([bytesHex(peer.author)])], new Uint8Array(16).fill(3), withBloom);
  await a.write();
  expect(showsGap(b.replica, digestOf(a))).toBe(true);
  await b.replica.ingest([await a.author.run(a.author.chain(1))], { from: 'x', via: 'file' });
  await b.write();
  expect(showsGap(a.replica, digestOf(a))).toBe(false);
  expect(showsGap(b.replica, digestOf(a))).toBe(true);
  expect(showsGap(b.replica, digestOf(a, false))).toBe(false);
});

function bytesHex(author: TestAuthor): string {
  return Buffer.from(author.publicKey).toString('hex');
}

test('a digest that shows a gap starts a sync with its sender, and a repeated one does not [ICG-38]', async () => {
  const peer = await start(1);
  await peer.write();
  const raw = await RawPeer.start(hub, 'raw', () => [{ type: 'denied', code: 'DENIED' }]);
  stops.push(() => raw.network.stop());
  await raw.connect(peer.id);
  const stream = await raw.open(peer.id);
  await stream.ask({ type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS });
  const hint: Digest = {
    root: new Uint8Array(32).fill(1),
    nonce: new Uint8Array(16),
    hintCount: 0,
    clock: [{ author: new Uint8Array(32), seq: 5 }],
    bloom: null,
  };
  const request: Request = { type: 'digest', tag, packed: false, body: encodeDigest(hint) };
  expect(await stream.ask(request)).toEqual({ type: 'ok' });
  expect(await stream.ask(request)).toEqual({ type: 'ok' });
  expect(peer.metric('digests_dropped', { why: 'early' })).toBe(1);
  await when(
    () => raw.asked.length > 0,
    (look) => [peer.sync.events.on('relation', look)],
  );
});

test('a digest that cannot be read is answered with an error and counted', async () => {
  const peer = await start(1);
  const raw = await RawPeer.start(hub, 'raw');
  stops.push(() => raw.network.stop());
  await raw.connect(peer.id);
  const stream = await raw.open(peer.id);
  await stream.ask({ type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS });
  const request: Request = { type: 'digest', tag, packed: true, body: Uint8Array.of(1, 2, 3) };
  expect(await stream.ask(request)).toMatchObject({ type: 'error', code: 'BAD_ENCODING' });
  expect(peer.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
});
