/** Bad input by every way in: pushed, pulled. Each has its code and counter, and nothing of it shows. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { utf8 } from '../base/bytes.ts';
import { AverError, type ErrorCode } from '../base/errors.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream, TopicHandler, Verdict } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import { Trie } from '../set/trie.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { nodeViews } from './descent.ts';
import { SYNC_PROTOCOL } from './messages.ts';
import { encodePush } from './push.ts';
import { OWN_LIMITS } from './requests.ts';

/** Hands a test what the peer would do with a message and with a stream. */
class Ears extends MemoryNetwork {
  onMessage: TopicHandler = async () => 'ignore';
  onStream: (stream: FrameStream) => void = () => undefined;

  override subscribe(topic: string, handler: TopicHandler): () => void {
    this.onMessage = handler;
    return super.subscribe(topic, handler);
  }

  override handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    if (protocol === SYNC_PROTOCOL) this.onStream = handler;
    return super.handle(protocol, handler);
  }
}

let hub: MemoryHub;
let ears: Ears;
let honest: SyncPeer;

beforeAll(() => loadFastHash());

async function meet(space: SpaceIdentity): Promise<void> {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  ears = new Ears(hub, 'peer-1');
  honest = await SyncPeer.start({ hub, space, number: 1, network: ears, antiEntropyMs: 100_000 });
}

afterEach(() => honest.stop());

/** The verdict on a message that a connected peer passes on. */
async function pushed(message: Uint8Array): Promise<Verdict> {
  await (await RawPeer.start(hub, 'hostile')).connect(honest.id);
  return ears.onMessage('hostile', message);
}

const open = testSpace();
const costly = testSpace({ pow: [[64, 20]] });
const invited = testSpace({ write: 'invited', admitters: [new Uint8Array(32).fill(9)] });
const small = testSpace({ payloadBytesMax: 4096 });

const authorIn = (space: SpaceIdentity, number = 50) => TestAuthor.create(space, honest.crypto, number);

/** A run that is sound, if the test does not make it unsound. */
async function runIn(space: SpaceIdentity, change = (chain: Assertion[]) => chain): Promise<Run> {
  const author = await authorIn(space);
  return author.run(change(author.chain(3)));
}

const withoutSignature = (run: Run) => encodeRun({ ...run, signature: new Uint8Array(0) });
const forged = (run: Run) =>
  encodeRun({ ...run, signature: run.signature.with(3, 1 ^ (run.signature[3] as number)) });

/** Signed over the second of three: the third is a tail that nobody signed. */
async function signedTooEarly(): Promise<Uint8Array> {
  const author = await authorIn(open);
  const chain = author.chain(3);
  const { signature } = await author.run(chain.slice(0, 2));
  return encodeRun({ author: author.publicKey, assertions: chain, signature });
}

/** Its second assertion was replaced after the run was signed. */
async function badInTheMiddle(): Promise<Uint8Array> {
  const author = await authorIn(open);
  const [first, second, third] = author.chain(3) as [Assertion, Assertion, Assertion];
  const { signature } = await author.run([first, second, third]);
  return encodeRun({
    author: author.publicKey,
    assertions: [first, { ...second, payload: utf8('?') }, third],
    signature,
  });
}

async function nonCanonical(): Promise<Uint8Array> {
  const bytes = encodeRun(await runIn(open));
  const seqAt = 1 + 34;
  // Seq 1 in two bytes instead of one.
  return Uint8Array.of(...bytes.subarray(0, seqAt), 0x18, 1, ...bytes.subarray(seqAt + 1));
}

async function large(): Promise<Uint8Array> {
  const author = await authorIn(small);
  return encodeRun(await author.run([author.next(undefined, { payload: new Uint8Array(4097) })]));
}

type Case = readonly [string, ErrorCode, SpaceIdentity, () => Promise<Uint8Array>];
const cases: readonly Case[] = [
  ['a forged signature', 'BAD_SIGNATURE', open, async () => forged(await runIn(open))],
  ['a signature that leaves out the last assertion', 'BAD_SIGNATURE', open, signedTooEarly],
  ['one bad assertion in the middle', 'BAD_SIGNATURE', open, badInTheMiddle],
  ['a run of another space', 'BAD_SIGNATURE', open, async () => encodeRun(await runIn(small))],
  ['an unsigned tail', 'UNSIGNED_TAIL', open, async () => withoutSignature(await runIn(open))],
  ['a truncated run', 'BAD_ENCODING', open, async () => encodeRun(await runIn(open)).subarray(0, -1)],
  [
    'bytes behind the run',
    'BAD_ENCODING',
    open,
    async () => Uint8Array.of(...encodeRun(await runIn(open)), 0),
  ],
  ['a number not in its shortest form', 'BAD_ENCODING', open, nonCanonical],
  [
    'a run without what it continues',
    'BAD_CHAIN',
    open,
    async () => {
      const bytes = encodeRun(await runIn(open));
      return bytes.with(1 + 34, 2);
    },
  ],
  ['a payload over the limit of the space', 'OVERSIZE', small, large],
  ['no proof of work', 'BAD_POW', costly, async () => encodeRun(await runIn(costly))],
  ['no admission', 'NOT_ADMITTED', invited, async () => encodeRun(await runIn(invited))],
];

describe.each(cases)('%s: %s', (_, code, space, make) => {
  beforeEach(() => meet(space));

  test('pushed, is rejected and counted, and the one who passed it on is blamed', async () => {
    expect(await pushed(encodePush(space.id, [await make()]))).toBe('reject');
    expect(honest.metric('push_rejected', { code })).toBe(1);
    expect(honest.metric('sync_faults', { code })).toBe(1);
    expect(honest.replica.count).toBe(0);
  });

  test('pulled, is refused and counted, and the one who sent it is blamed', async () => {
    const bytes = await make();
    const { publicKey } = await authorIn(space);
    const trie = Trie.of([{ author: publicKey, seq: 3, id: new Uint8Array(32).fill(7) }]);
    const { root } = trie;
    const raw = await RawPeer.start(hub, 'hostile', (request) => {
      if (request.type === 'hello')
        return [{ type: 'hello', proof: null, clockMs: systemClock.nowMs(), limits: OWN_LIMITS }];
      if (request.type === 'roots') return [{ type: 'roots', root, count: 3, flushed: root, sketch: null }];
      if (request.type === 'nodes')
        return [{ type: 'nodes', nodes: nodeViews(trie, request.salt, request.prefixes) }];
      if (request.type === 'pull') return [{ type: 'runs', runs: [bytes], open: false, cursor: null }];
      return [];
    });
    await raw.connect(honest.id);
    await honest.sync.sync({ peerId: 'hostile' }).catch(() => undefined);
    expect(raw.asked.some(({ type }) => type === 'pull')).toBe(true);
    expect(honest.metric('sync_faults', { code })).toBe(1);
    expect(honest.replica.count).toBe(0);
  });
});

describe('a push message', () => {
  beforeEach(() => meet(open));

  test.each<[string, ErrorCode, () => Uint8Array | Promise<Uint8Array>]>([
    ['of another space', 'WRONG_SPACE', async () => encodePush(small.id, [encodeRun(await runIn(small))])],
    ['of another version', 'BAD_ENCODING', () => encodePush(open.id, []).with(1, 2)],
    ['without runs', 'BAD_ENCODING', () => encodePush(open.id, [])],
    ['that is nested', 'BAD_ENCODING', () => new Uint8Array(1000).fill(0x81)],
    ['that is empty', 'BAD_ENCODING', () => new Uint8Array(0)],
    ['over the limit', 'OVERSIZE', () => new Uint8Array(limits.gossipBytesMax + 1)],
  ])('%s is rejected with %s', async (_, code, make) => {
    expect(await pushed(await make())).toBe('reject');
    expect(honest.metric('push_rejected', { code })).toBe(1);
    expect(honest.metric('sync_faults', { code })).toBe(1);
  });
});

describe('a sync stream', () => {
  beforeEach(() => meet(open));

  /** A stream whose frames end as the frame layer ends them. */
  async function broken(error: AverError): Promise<Error> {
    const raw = await RawPeer.start(hub, 'hostile');
    await raw.connect(honest.id);
    return new Promise((resolve) => {
      ears.onStream({
        peerId: 'hostile',
        frames: {
          [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
        },
        send: async () => undefined,
        close: async () => undefined,
        abort: resolve,
      });
    });
  }

  test('with a frame over the limit is ended and counted, and its sender is blamed', async () => {
    expect(await broken(new AverError('OVERSIZE', 'A frame was announced.'))).toMatchObject({
      code: 'OVERSIZE',
    });
    expect(honest.metric('sync_streams_failed', { code: 'OVERSIZE' })).toBe(1);
    expect(honest.metric('sync_faults', { code: 'OVERSIZE' })).toBe(1);
  });

  test('that broke off within a frame is ended and counted, and nobody is blamed', async () => {
    await broken(new AverError('STREAM_FAILED', 'The stream ended within a frame.'));
    expect(honest.metric('sync_streams_failed', { code: 'STREAM_FAILED' })).toBe(1);
    expect(honest.metric('sync_faults', { code: 'STREAM_FAILED' })).toBe(0);
  });
});

test('a payload that is not the one asked for is a wrong hash, and is not filled in', async () => {
  await meet(open);
  const author = await authorIn(open);
  const [wanted] = author.chain(1, undefined, () => ({ payload: utf8('right'), erased: true })) as [
    Assertion,
  ];
  const run = await author.run([wanted]);
  await honest.replica.ingest([run], { from: 'other', via: 'pull' });
  const lie = encodeRun({ ...run, assertions: [{ ...wanted, payload: utf8('wrong') }] });
  const trie = Trie.of([lastOf(run)]);
  const raw = await RawPeer.start(hub, 'hostile', (request) => {
    if (request.type === 'hello')
      return [{ type: 'hello', proof: null, clockMs: systemClock.nowMs(), limits: OWN_LIMITS }];
    if (request.type === 'roots')
      return [{ type: 'roots', root: trie.root, count: 1, flushed: trie.root, sketch: null }];
    if (request.type === 'fetch') return [{ type: 'runs', runs: [lie], open: false, cursor: null }];
    return [];
  });
  await raw.connect(honest.id);
  await honest.sync.sync({ peerId: 'hostile' });
  await honest.sync.erasedSync();
  expect(raw.asked.some(({ type }) => type === 'fetch')).toBe(true);
  expect(honest.metric('sync_faults', { code: 'BAD_HASH' })).toBeGreaterThan(0);
  expect((await honest.replica.journal.find(wanted.id))?.payload).toBeUndefined();
});
