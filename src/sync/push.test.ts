import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { TopicHandler, Verdict } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer, when } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { decodePush, encodePush } from './push.ts';

/** A network that hands a test the topic's handler, and keeps what is published. */
class Topic extends MemoryNetwork {
  readonly published: Uint8Array[] = [];
  handler: TopicHandler = async () => 'ignore';
  onPublish: () => void = () => undefined;

  override subscribe(topic: string, handler: TopicHandler): () => void {
    this.handler = handler;
    return super.subscribe(topic, handler);
  }

  override async publish(_: string, message: Uint8Array): Promise<number> {
    this.published.push(message);
    this.onPublish();
    return 1;
  }
}

const space = testSpace();
let topic: Topic;
let peer: SyncPeer;
let author: TestAuthor;

beforeAll(() => loadFastHash());

beforeEach(async () => {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  topic = new Topic(hub, 'peer-1');
  peer = await SyncPeer.start({ hub, space, number: 1, network: topic });
  author = await TestAuthor.create(space, peer.crypto, 50);
});

afterEach(() => peer.stop());

const hear = (...runs: Run[]): Promise<Verdict> =>
  topic.handler('other', encodePush(space.id, runs.map(encodeRun)));
const visible = (count: number) =>
  when(
    () => peer.replica.count === count,
    (look) => [peer.replica.events.on('visible', look)],
  );

describe('what is heard', () => {
  test('news is accepted and becomes visible, the same again is ignored [STS-08]', async () => {
    const run = await author.run(author.chain(3));
    expect(await hear(run)).toBe('accept');
    await visible(3);
    expect(await hear(run)).toBe('ignore');
    const [next] = author.chain(1, lastOf(run));
    expect(await hear(run, await author.run([next as Run['assertions'][0]]))).toBe('accept');
  });

  test('what a pull brought just now is passed on once more', async () => {
    const run = await author.run(author.chain(1));
    await peer.replica.ingest([run], { from: 'other', via: 'pull' });
    expect(await hear(run)).toBe('accept');
  });

  test('what a pull brought is passed on once, in however many wrappings it is heard', async () => {
    const [first, second] = author.chain(2) as [Run['assertions'][0], Run['assertions'][0]];
    const [run, other] = [await author.run([first]), await author.run([second])];
    await peer.replica.ingest([run, other], { from: 'other', via: 'pull' });
    expect(await hear(run)).toBe('accept');
    expect(await hear(run, run)).toBe('ignore');
    expect(await hear(run, other)).toBe('accept');
    expect(await hear(other, run)).toBe('ignore');
  });

  test('what waits for ancestors is passed on, and visible when they come', async () => {
    const [first, second] = author.chain(2) as [Run['assertions'][0], Run['assertions'][0]];
    expect(await hear(await author.run([second]))).toBe('accept');
    expect(await hear(await author.run([first]))).toBe('accept');
    await visible(2);
  });

  test('a forged, tampered or damaged message is rejected, and nothing of it is visible [STS-10]', async () => {
    const run = await author.run(author.chain(2));
    const forged = { ...run, signature: run.signature.with(3, 1 + (run.signature[3] as number)) };
    expect(await hear(forged)).toBe('reject');
    expect(await hear(await author.run(author.chain(1)), forged)).toBe('reject');
    const message = encodePush(space.id, [encodeRun(run)]);
    expect(await topic.handler('other', message.slice(0, -1))).toBe('reject');
    expect(await topic.handler('other', encodePush(new Uint8Array(32), [encodeRun(run)]))).toBe('reject');
    expect(await topic.handler('other', encodePush(space.id, []))).toBe('reject');
    expect(await topic.handler('other', new Uint8Array(limits.gossipBytesMax + 1))).toBe('reject');
  });

  test('what is held for its time, and what lacks a payload, is ignored', async () => {
    const hlc = { time: BigInt(systemClock.nowMs() + 3_600_000) * 1_000_000n, counter: 0 };
    expect(await hear(await author.run([author.next(undefined, { hlc })]))).toBe('ignore');
    const erased = await author.run([author.next(undefined, { erased: true })]);
    expect(await hear(erased)).toBe('ignore');
    expect(peer.replica.count).toBe(0);
  });

  test('what contradicts its own past is ignored, since others may not know that past', async () => {
    const other = await TestAuthor.create(space, peer.crypto, 51);
    const base = await author.run(author.chain(1));
    await peer.replica.ingest([base], { from: 'other', via: 'push' });
    const late = other.next(undefined, { parents: [lastOf(base)], hlc: { time: 1n, counter: 0 } });
    expect(await hear(await other.run([late]))).toBe('ignore');
    expect(peer.replica.count).toBe(1);
  });

  test('a verdict does not wait for the disk', async () => {
    const run = await author.run(author.chain(1));
    // The verdict comes while the runs are still on their way into the set.
    expect(await hear(run)).toBe('accept');
    expect(peer.replica.count).toBe(0);
    await visible(1);
  });
});

describe('what is said', () => {
  test('a lone write goes at once, what follows within moments travels together [STS-09]', async () => {
    const clock = new VirtualClock();
    const hub = new MemoryHub({ clock, random: new SeededRandom(1) });
    const said = new Topic(hub, 'peer-2');
    const writer = await SyncPeer.start({ hub, space, number: 2, network: said });
    await writer.write();
    expect(said.published).toHaveLength(1);
    await writer.write();
    await writer.write();
    expect(said.published).toHaveLength(1);
    await clock.advance(limits.pushCoalesceMs);
    expect(said.published).toHaveLength(2);
    expect(decodePush(said.published[1] as Uint8Array, space.id)).toHaveLength(2);
    await writer.stop();
  });

  test('no message is larger than gossip allows, however much is written', async () => {
    for (let i = 0; i < 12; i++) await peer.write(1, new Uint8Array(55_000));
    await when(
      () => topic.published.flatMap((message) => decodePush(message, space.id)).length === 12,
      (look) => {
        topic.onPublish = look;
        return [];
      },
    );
    for (const message of topic.published) expect(message.length).toBeLessThanOrEqual(limits.gossipBytesMax);
  });

  test('what came from others is not published again', async () => {
    await peer.replica.ingest([await author.run(author.chain(1))], { from: 'other', via: 'pull' });
    await peer.write();
    expect(topic.published).toHaveLength(1);
    expect(decodePush(topic.published[0] as Uint8Array, space.id)[0]?.author).toEqual(peer.author.publicKey);
  });

  test('more than push may carry is left to pull', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    topic.publish = async () => {
      await gate;
      return 1;
    };
    const big = new Uint8Array(59_000);
    for (let i = 0; i <= limits.pushQueueBytesMax / big.length + 2; i++) await peer.write(1, big);
    expect(peer.metric('push_overflows')).toBe(1);
    release();
  });
});
