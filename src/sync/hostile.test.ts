import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { boundedLog } from '../base/log.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { Trie } from '../set/trie.ts';
import type { Tip } from '../set/trie-entry.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer, type RawStream, type Script } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer, when } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { nodeViews } from './descent.ts';
import type { Answer, HelloRequest, Request } from './messages.ts';
import { OWN_LIMITS } from './requests.ts';

const space = testSpace();
const { tag } = space;
const zeros = new Uint8Array(32);
let hub: MemoryHub;
let honest: SyncPeer;

beforeAll(() => loadFastHash());

beforeEach(async () => {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  honest = await SyncPeer.start({ hub, space, number: 1, requestTimeoutMs: 300, antiEntropyMs: 100_000 });
});

afterEach(async () => {
  await honest.stop();
});

const hello: Request = { type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS };
const ping: Request = { type: 'ping', tag: null, clockMs: 1 };
const welcome: Answer = { type: 'hello', proof: null, clockMs: systemClock.nowMs(), limits: OWN_LIMITS };

/** A responder that plays along for a set of tips, but for what the test replaces. */
function actor(tips: readonly Tip[], parts: Partial<Record<Request['type'], Script>>): Script {
  const trie = Trie.of(tips);
  return (request, id, stream) => {
    if (request.type === 'unknown') return [];
    const part = parts[request.type];
    if (part !== undefined) return part(request, id, stream);
    if (request.type === 'hello') return [welcome];
    if (request.type === 'roots')
      return [{ type: 'roots', root: trie.root, count: 1, flushed: trie.root, sketch: null }];
    if (request.type === 'nodes') {
      return [{ type: 'nodes', nodes: nodeViews(trie, request.salt, request.prefixes) }];
    }
    return [];
  };
}

async function someRun(number = 50): Promise<Run> {
  const author = await TestAuthor.create(space, honest.crypto, number);
  return author.run(author.chain(2));
}

const tipOf = (run: Run): Tip => lastOf(run);
const runsAnswer = (...runs: Uint8Array[]): Answer => ({ type: 'runs', runs, open: false, cursor: null });

async function attack(script: Script): Promise<RawPeer> {
  const raw = await RawPeer.start(hub, 'hostile', script);
  await raw.connect(honest.id);
  return raw;
}

const syncWithIt = () => honest.sync.sync({ peerId: 'hostile' });
const faults = () =>
  honest.metrics
    .snapshot()
    .filter(({ name }) => name === 'sync_faults')
    .reduce((sum, { value }) => sum + value, 0);

describe('as a responder', () => {
  test('a peer that never answers times out, and its slot is free again [ICG-25]', async () => {
    const raw = await attack(() => []);
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(raw.asked.length).toBeGreaterThanOrEqual(2);
    expect(honest.metric('sync_failures', { code: 'TIMEOUT' })).toBeGreaterThanOrEqual(2);
    for (let i = 0; i < 2 * limits.requestsOpenPerPeerMax; i++) syncWithIt().catch(() => undefined);
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('a peer that has forgotten our hello is greeted once more, and nobody notices', async () => {
    const run = await someRun();
    let denials = 0;
    const script = actor([tipOf(run)], {
      pull: () => [runsAnswer(encodeRun(run))],
      roots: () => {
        if (honest.replica.count === 0 && denials++ === 1) return [{ type: 'denied', code: 'DENIED' }];
        const trie = Trie.of(denials < 2 ? [] : [tipOf(run)]);
        return [{ type: 'roots', root: trie.root, count: 1, flushed: trie.root, sketch: null }];
      },
    });
    const raw = await attack(script);
    await syncWithIt();
    await syncWithIt();
    expect(denials).toBeGreaterThanOrEqual(2);
    expect(raw.asked.filter(({ type }) => type === 'hello').length).toBe(2);
    expect(honest.replica.count).toBe(2);
  });

  test('a peer whose syncs fail is asked ever more seldom, however often it tells another root', async () => {
    const clock = new VirtualClock();
    hub = new MemoryHub({ clock, random: new SeededRandom(1) });
    const patient = await SyncPeer.start({ hub, space, number: 2, antiEntropyMs: 1_000_000 });
    const fails: Script = actor([], { roots: () => [{ type: 'error', code: 'INTERNAL', message: '' }] });
    const raw = await RawPeer.start(hub, 'failing', fails);
    const connected = raw.connect(patient.id);
    await clock.advance(10);
    await connected;
    const opening = raw.open(patient.id);
    await clock.advance(10);
    const stream = await opening;
    for (let n = 1; n <= 200; n++) {
      const root = new Uint8Array(32).fill(n);
      const said = n === 1 ? stream.ask(hello) : stream.ask({ type: 'roots', tag, root, count: n });
      await clock.advance(100);
      await said;
    }
    // Twenty seconds: at 0.5, 1, 2, 4, 8 s or so, not every 100 ms.
    const asked = raw.asked.filter(({ type }) => type === 'roots').length;
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThan(12);
    const stopped = patient.stop();
    await clock.advance(1000);
    await stopped;
  });

  test('a run with a wrong signature is refused and counted, nothing of it is visible [STS-10]', async () => {
    const run = await someRun();
    const forged = encodeRun({ ...run, signature: run.signature.map((byte) => byte ^ 1) });
    await attack(actor([tipOf(run)], { pull: () => [runsAnswer(forged)] }));
    await syncWithIt();
    expect(honest.replica.count).toBe(0);
    expect(honest.metric('sync_faults', { code: 'BAD_SIGNATURE' })).toBe(1);
  });

  test('a tampered payload does not pass as what was asked for [STS-10]', async () => {
    const run = await someRun();
    const bytes = encodeRun(run);
    bytes[bytes.length - 80] = (bytes[bytes.length - 80] as number) ^ 1;
    await attack(actor([tipOf(run)], { pull: () => [runsAnswer(bytes)] }));
    await syncWithIt().catch(() => undefined);
    expect(honest.replica.count).toBe(0);
    expect(faults()).toBe(1);
  });

  test('what was refused once is not asked for again and again', async () => {
    const run = await someRun();
    const forged = encodeRun({ ...run, signature: run.signature.map((byte) => byte ^ 1) });
    const raw = await attack(actor([tipOf(run)], { pull: () => [runsAnswer(forged)] }));
    for (let i = 0; i < 4; i++) await syncWithIt();
    expect(raw.asked.filter(({ type }) => type === 'pull')).toHaveLength(1);
  });

  test('runs of authors that were not asked for are dropped and counted [STS-15]', async () => {
    const [asked, other] = [await someRun(50), await someRun(51)];
    await attack(actor([tipOf(asked)], { pull: () => [runsAnswer(encodeRun(other), encodeRun(asked))] }));
    await syncWithIt();
    expect(honest.replica.count).toBe(2);
    expect(honest.metric('sync_unsolicited')).toBe(1);
  });

  test('answers under an id that nobody used are dropped and counted [ICG-15]', async () => {
    const run = await someRun();
    const stray = { id: 9999, answer: runsAnswer(encodeRun(run)) };
    await attack(actor([], { hello: () => [stray, welcome] }));
    await syncWithIt();
    expect(honest.replica.count).toBe(0);
    expect(honest.metric('sync_unsolicited')).toBe(1);
  });

  test('an answer of another type than the question is a fault', async () => {
    await attack(actor([], { roots: () => [{ type: 'flushed', root: zeros }] }));
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'BAD_ENCODING' });
    expect(faults()).toBe(1);
  });

  test('a root that its trie does not have is a lie', async () => {
    const [shown, named] = [await someRun(50), await someRun(51)];
    const { root } = Trie.of([tipOf(named)]);
    await attack(
      actor([tipOf(shown)], {
        roots: () => [{ type: 'roots', root, count: 9, flushed: root, sketch: null }],
      }),
    );
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'BAD_HASH' });
    expect(faults()).toBe(1);
    expect(honest.sync.relations()[0]?.relation).toBe('unknown');
  });

  test('a snapshot that is always gone ends after a bounded number of rounds', async () => {
    const run = await someRun();
    const raw = await attack(actor([tipOf(run)], { nodes: () => [{ type: 'stale' }] }));
    await syncWithIt();
    expect(raw.asked.filter(({ type }) => type === 'nodes')).toHaveLength(limits.syncRoundsMax);
  });

  test('a pull that brings nothing of what was promised ends', async () => {
    const run = await someRun();
    const raw = await attack(actor([tipOf(run)], { pull: () => [runsAnswer()] }));
    await syncWithIt();
    expect(raw.asked.filter(({ type }) => type === 'pull')).toHaveLength(1);
    expect(honest.sync.relations()[0]).toMatchObject({ relation: 'ahead', lacks: 2 });
  });

  test('more chunks than were allowed are not kept', async () => {
    const run = await someRun();
    const chunk: Answer = { type: 'runs', runs: [encodeRun(run)], open: true, cursor: null };
    // What is taken as fast as it comes is not too much.
    const { replica } = honest;
    const place = replica.place.bind(replica);
    replica.place = async (screened) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return place(screened);
    };
    await attack(actor([tipOf(run)], { pull: () => new Array<Answer>(100).fill(chunk) }));
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'BAD_ENCODING' });
  });

  test('an endless pull of known runs is left after a bounded number of chunks', async () => {
    const run = await someRun();
    const chunk: Answer = { type: 'runs', runs: [encodeRun(run)], open: true, cursor: null };
    const raw = await attack(actor([tipOf(run)], { pull: () => [chunk], more: () => [chunk] }));
    await syncWithIt();
    expect(honest.replica.count).toBe(2);
    expect(raw.asked.length).toBeLessThan(limits.pullChunksMax + 20);
  });

  test('garbage again and again ends in a ban', async () => {
    const gone = new Promise<void>((resolve) => {
      honest.network.on('disconnect', () => resolve());
    });
    const raw = await attack(() => [Uint8Array.of(1, 2, 3)]);
    for (let i = 0; i < limits.offencesMax; i++) await syncWithIt().catch(() => undefined);
    await gone;
    expect(honest.metric('peers_banned')).toBe(1);
    await expect(raw.connect(honest.id)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('busy is obeyed: the peer is asked again only after the time it named', async () => {
    const raw = await attack(() => [{ type: 'busy', retryAfterMs: 60_000 }]);
    await expect(syncWithIt()).rejects.toMatchObject({ code: 'BUSY', fields: { retryAfterMs: 60_000 } });
    expect(raw.asked).toHaveLength(1);
  });
});

describe('as a requester', () => {
  const stranger = async () => {
    const raw = await RawPeer.start(hub, 'hostile');
    await raw.connect(honest.id);
    return raw;
  };

  test('nothing of a space is told before a hello', async () => {
    await honest.write();
    const stream = await (await stranger()).open(honest.id);
    const denied = { type: 'denied', code: 'DENIED' };
    const questions: Request[] = [
      { type: 'ping', tag, clockMs: 0 },
      { type: 'roots', tag, root: zeros, count: 0 },
      { type: 'nodes', tag, root: honest.replica.frontier.root(), salt: new Uint8Array(16), prefixes: [] },
      { type: 'pull', tag, ranges: [], maxBytes: 1000, cursor: null },
      { type: 'fetch', tag, ids: [zeros] },
      { type: 'flushed', tag, unlike: null, waitMs: 0 },
      { type: 'digest', tag, packed: false, body: Uint8Array.of(0) },
    ];
    for (const question of questions) expect(await stream.ask(question)).toEqual(denied);
    expect(await stream.ask(hello)).toMatchObject({ type: 'hello' });
    expect(await stream.ask({ type: 'roots', tag, root: zeros, count: 0 })).toMatchObject({ count: 1 });
  });

  test('a space that is not here is denied, and a ping without one is answered [STS-16]', async () => {
    const stream = await (await stranger()).open(honest.id);
    expect(await stream.ask({ ...hello, tag: zeros } as Request)).toEqual({
      type: 'denied',
      code: 'UNKNOWN_SPACE',
    });
    expect(await stream.ask({ type: 'ping', tag: null, clockMs: 1 })).toMatchObject({ count: null });
    await stream.ask(hello);
    expect(await stream.ask({ type: 'ping', tag, clockMs: 1 })).toMatchObject({ count: 0 });
  });

  test('an unknown request is answered with an error, and the stream goes on [STS-06]', async () => {
    const stream = await (await stranger()).open(honest.id);
    await stream.stream.send(Uint8Array.of(0x83, 7, 0x16, 0xf6));
    expect(await stream.next()).toMatchObject({ type: 'error', code: 'PROTOCOL_UNSUPPORTED' });
    expect(await stream.ask({ type: 'ping', tag: null, clockMs: 1 })).toMatchObject({ type: 'ping' });
    expect(faults()).toBe(0);
  });

  test('a request that is damaged behind its id is answered with an error and counted', async () => {
    const stream = await (await stranger()).open(honest.id);
    await stream.stream.send(Uint8Array.of(0x83, 7, 3, 0xf6));
    expect(await stream.next()).toMatchObject({ type: 'error', code: 'BAD_ENCODING' });
    expect(faults()).toBe(1);
  });

  test('more than a thousand ids are refused [STS-13]', async () => {
    const stream = await (await stranger()).open(honest.id);
    await stream.ask(hello);
    const ids = (n: number) => Array.from({ length: n }, () => zeros);
    expect(await stream.ask({ type: 'fetch', tag, ids: ids(1000) })).toMatchObject({
      type: 'runs',
      runs: [],
    });
    expect(await stream.ask({ type: 'fetch', tag, ids: ids(1001) })).toMatchObject({ code: 'BAD_ENCODING' });
  });

  test('garbage ends the stream and, repeated, the connection', async () => {
    const raw = await stranger();
    const gone = new Promise<void>((resolve) => {
      raw.network.on('disconnect', () => resolve());
    });
    for (let i = 0; i < limits.offencesMax; i += limits.offencesPerBadFrame) {
      const stream = await raw.open(honest.id);
      await stream.stream.send(new Uint8Array([255, 255]));
      await expect(stream.next()).rejects.toThrow();
    }
    await gone;
  });

  test('a flood is told to come later, and others are still served', async () => {
    const raw = await stranger();
    const stream = await raw.open(honest.id);
    const answers: Promise<Answer>[] = [];
    for (let i = 0; i < limits.requestsPerSecondMax + 20; i++) {
      answers.push(stream.ask({ type: 'ping', tag: null, clockMs: 1 }));
    }
    const types = (await Promise.all(answers)).map(({ type }) => type);
    expect(types).toContain('busy');
    const other = await RawPeer.start(hub, 'other');
    await other.connect(honest.id);
    expect(await (await other.open(honest.id)).ask(ping)).toMatchObject({ type: 'ping' });
  });

  test('long waits are served up to a number, and beyond it the peer is told Busy', async () => {
    const stream = await (await stranger()).open(honest.id);
    await stream.ask(hello);
    const wait: Request = { type: 'flushed', tag, unlike: zeros, waitMs: 400 };
    const answers: Promise<Answer>[] = [];
    for (let i = 0; i <= limits.requestsServedPerPeerMax; i++) answers.push(stream.ask(wait));
    const types = (await Promise.all(answers)).map(({ type }) => type);
    expect(types.filter((type) => type === 'busy')).toHaveLength(1);
    expect(types.filter((type) => type === 'flushed')).toHaveLength(limits.requestsServedPerPeerMax);
  });

  test('a peer that opens many streams has a few at a time: the oldest on which nothing is asked makes room', async () => {
    const raw = await stranger();
    const streams = [];
    for (let i = 0; i < limits.streamsServedPerPeerMax; i++) streams.push(await raw.open(honest.id));
    const [busy, idle, ...others] = streams as [RawStream, ...RawStream[]];
    await busy.ask(hello);
    const waiting = busy.ask({ type: 'flushed', tag, unlike: zeros, waitMs: 400 });
    await idle?.ask(ping);
    const extra = await raw.open(honest.id);
    for (const stream of [extra, ...others]) expect(await stream.ask(ping)).toMatchObject({ type: 'ping' });
    await expect(idle?.next()).rejects.toThrow();
    expect(await waiting).toMatchObject({ type: 'flushed' });
  });

  test('where something is asked on each stream of a peer, another one is refused', async () => {
    const raw = await stranger();
    const waiting = [];
    for (let i = 0; i < limits.streamsServedPerPeerMax; i++) {
      const stream = await raw.open(honest.id);
      await stream.ask(hello);
      waiting.push(stream.ask({ type: 'flushed', tag, unlike: zeros, waitMs: 400 }));
    }
    await expect((await raw.open(honest.id)).ask(ping)).rejects.toThrow();
    for (const { type } of await Promise.all(waiting)) expect(type).toBe('flushed');
  });

  test('a pull whose chunks nobody takes is given up', async () => {
    for (let i = 0; i < 60; i++) await honest.write(1, new Uint8Array(55_000).fill(i));
    const stream = await (await stranger()).open(honest.id);
    await stream.ask(hello);
    const [tip] = honest.replica.frontier.tipsOf(honest.author.publicKey);
    const range = { author: honest.author.publicKey, seq: tip?.seq ?? 0, id: tip?.id ?? zeros, have: [] };
    const first = await stream.ask({ type: 'pull', tag, ranges: [range], maxBytes: 1e9, cursor: null });
    expect(first).toMatchObject({ type: 'runs', open: true });
    expect(await stream.next()).toMatchObject({ type: 'runs', open: true });
    expect(await stream.next()).toMatchObject({ type: 'error', code: 'TIMEOUT' });
  });
});

test('a peer that lags and a peer that lies about its root do not keep two peers busy for ever', async () => {
  const run = await someRun();
  const raw = await attack(actor([tipOf(run)], { pull: () => [runsAnswer()] }));
  await syncWithIt();
  const stream = await raw.open(honest.id);
  await stream.ask(hello);
  const before = raw.asked.length;
  const { root } = Trie.of([tipOf(run)]);
  for (let i = 0; i < 20; i++) await stream.ask({ type: 'roots', tag, root, count: 1 });
  let changes = 0;
  await when(
    () => changes++ > 0,
    (look) => [honest.sync.events.on('relation', look)],
  );
  // The greeting itself may start one more sync.
  expect(raw.asked.length - before).toBeLessThanOrEqual(4);
});

test('a peer whose clock and root are others each time it says hello does not fill the log', async () => {
  let lines = 0;
  const counting = { write: () => void lines++ };
  const log = boundedLog(counting, systemClock);
  const logging = await SyncPeer.start({ hub, space, number: 2, antiEntropyMs: 100_000, log });
  const raw = await RawPeer.start(hub, 'hostile');
  await raw.connect(logging.id);
  const stream = await raw.open(logging.id);
  for (let i = 0; i < 60; i++) {
    await stream.ask({ ...(hello as HelloRequest), clockMs: systemClock.nowMs() + (i % 2) * 3_600_000 });
    // No more of them than anybody may ask.
    if (i % 2 === 0) await stream.ask({ type: 'roots', tag, root: new Uint8Array(32).fill(i), count: i });
  }
  expect(logging.metric('clock_skew_events')).toBeGreaterThan(limits.logLinesPerPeerMax);
  expect(lines).toBeGreaterThan(0);
  expect(lines).toBeLessThanOrEqual(limits.logLinesPerPeerMax);
  await logging.stop();
});
