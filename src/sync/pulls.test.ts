import { verify } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Crypto, Network } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { cutAfter, lying, slowed } from '../testing/shaped-network.ts';
import { converged, SyncPeer, type SyncPeerOptions } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import type { Answer } from './messages.ts';

const space = testSpace();
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** Node's, but verifying at once: no other thread is waited for, so that virtual time is exact. */
const crypto: Crypto = {
  ...nodeCrypto(),
  verify: async (publicKey, message, signature) => {
    const key = { key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' } as const;
    return verify(null, message, key, signature);
  },
};
const peers: SyncPeer[] = [];
let hub: MemoryHub;

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

function newHub(clock: Clock = systemClock, latencyMs = 0): void {
  hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs });
}

async function startOne(number: number, options: Partial<SyncPeerOptions> = {}): Promise<SyncPeer> {
  const peer = await SyncPeer.start({ hub, space, number, push: false, ...options });
  peers.push(peer);
  return peer;
}

async function holding(number: number, runs: readonly Run[], options: Partial<SyncPeerOptions> = {}) {
  const peer = await startOne(number, options);
  await peer.replica.ingest(runs, { from: 'file', via: 'file' });
  return peer;
}

interface ChainShape {
  readonly authors: number;
  /** Runs of each. */
  readonly runs: number;
  readonly runLength: number;
  readonly payload?: number;
  /** Whether each run answers the one before it, by whomever. */
  readonly linked?: boolean;
}

/** Chains of several authors, who write a run each in turn. */
async function chains(shape: ChainShape): Promise<Run[]> {
  const { runLength, payload = 20, linked = false } = shape;
  const authors: TestAuthor[] = [];
  for (let i = 0; i < shape.authors; i++) authors.push(await TestAuthor.create(space, crypto, 500 + i));
  const last = new Map<TestAuthor, Assertion>();
  const runs: Run[] = [];
  for (let i = 0; i < shape.runs; i++) {
    for (const author of authors) {
      const before = runs.at(-1);
      const parents = linked && before !== undefined ? [lastOf(before)] : [];
      const draft = (at: number) => ({
        payload: new Uint8Array(payload).fill(at),
        ...(at === 0 ? { parents } : {}),
      });
      const run = await author.run(author.chain(runLength, last.get(author), draft));
      last.set(author, lastOf(run));
      runs.push(run);
    }
  }
  return runs;
}

const sizeOf = (runs: readonly Run[]) => runs.reduce((sum, run) => sum + run.assertions.length, 0);

/** The most that waited, looked at whenever the event loop turns. */
function watchPending(peer: SyncPeer): { readonly max: number; stop(): void } {
  let max = 0;
  let isOver = false;
  const look = () => {
    max = Math.max(max, peer.replica.pendingCount);
    if (!isOver) setImmediate(look);
  };
  look();
  return {
    get max() {
      return max;
    },
    stop: () => {
      isOver = true;
    },
  };
}

describe('a pull from one peer', () => {
  test('of ten thousand new assertions by one author costs one request', async () => {
    newHub();
    const runs = await chains({ authors: 1, runs: 100, runLength: 100 });
    const server = await holding(1, runs);
    const fresh = await startOne(2);
    await fresh.connect(server);
    await converged([server, fresh], 10_000);
    expect(fresh.metric('pull_requests_sent')).toBe(1);
    expect(fresh.metric('pull_outlines_sent')).toBe(0);
  });

  test('of two authors who answered each other all the time fills in one pass, and hardly anything waits', async () => {
    newHub();
    const runs = await chains({ authors: 2, runs: 1000, runLength: 1, linked: true });
    const server = await holding(1, runs);
    const fresh = await startOne(2);
    const pending = watchPending(fresh);
    await fresh.connect(server);
    await converged([server, fresh], 2000);
    pending.stop();
    expect(fresh.metric('pull_requests_sent')).toBe(1);
    expect(fresh.metric('sync_cycles')).toBe(1);
    expect(fresh.metric('assertions_pulled_twice')).toBe(0);
    // Of one part that is being taken in, never more.
    expect(pending.max).toBeLessThan(limits.pendingAssertionsMax / 10);
  });
});

describe('a pull from three peers', () => {
  async function pullFromThree(runs: readonly Run[]) {
    const clock = new VirtualClock();
    newHub(clock, 10);
    const servers: SyncPeer[] = [];
    for (const number of [1, 2, 3]) {
      const network = slowed(new MemoryNetwork(hub, `peer-${number}`), clock, () => 500);
      servers.push(await holding(number, runs, { crypto, network }));
    }
    const fresh = await startOne(9, { crypto });
    const pending = watchPending(fresh);
    for (const server of servers) fresh.connect(server).catch(() => undefined);
    for (let i = 0; i < 1000 && fresh.replica.count < sizeOf(runs); i++) await clock.advance(50);
    pending.stop();
    const served = servers.map((server) => server.metric('bytes_pushed'));
    const pulled = fresh.metric('bytes_pulled');
    const { count } = fresh.replica;
    await stopAll(clock);
    expect([count, served.reduce((sum, bytes) => sum + bytes, 0)]).toEqual([sizeOf(runs), pulled]);
    return { fresh, pending, shares: served.map((bytes) => bytes / pulled) };
  }

  test.each([
    ['one long chain', { authors: 1, runs: 60, runLength: 100, payload: 400 }],
    ['few that answer each other', { authors: 2, runs: 700, runLength: 1, payload: 1500, linked: true }],
    ['many chains', { authors: 40, runs: 3, runLength: 40, payload: 400 }],
    ['few large assertions', { authors: 1, runs: 200, runLength: 1, payload: 20_000 }],
  ] as const)('of %s brings nothing twice, and a fair share from each', async (_, shape) => {
    const runs = await chains(shape);
    const { fresh, pending, shares } = await pullFromThree(runs);
    expect(fresh.metric('assertions_pulled_twice')).toBeLessThanOrEqual(sizeOf(runs) / 100);
    for (const share of shares) expect(share).toBeGreaterThan(0.1);
    expect(fresh.metric('pending_full')).toBe(0);
    expect(pending.max).toBeLessThan(limits.pendingAssertionsMax / 2 + limits.pullPieceAssertionsMax);
  });

  test('of many chains that answer each other is cut along time before too much waits', async () => {
    const runs = await chains({ authors: 24, runs: 160, runLength: 1, payload: 500, linked: true });
    const { fresh, pending } = await pullFromThree(runs);
    expect(fresh.metric('assertions_pulled_twice')).toBeLessThanOrEqual(sizeOf(runs) / 100);
    expect(fresh.metric('pending_full')).toBe(0);
    expect(fresh.metric('pull_outlines_sent')).toBeGreaterThan(0);
    expect(pending.max).toBeLessThan(limits.pendingAssertionsMax / 2);
  });

  test('of what is soon told is asked of one alone', async () => {
    const { fresh } = await pullFromThree(await chains({ authors: 4, runs: 5, runLength: 10 }));
    expect(fresh.metric('pull_requests_sent')).toBe(1);
  });
});

async function stopAll(clock: VirtualClock): Promise<void> {
  const stopping = Promise.all(peers.splice(0).map((peer) => peer.stop()));
  await clock.advance(60_000);
  await stopping;
}

describe('in virtual time', () => {
  /** Virtual ms until a fresh peer holds all, with servers that send so many bytes per ms. */
  async function fillMs(runs: readonly Run[], rates: readonly (() => number)[]) {
    const clock = new VirtualClock();
    newHub(clock, 5);
    const shaped = (number: number, rate: () => number): Network =>
      slowed(new MemoryNetwork(hub, `peer-${number}`), clock, rate);
    const servers: SyncPeer[] = [];
    for (const [i, rate] of rates.entries()) {
      servers.push(await holding(i + 1, runs, { crypto, network: shaped(i + 1, rate) }));
    }
    const fresh = await startOne(99, { crypto });
    const startMs = clock.nowMs();
    for (const server of servers) void fresh.connect(server).catch(() => undefined);
    while (fresh.replica.count < sizeOf(runs)) {
      await clock.advance(50);
      if (clock.nowMs() - startMs > 600_000) throw new Error('It never came to an end.');
    }
    const result = {
      ms: clock.nowMs() - startMs,
      twice: fresh.metric('assertions_pulled_twice'),
      served: servers.map((server) => server.metric('bytes_pushed')),
    };
    await stopAll(clock);
    return result;
  }

  const bulk = () => chains({ authors: 1, runs: 40, runLength: 128, payload: 250 });

  test('three peers fill another in about a third of the time that one takes', async () => {
    const runs = await bulk();
    const one = await fillMs(runs, [() => 50]);
    const three = await fillMs(runs, [() => 50, () => 50, () => 50]);
    expect(three.ms).toBeLessThan(one.ms / 2);
    expect(three.twice).toBe(0);
  });

  test('a quick peer brings more than slow ones', async () => {
    const { served, twice } = await fillMs(await bulk(), [() => 10, () => 100, () => 10]);
    const [slow, quick, other] = served as [number, number, number];
    expect(quick).toBeGreaterThan(3 * Math.max(slow, other));
    expect(twice).toBe(0);
  });

  test('a peer that stalls in the middle does not hold the others up for long', async () => {
    const runs = await bulk();
    const two = await fillMs(runs, [() => 50, () => 50]);
    let sent = 0;
    const stalls = () => (++sent > 8 ? 0.001 : 50);
    const three = await fillMs(runs, [stalls, () => 50, () => 50]);
    expect(three.ms).toBeLessThan(two.ms + 2 * limits.pullPatienceMs);
  });
});

describe('a peer that has all', () => {
  const id = (n: number) => new Uint8Array(32).fill(n);
  const isRuns = (answer: Answer) => answer.type === 'runs' && answer.runs.length > 0;
  const isOutline = (answer: Answer) => answer.type === 'outline' && answer.cuts.length > 0;
  const lies: readonly (readonly [
    string,
    (answer: Answer) => boolean,
    (answer: Answer) => Answer | undefined,
  ])[] = [
    ['and sends no chunk', isRuns, () => undefined],
    ['and says there is nothing', isRuns, () => ({ type: 'runs', runs: [], open: false, cursor: null })],
    ['and leaves out every other run', isRuns, halved],
    ['and answers no outline', isOutline, () => undefined],
    ['and outlines without a cut', isOutline, () => ({ type: 'outline', cuts: [] })],
    [
      'and cuts at what nobody has',
      isOutline,
      () => ({
        type: 'outline',
        cuts: [1, 2, 3, 4, 5].map((n) => [{ range: 0, seq: 450 * n, id: id(n) }]),
      }),
    ],
    [
      'and outlines what was not asked about',
      isOutline,
      () => ({ type: 'outline', cuts: [[{ range: 7, seq: 1, id: id(1) }]] }),
    ],
    [
      'and cuts backwards',
      isOutline,
      (answer) => (answer.type === 'outline' ? { ...answer, cuts: answer.cuts.toReversed() } : answer),
    ],
  ];

  function halved(answer: Answer): Answer {
    return answer.type === 'runs' ? { ...answer, runs: answer.runs.filter((_, i) => i % 2 === 0) } : answer;
  }

  test.each(lies)('%s does not keep anything from coming', async (_, isMeant, lie) => {
    const runs = await chains({ authors: 1, runs: 30, runLength: 100, payload: 200 });
    let told = 0;
    const clock = new VirtualClock();
    newHub(clock, 5);
    const network = (number: number) => slowed(new MemoryNetwork(hub, `peer-${number}`), clock, () => 50);
    const liar = (number: number) =>
      lying(network(number), (answer) => {
        // The first chunks are honest, or nobody would ask the peer for the rest.
        if (!isMeant(answer) || (answer.type === 'runs' && told++ < 3)) return answer;
        told++;
        return lie(answer);
      });
    const servers: SyncPeer[] = [];
    for (const number of [1, 2, 3]) {
      // Whoever is free first is asked for an outline: about those all lie.
      const lies = number === 1 || isMeant === isOutline;
      const options = { crypto, network: lies ? liar(number) : network(number) };
      servers.push(await holding(number, runs, options));
    }
    const fresh = await startOne(9, { crypto });
    fresh.connect(servers[0] as SyncPeer).catch(() => undefined);
    await clock.advance(100);
    for (const server of servers.slice(1)) fresh.connect(server).catch(() => undefined);
    for (let i = 0; i < 400 && fresh.replica.count < sizeOf(runs); i++) await clock.advance(250);
    const { count } = fresh.replica;
    await stopAll(clock);
    expect([count, told > 0]).toEqual([sizeOf(runs), true]);
  });
});

describe('a transfer that is cut', () => {
  const CHUNK_BYTES = 64 * 1024;

  /** Eighteen runs that fill several small chunks. */
  const transfer = () => chains({ authors: 2, runs: 9, runLength: 1, payload: 15_000, linked: true });

  async function cutAt(server: SyncPeer, runs: readonly Run[], number: number, bytes: number) {
    const { network, isCut } = cutAfter(new MemoryNetwork(hub, `peer-${number}`), bytes);
    const fresh = await startOne(number, { network });
    fresh.network.on('disconnect', () => void fresh.connect(server).catch(() => undefined));
    await fresh.connect(server);
    await converged([server, fresh], sizeOf(runs));
    const pulled = fresh.metric('bytes_pulled');
    const twice = fresh.metric('assertions_pulled_twice');
    const rested = fresh.metric('pulls_paused', { why: 'backoff' });
    peers.splice(peers.indexOf(fresh), 1);
    const result = { isCut: isCut(), pulled, twice, rested };
    await fresh.stop();
    return result;
  }

  test('at any byte goes on at once from what has come, and asks for none of it again [ICG-17]', async () => {
    newHub();
    const runs = await transfer();
    const server = await holding(1, runs);
    const all = runs.reduce((sum, run) => sum + encodeRun(run).length, 0);
    let cuts = 0;
    for (let bytes = 0, number = 10; bytes < all + 2 * CHUNK_BYTES; bytes += 8009, number++) {
      const { isCut, pulled, twice, rested } = await cutAt(server, runs, number, bytes);
      if (isCut) cuts++;
      expect([bytes, pulled, twice, rested]).toEqual([bytes, all, 0, 0]);
    }
    expect(cuts).toBeGreaterThan(30);
  });
});
