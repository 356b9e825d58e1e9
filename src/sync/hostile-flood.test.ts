/** Peers that send too much, too often, or what costs more to look at than to send. */

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../assertion/model.ts';
import { allowances } from '../base/allowance.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { bloomKey, buildBloom } from '../set/bloom.ts';
import { wantedKey } from '../set/journal-keys.ts';
import { TestAuthor } from '../testing/chains.ts';
import { actor, chunk, HostileScene } from '../testing/hostile.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { type SyncPeer, when } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { type Digest, encodeDigest } from './digest.ts';
import type { Request } from './messages.ts';

const scenes: HostileScene[] = [];
const random = new SeededRandom(9);

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.stop();
});

async function scene(...args: Parameters<typeof HostileScene.start>): Promise<HostileScene> {
  const started = await HostileScene.start(...args);
  scenes.push(started);
  return started;
}

/** The system's clock, set forward at will. */
class Ahead implements Clock {
  aheadMs = 0;
  readonly nowMs = () => systemClock.nowMs() + this.aheadMs;
  readonly setTimer: Clock['setTimer'] = (delayMs, action) => systemClock.setTimer(delayMs, action);
}

/** Stands still, so that everything happens in one second; timers run. */
class Stopped implements Clock {
  readonly #nowMs = systemClock.nowMs();
  readonly nowMs = () => this.#nowMs;
  readonly setTimer: Clock['setTimer'] = (delayMs, action) => systemClock.setTimer(delayMs, action);
}

/** Resolves when the honest peer has cut the liar off. */
function banned(it: HostileScene): Promise<void> {
  return when(
    () => it.a.metric('peers_banned') === 1,
    (look) => [it.a.network.on('disconnect', look)],
  );
}

/** Lets virtual time go on until the work is done. */
async function drive<T>(clock: VirtualClock, work: Promise<T>, stepMs = 50): Promise<T> {
  let isDone = false;
  const end = () => {
    isDone = true;
  };
  work.then(end, end);
  while (!isDone) await clock.advance(stepMs);
  return work;
}

describe('digests', () => {
  const plain = (parts: Partial<Digest> = {}): Digest => ({
    root: random.bytes(32),
    nonce: random.bytes(16),
    hintCount: 0,
    clock: [],
    bloom: null,
    ...parts,
  });
  const requestOf = (it: HostileScene, digest: Digest): Request => ({
    type: 'digest',
    tag: it.space.tag,
    packed: false,
    body: encodeDigest(digest),
  });

  test('a thousand in a second are not looked into, and end in a ban [ICG-34] [ICG-37]', async () => {
    const it = await scene();
    const stream = await it.stream();
    const gone = banned(it);
    for (let n = 0; n < 1000; n++) stream.ask(requestOf(it, plain())).catch(() => undefined);
    await gone;
    const handled = it.a.metric('digests_received') - it.a.metric('digests_dropped', { why: 'early' });
    expect(handled).toBe(1);
    expect(it.a.metric('digests_received')).toBeLessThanOrEqual(
      1 + allowances.earlyDigests.most + limits.offencesMax,
    );
    await expect(it.liar.connect(it.a.id)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    await it.honestConverge();
  });

  test('a nonce that is replayed is not looked into again, and its sender is blamed [ICG-35]', async () => {
    const clock = new Ahead();
    const it = await scene(undefined, { clock });
    const stream = await it.stream();
    const replayed = requestOf(it, plain({ clock: [{ author: random.bytes(32), seq: 5 }] }));
    await stream.ask(replayed);
    for (let n = 1; n <= 3; n++) {
      clock.aheadMs += limits.digestHandleMs;
      await stream.ask(replayed);
      expect(it.a.metric('digests_dropped', { why: 'repeated' })).toBe(n);
    }
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(3);
    await it.honestConverge();
  });

  const full = { hashes: 3, bits: new Uint8Array(limits.bloomBitsMax / 8).fill(0xff) };
  const empty = { hashes: 3, bits: new Uint8Array(limits.bloomBitsMax / 8) };
  test.each<[string, Digest]>([
    ['a filter of all ones', plain({ hintCount: 8192, bloom: full })],
    ['a filter of all zeros that is said to hold a thousand', plain({ hintCount: 1000, bloom: empty })],
    ['a hint of 2^32 − 1', plain({ hintCount: 2 ** 32 - 1 })],
    ['a clock of more authors than one may name', plain({ clock: manyAuthors(limits.clockEntriesMax + 1) })],
  ])('%s is refused, its sender blamed [ICG-11] [ICG-26]', async (_, digest) => {
    const it = await scene();
    const answer = await (await it.stream()).ask(requestOf(it, digest));
    expect(answer).toMatchObject({ type: 'error', code: 'BAD_ENCODING' });
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    await it.honestConverge();
  });

  function manyAuthors(count: number) {
    return Array.from({ length: count }, () => ({ author: random.bytes(32), seq: 1 }));
  }

  test('a bomb is unpacked no further than a digest may be, its sender blamed [ICG-43]', async () => {
    const it = await scene();
    const zeros = new Blob([new Uint8Array(50_000_000)]).stream();
    const body = await new Response(zeros.pipeThrough(new CompressionStream('deflate-raw'))).bytes();
    const { tag } = it.space;
    const answer = await (await it.stream()).ask({ type: 'digest', tag, packed: true, body });
    expect(answer).toMatchObject({ type: 'error', code: 'BAD_ENCODING' });
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    await it.honestConverge();
  });

  test('gaps that do not exist, as seqs of 2^53, start one sync each that is let through, and blame nobody', async () => {
    const clock = new Ahead();
    const it = await scene(undefined, { clock });
    const stream = await it.stream();
    const before = it.asked('roots');
    for (let n = 0; n < 5; n++) {
      const [gap] = manyAuthors(1);
      const seq = Number.MAX_SAFE_INTEGER;
      await stream.ask(requestOf(it, plain({ clock: [{ author: gap?.author ?? random.bytes(32), seq }] })));
      clock.aheadMs += limits.digestHandleMs;
    }
    await it.honestConverge();
    expect(it.asked('roots') - before).toBeLessThanOrEqual(2 * 7);
    expect(it.faults()).toBe(0);
  });

  test('of an honest peer that is late, early by jitter, or knows more and less are no fault', async () => {
    const clock = new Ahead();
    const it = await scene(undefined, { clock });
    const stream = await it.stream();
    for (let n = 0; n < 8; n++) {
      const nonce = random.bytes(16);
      const ids = Array.from({ length: 10 * n }, () => random.bytes(32));
      const bloom = buildBloom(bloomKey(it.space.topic, nonce), ids);
      await stream.ask(requestOf(it, plain({ nonce, hintCount: ids.length, bloom })));
      // A second digest follows a reconnect, or a clock that was set.
      await stream.ask(requestOf(it, plain()));
      clock.aheadMs += limits.digestMs;
    }
    expect(it.faults()).toBe(0);
  });
});

test('a peer that asks on and on whatever Busy says is banned; one that asks as much and obeys is not', async () => {
  const it = await scene(undefined, { clock: new Stopped() });
  const [hello, stream] = [it.hello, await it.stream()];
  const ask = async (count: number) => {
    for (let n = 0; n < count; n++) await stream.ask(hello);
  };
  await ask(limits.requestsIgnoringMin - 2);
  expect(it.faults()).toBe(0);
  const gone = banned(it);
  await ask(limits.requestsIgnoringStep * limits.offencesMax).catch(() => undefined);
  await gone;
  expect(it.a.metric('sync_faults', { code: 'BUSY' })).toBe(limits.offencesMax);
  await it.honestConverge();
});

test('a peer that compares roots on and on is told Busy, and banned when it goes on; the others are answered', async () => {
  const it = await scene(undefined, { clock: new Stopped() });
  const stream = await it.stream();
  const roots = (n: number) =>
    stream.ask({ type: 'roots', tag: it.space.tag, root: random.bytes(32), count: n });
  for (let n = 0; n < allowances.roots.start; n++) expect(await roots(n)).toMatchObject({ type: 'roots' });
  expect(await roots(0)).toMatchObject({ type: 'busy' });
  expect(it.faults()).toBe(0);
  const gone = banned(it);
  for (let n = 0; n < allowances.refusedRoots.start + limits.offencesMax; n++)
    await roots(n).catch(() => undefined);
  await gone;
  await it.honestConverge();
});

test('a peer that pulls something before each comparison may compare as often as that', async () => {
  const it = await scene(undefined, { clock: new Stopped() });
  const stream = await it.stream();
  const { tag } = it.space;
  const ranges = it.a.replica.frontier.tipsOf(it.a.author.publicKey).map((tip) => ({ ...tip, have: [] }));
  for (let n = 0; n < 2 * allowances.roots.start; n++) {
    const roots = { type: 'roots', tag, root: random.bytes(32), count: n } as const;
    expect(await stream.ask(roots)).toMatchObject({ type: 'roots' });
    const pull = { type: 'pull', tag, ranges, maxBytes: 1e6, cursor: null } as const;
    expect(await stream.ask(pull)).toMatchObject({ type: 'runs', runs: [expect.anything()] });
  }
  expect(it.faults()).toBe(0);
});

test('a peer that opens streams on and on, beyond those it is served, is banned', async () => {
  const it = await scene(undefined, { clock: new Stopped() });
  const gone = banned(it);
  const most = limits.streamsServedPerPeerMax + allowances.streamsBeyond.start + limits.offencesMax;
  for (let n = 0; n < most; n++) await it.stream().catch(() => undefined);
  await gone;
  await it.honestConverge();
});

/** Frames that cannot be read: the last of so many ends in a ban. */
const FRAMES_MAX = Math.ceil(limits.offencesMax / limits.offencesPerBadFrame);

describe('the faults of a peer', () => {
  const garbage = async (it: HostileScene) => {
    const stream = await it.stream();
    await stream.stream.send(Uint8Array.of(255));
    await expect(stream.next()).rejects.toThrow();
  };

  test('count on when it comes back on another connection', async () => {
    const it = await scene();
    for (let n = 1; n < FRAMES_MAX; n++) {
      await garbage(it);
      await it.liar.network.disconnect(it.a.id);
      await it.liar.connect(it.a.id);
    }
    expect(it.a.metric('peers_banned')).toBe(0);
    const gone = banned(it);
    await garbage(it);
    await gone;
    await expect(it.liar.connect(it.a.id)).rejects.toThrow();
    await it.honestConverge();
  });

  test('are forgotten after a while, also by those who were not connected meanwhile', async () => {
    const clock = new Ahead();
    const it = await scene(undefined, { clock });
    for (let n = 0; n < 3 * FRAMES_MAX; n++) {
      await garbage(it);
      clock.aheadMs += limits.offenceTtlMs / (FRAMES_MAX - 1) + 1;
      await it.liar.network.disconnect(it.a.id);
      await it.liar.connect(it.a.id);
    }
    expect(it.a.metric('peers_banned')).toBe(0);
  });
});

test('a hundred hellos are answered, and start no more syncs than one', async () => {
  const it = await scene();
  const stream = await it.stream();
  await it.honestConverge();
  const before = it.asked('roots');
  for (let n = 0; n < 100; n++) expect(await stream.ask(it.hello)).toMatchObject({ type: 'hello' });
  // A few are still owed to the news that the honest peers had of each other.
  expect(it.asked('roots') - before).toBeLessThanOrEqual(8);
});

test('a peer that tells ever other roots, with nothing behind them, is asked ever more seldom', async () => {
  const clock = new VirtualClock();
  // It has nothing of its own: each sync ends well and brings nothing.
  const starting = HostileScene.start(() => actor([]), {
    hubClock: clock,
    crypto: pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY }),
    requestTimeoutMs: 10_000,
  });
  const it = await drive(clock, starting);
  const stream = await drive(clock, it.stream());
  const [before, startMs] = [it.asked('roots'), clock.nowMs()];
  for (let n = 0; n < 200; n++) {
    const { tag } = it.space;
    await drive(clock, stream.ask({ type: 'roots', tag, root: random.bytes(32), count: n }), 100);
  }
  // After the first few at once: at 0.1, 0.2, 0.4 … and then every 5 s, as without a word.
  const asked = it.asked('roots') - before;
  expect(asked).toBeGreaterThan(5);
  expect(asked).toBeLessThan(16 + (clock.nowMs() - startMs) / 2500);
  expect(it.faults()).toBe(0);
  await drive(clock, it.honestConverge());
  await drive(clock, it.stop());
});

test('peers that drip a chunk just before each deadline hold up others no longer than their turn', async () => {
  const clock = new VirtualClock();
  const dripping = async ({ replica, crypto }: SyncPeer) => {
    const author = await TestAuthor.create(replica.space, crypto, 70);
    const runs = await Promise.all(author.chain(3).map((assertion) => author.run([assertion])));
    const drip = [{ answer: chunk(runs.slice(0, 1), true), afterMs: 9000 }];
    return actor(runs.slice(-1), { pull: () => drip, more: () => drip });
  };
  const timing = {
    hubClock: clock,
    crypto: pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY }),
    requestTimeoutMs: 10_000,
    push: false,
  };
  const it = await drive(clock, HostileScene.start(dripping, timing));
  const second = await RawPeer.start(it.hub, 'liar-2', await dripping(it.a));
  await drive(clock, second.connect(it.a.id));
  await drive(clock, second.connect(it.b.id));
  const pulls = () => it.asked('pull') + second.asked.filter(({ type }) => type === 'pull').length;
  // Both turns of both honest peers are taken.
  while (pulls() < 4) await clock.advance(50);
  const startMs = clock.nowMs();
  await drive(clock, it.honestConverge(1));
  expect(clock.nowMs() - startMs).toBeLessThan(3 * limits.pullHoldMs);
  await drive(clock, Promise.all([it.stop(), second.network.stop()]));
});

test('authors from the future are remembered up to a number, and hold up nothing that is due', async () => {
  const it = await scene(async (honest) => {
    const runs: Run[] = [];
    for (let n = 0; n < limits.heldAuthorsMax + 50; n++) {
      const author = await TestAuthor.create(honest.replica.space, honest.crypto, 100 + n);
      const time = BigInt(systemClock.nowMs() + 3_600_000 + n) * 1_000_000n;
      runs.push(await author.run([author.next(undefined, { hlc: { time, counter: 0 } })]));
    }
    return actor(runs);
  });
  for (let n = 0; n < 2; n++) await it.sync();
  expect(it.a.replica.heldAuthors).toBe(limits.heldAuthorsMax);
  expect(it.a.metric('assertions_held')).toBeGreaterThan(0);
  expect(it.asked('pull')).toBeLessThanOrEqual(2 * 2 * 5);
  await it.honestConverge();
  // Which of two clocks is wrong, nobody can prove.
  expect(it.faults()).toBe(0);
}, 60_000);

test('payloads that nobody ever had do not keep those that others have from being asked for', async () => {
  const it = await scene();
  const author = await TestAuthor.create(it.space, it.a.crypto, 70);
  const junk = author.chain(5 * limits.wantedPerRoundMax, undefined, () => ({ erased: true }));
  for (let n = 0; n < junk.length; n += 100) {
    const run = await author.run(junk.slice(n, n + 100));
    await it.a.replica.ingest([run], { from: 'liar', via: 'pull' });
  }
  const run = await it.b.write(20);
  const erased = run.assertions.map((assertion) => ({ ...assertion, payload: undefined }));
  await it.a.connect(it.b);
  await it.a.sync.sync({ peerId: it.b.id });
  for (const { id } of erased) await it.a.replica.erase(id);
  const { journal } = it.a.replica;
  await journal.write(
    erased.map(({ id }) => ({ key: wantedKey(id), value: new Uint8Array(0) })),
    false,
  );
  let restored = 0;
  for (let n = 0; n <= 6; n++) restored += await it.a.sync.erasedSync();
  expect(restored).toBe(20);
  // Once around, and then a pause: what nobody has is not asked for again and again.
  const asked = it.asked('fetch');
  for (let n = 0; n < 5; n++) await it.a.sync.erasedSync();
  expect(it.asked('fetch')).toBe(asked);
});
