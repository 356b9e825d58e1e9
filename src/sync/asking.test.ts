/** Peers that take requests and do not keep what they promise, in virtual time. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { MemoryMetrics } from '../base/counters.ts';
import { loadFastHash } from '../base/hash.ts';
import { classLimits, limits } from '../base/limits.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import { Trie } from '../set/trie.ts';
import type { Tip } from '../set/trie-entry.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer, type Script } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { nodeViews } from './descent.ts';
import { encodeDigest } from './digest.ts';
import { toWireMs } from './link.ts';
import { type Answer, type Request, SYNC_PROTOCOL } from './messages.ts';
import { PeerAccounts } from './peer-accounts.ts';
import { PullGate } from './pull-gate.ts';
import { OWN_LIMITS } from './requests.ts';

const KiB = 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const space = testSpace();
const { tag } = space;
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
const hello: Request = { type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS };
let clock: VirtualClock;
let hub: MemoryHub;
let asking: SyncPeer;
const stops: (() => Promise<void>)[] = [];

beforeAll(() => loadFastHash());

beforeEach(async () => {
  clock = new VirtualClock();
  hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 5 });
  asking = await SyncPeer.start({ hub, space, number: 1, crypto });
  stops.push(() => asking.stop());
});

afterEach(async () => {
  const stopped = Promise.all(stops.splice(0).map((stop) => stop()));
  await clock.advance(MINUTE);
  await stopped;
});

/** A peer that shows these tips and claims so many assertions; what it does about pulls is up to the test. */
async function actor(name: string, tips: readonly Tip[], count: number, onPull: Script): Promise<RawPeer> {
  const trie = Trie.of(tips);
  const raw = await RawPeer.start(hub, name, (request, id, from) => {
    if (request.type === 'hello')
      return [{ type: 'hello', proof: null, clockMs: toWireMs(clock.nowMs()), limits: OWN_LIMITS }];
    if (request.type === 'roots')
      return [{ type: 'roots', root: trie.root, count, flushed: trie.root, sketch: null }];
    if (request.type === 'cells') return [{ type: 'diff', difference: null }];
    if (request.type === 'nodes')
      return [{ type: 'nodes', nodes: nodeViews(trie, request.salt, request.prefixes) }];
    if (request.type === 'digest') return [{ type: 'ok' }];
    return request.type === 'pull' ? onPull(request, id, from) : [];
  });
  stops.push(() => raw.network.stop());
  asking.network.keep([`/memory/0/p2p/${name}`]);
  return raw;
}

async function runOf(number: number, count: number): Promise<Run> {
  const author = await TestAuthor.create(space, crypto, number);
  return author.run(author.chain(count));
}

const pulls = (raw: RawPeer) => raw.asked.filter(({ type }) => type === 'pull').length;
const deficit = (peer: string) => asking.metric('peer_deficit_bytes', { peer });

describe('a peer that never answers a pull', () => {
  test('frees its slot, is asked ever more seldom but never given up, and others are pulled from meanwhile [ICG-25]', async () => {
    const run = await runOf(50, 2);
    const promised = await runOf(51, 100);
    let answers = false;
    const black = await actor('black', [lastOf(promised)], 100, () =>
      answers ? [{ type: 'runs', runs: [encodeRun(promised)], open: false, cursor: null }] : [],
    );
    await clock.advance(2 * SECOND);
    expect(pulls(black)).toBe(1);
    await actor('honest', [lastOf(run)], 2, () => [
      { type: 'runs', runs: [encodeRun(run)], open: false, cursor: null },
    ]);
    await clock.advance(3 * SECOND);
    expect(asking.replica.count).toBe(2);
    await clock.advance(limits.requestTimeoutMs + limits.reportMs);
    expect(asking.metric('sync_failures', { code: 'TIMEOUT' })).toBeGreaterThan(0);
    expect(deficit('black')).toBeLessThan(-limits.pullDebtBytesMax);
    await clock.advance(10 * MINUTE);
    const tries = pulls(black);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(40);
    answers = true;
    await clock.advance(MINUTE);
    expect(asking.replica.count).toBe(102);
    await clock.advance(40 * MINUTE);
    expect(deficit('black')).toBe(0);
  });

  test('owes no more for a claim of 2^32 − 1 entries than one pull may bring [ICG-26]', async () => {
    const [last] = (await runOf(51, 1)).assertions;
    const tip = { ...(last as Tip), seq: 2 ** 32 - 1 };
    const black = await actor('black', [tip], 2 ** 32 - 1, () => []);
    await clock.advance(limits.reportMs + SECOND);
    const tries = pulls(black);
    expect(tries).toBeGreaterThan(0);
    expect(deficit('black')).toBeLessThanOrEqual(-60 * KiB);
    expect(deficit('black')).toBeGreaterThanOrEqual(-64 * KiB * tries);
  });
});

test('what came is credited to the peer that sent it, whoever wrote it, and debts are its own [ICG-27]', async () => {
  const run = await runOf(50, 2);
  const tip = { ...lastOf(run), seq: 1000 };
  const cursor = { hlc: lastOf(run).hlc, id: lastOf(run).id };
  const cut: Answer = { type: 'runs', runs: [encodeRun(run)], open: false, cursor };
  // The author’s own peer is connected too, and owes nothing.
  await actor('author', [], 0, () => []);
  await actor('carrier', [tip], 1000, () => [cut]);
  await clock.advance(limits.reportMs + SECOND);
  expect(deficit('carrier')).toBeLessThan(-limits.pullDebtBytesMax);
  expect(deficit('author')).toBe(0);
});

describe('the gate before a pull', () => {
  const range = { author: new Uint8Array(32), seq: 100, id: new Uint8Array(32), have: [] };
  const metrics = new MemoryMetrics();
  const newGate = (hasChoice: boolean) => {
    const accounts = new PeerAccounts({ clock, metrics, trustOf: () => 0 });
    let paused = 0;
    const gate = new PullGate({
      account: accounts.of('peer'),
      ports: { clock, metrics },
      hint: () => 100,
      hasChoice: () => hasChoice,
      onPause: () => paused++,
    });
    return { gate, pauses: () => paused };
  };

  test('turns to somebody else while the peer is asked already, or owes too much [ICG-21] [ICG-22]', async () => {
    const { gate, pauses } = newGate(true);
    const first = gate.open([range]);
    expect(gate.isOpen).toBe(false);
    expect(() => gate.open([range])).toThrow(expect.objectContaining({ code: 'BUSY' }));
    expect(pauses()).toBe(1);
    first.end('lost');
    expect(() => gate.open([range])).toThrow(expect.objectContaining({ fields: { retryAfterMs: 1500 } }));
    expect(pauses()).toBe(1);
    await clock.advance(1500);
    expect(() => gate.open([range])).toThrow();
    expect(pauses()).toBe(2);
    expect(metrics.value('pulls_paused', { why: 'deficit' })).toBeGreaterThanOrEqual(1);
    // 51,200 bytes of debt fade at 512 a second: after 81 s ten thousand are left.
    await clock.advance(82 * SECOND);
    gate.open([range]).end('complete');
  });

  test('lets everything but the back-off pass where nobody else could be asked [ICG-22]', async () => {
    const { gate, pauses } = newGate(false);
    for (let i = 0; i < 20; i++) gate.open([range]);
    const last = gate.open([range]);
    last.fail(new Error('broken'));
    expect(() => gate.open([range])).toThrow(expect.objectContaining({ code: 'BUSY' }));
    expect(pauses()).toBe(0);
    await clock.advance(classLimits.isolated.backoffMsMin);
    gate.open([range]);
  });
});

describe('digests', () => {
  const digest = (n: number): Request => {
    const nonce = new Uint8Array(16);
    new DataView(nonce.buffer).setUint32(0, n);
    const root = new Uint8Array(32).fill(1);
    return {
      type: 'digest',
      tag,
      packed: false,
      body: encodeDigest({ root, nonce, hintCount: 0, clock: [], bloom: null }),
    };
  };
  const judged = () =>
    asking.metric('digests_received') -
    ['early', 'repeated', 'full'].reduce((sum, why) => sum + asking.metric('digests_dropped', { why }), 0);

  const sender = async (name: string) => {
    const raw = await RawPeer.start(hub, name);
    stops.push(() => raw.network.stop());
    const connected = raw.connect(asking.id);
    await clock.advance(20);
    await connected;
    const opening = raw.open(asking.id);
    await clock.advance(20);
    const stream = await opening;
    const said = stream.ask(hello);
    await clock.advance(20);
    await said;
    return stream;
  };

  test('a thousand a second from one peer are judged once in five seconds at most [ICG-34]', async () => {
    const stream = await sender('spam');
    for (let second = 0; second < 11; second++) {
      for (let i = 0; i < 1000; i++) stream.ask(digest(1000 * second + i)).catch(() => undefined);
      await clock.advance(SECOND);
    }
    expect(judged()).toBeGreaterThanOrEqual(1);
    expect(judged()).toBeLessThanOrEqual(3);
    expect(asking.metric('digests_dropped', { why: 'early' })).toBeGreaterThan(0);
  });

  test('of a crowd are judged a few a second', async () => {
    const streams = [];
    for (let i = 0; i < limits.digestsPerSecondMax + 10; i++) streams.push(await sender(`peer-${i + 10}`));
    await clock.advance(SECOND);
    for (const [i, stream] of streams.entries()) stream.ask(digest(i)).catch(() => undefined);
    await clock.advance(SECOND);
    expect(judged()).toBe(limits.digestsPerSecondMax);
    expect(asking.metric('digests_dropped', { why: 'full' })).toBe(10);
  });
});

test('a peer that ends each stream at once is not given another but every two seconds, however many ask', async () => {
  const network = new MemoryNetwork(hub, 'shut');
  let streams = 0;
  network.handle(SYNC_PROTOCOL, (stream) => {
    streams++;
    stream.abort(new Error('too many'));
  });
  await network.start();
  let offMs = 0;
  const own = { nowMs: () => clock.nowMs() + offMs, setTimer: clock.setTimer.bind(clock) };
  const patient = await SyncPeer.start({ hub, space, number: 2, crypto, clock: own });
  stops.push(
    () => network.stop(),
    () => patient.stop(),
  );
  patient.network.keep(['/memory/0/p2p/shut']);
  for (let n = 0; n < 100; n++) {
    await clock.advance(100);
    patient.sync.sync({ peerId: 'shut' }).catch(() => undefined);
  }
  expect(streams).toBeGreaterThan(2);
  expect(streams).toBeLessThanOrEqual((10 * SECOND) / limits.streamRestMs + 1);
  // Its clock is set back, and it waits no longer for that.
  const before = streams;
  offMs = -60 * MINUTE;
  patient.sync.sync({ peerId: 'shut' }).catch(() => undefined);
  await clock.advance(100);
  expect(streams).toBe(before + 1);
});
