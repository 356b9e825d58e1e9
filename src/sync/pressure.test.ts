/** Many who want of one small peer, in virtual time: its uplink is narrow, its memory bounded, its patience fair. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lastOf } from '../assertion/model.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import type { MemoryNetwork } from '../net/memory-network.ts';
import { testSpace } from '../testing/chains.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { UplinkNetwork } from '../testing/uplink-network.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { decodeAnswer } from './answers.ts';
import type { SyncOptions } from './intervals.ts';
import type { PullRequest, Request } from './messages.ts';
import { encodeRequest, OWN_LIMITS } from './requests.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const RUN_BYTES = 50_000;
const space = testSpace();
const { tag } = space;
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
let clock: VirtualClock;
let hub: MemoryHub;
let server: SyncPeer;
let uplink: UplinkNetwork;
const stops: (() => Promise<void>)[] = [];

beforeAll(() => loadFastHash());

beforeEach(() => {
  clock = new VirtualClock();
  hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 10 });
});

afterEach(async () => {
  const stopped = Promise.all(stops.splice(0).map((stop) => stop()));
  await clock.advance(60 * SECOND);
  await stopped;
});

/** Waits in virtual time. */
async function soon<T>(promise: Promise<T>, stepMs = 100, stepsMax = 10_000): Promise<T> {
  let isOver = false;
  promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (let i = 0; i < stepsMax && !isOver; i++) await clock.advance(stepMs);
  return promise;
}

/** The small peer: so many runs to give, and so much uplink. */
async function serve(runs: number, bytesPerSecond: number, options: SyncOptions = {}): Promise<void> {
  uplink = new UplinkNetwork(hub, 'server');
  server = await SyncPeer.start({ hub, space, number: 1, crypto, network: uplink, ...options });
  stops.push(() => server.stop());
  for (let i = 0; i < runs; i++) await server.write(1, new Uint8Array(RUN_BYTES).fill(i));
  uplink.bytesPerSecond = bytesPerSecond;
}

async function fresh(number: number, options: SyncOptions = {}): Promise<SyncPeer> {
  const peer = await SyncPeer.start({ hub, space, number, crypto, ...options });
  stops.push(() => peer.stop());
  return peer;
}

/** Somebody who pulls everything again and again, so many times at once, whatever the answer. */
class Flooder {
  readonly network: MemoryNetwork;
  bytes = 0;
  busy = 0;
  /** Without this word no further chunk comes. */
  takes = true;
  readonly #send: (id: number, request: Request) => Promise<void>;
  readonly #request: PullRequest;
  #nextId = 1;

  private constructor(network: MemoryNetwork, send: (id: number, request: Request) => Promise<void>) {
    this.network = network;
    this.#send = send;
    const last = server.replica.frontier.tipsOf(server.author.publicKey)[0];
    if (last === undefined) throw new Error('There is nothing to pull.');
    this.#request = { type: 'pull', tag, ranges: [{ ...last, have: [] }], maxBytes: 1e9, cursor: null };
  }

  static async start(id: string, abreast: number): Promise<Flooder> {
    const raw = await RawPeer.start(hub, id);
    stops.push(() => raw.network.stop());
    await soon(raw.connect(server.id));
    const stream = await soon(raw.network.openStream(server.id, '/aver/sync/1.0.0'));
    const flooder = new Flooder(raw.network, (n, request) => stream.send(encodeRequest(n, request)));
    await flooder.#send(0, { type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS });
    (async () => {
      for await (const frame of stream.frames) flooder.#take(frame, abreast);
    })().catch(() => undefined);
    return flooder;
  }

  #take(frame: Uint8Array, abreast: number): void {
    const { id, answer } = decodeAnswer(frame);
    if (answer.type === 'hello') for (let i = 0; i < abreast; i++) this.#pull();
    if (answer.type === 'busy') {
      this.busy++;
      clock.setTimer(100, () => this.#pull());
    }
    if (answer.type !== 'runs') return;
    for (const run of answer.runs) this.bytes += run.length;
    if (!answer.open) this.#pull();
    else if (this.takes) this.#send(id, { type: 'more', chunks: 1 }).catch(() => undefined);
  }

  #pull(): void {
    this.#send(this.#nextId++, this.#request).catch(() => undefined);
  }
}

const trustIn =
  (...peerIds: string[]) =>
  (peerId: string) =>
    peerIds.includes(peerId) ? 0.45 : 0;

/** The most of a gauge while virtual time passes. */
async function mostOf(name: string, ms: number): Promise<number> {
  let most = 0;
  for (let i = 0; i < ms / SECOND; i++) {
    await clock.advance(SECOND);
    most = Math.max(most, server.metric(name));
  }
  return most;
}

describe('an idle responder', () => {
  test('fills a stranger at the speed of the link [ICG-23]', async () => {
    await serve(160, 10 * MiB);
    const stranger = await fresh(2);
    const startedMs = clock.nowMs();
    await soon(stranger.connect(server));
    await soon(
      new Promise<void>((resolve) => {
        stranger.replica.events.on('visible', () => {
          if (stranger.replica.count === 160) resolve();
        });
      }),
      10,
    );
    const bytesPerMs = (160 * RUN_BYTES) / (clock.nowMs() - startedMs);
    expect(bytesPerMs).toBeGreaterThan((0.8 * 10 * MiB) / SECOND);
    expect(server.metric('requests_refused', { why: 'outstanding' })).toBe(0);
  });

  test('finds the size of a chunk that a thin link carries before the deadline [ICG-14]', async () => {
    await serve(40, 30_000);
    const stranger = await fresh(2);
    await soon(stranger.connect(server));
    // Two megabytes over thirty kilobytes a second: a chunk of the largest size would take 26 s.
    await mostOf('queue_seats', 100 * SECOND);
    expect(stranger.replica.count).toBe(40);
    expect(stranger.metric('sync_failures', { code: 'TIMEOUT' })).toBe(0);
  });

  test('answers as many pulls of one peer as that has open', async () => {
    await serve(4, 10 * MiB);
    const one = await Flooder.start('one', 8);
    await clock.advance(SECOND);
    expect(one.busy).toBe(0);
    expect(one.bytes).toBeGreaterThan(8 * 4 * RUN_BYTES);
  });
});

describe('a responder that all want something of', () => {
  test('gives a partner by its weight against three flooders, holds the caps, and starves nobody [ICG-39] [ICG-23]', async () => {
    await serve(40, MiB, { trustOf: trustIn('partner') });
    const flooders = [];
    for (const name of ['flood-1', 'flood-2', 'flood-3']) flooders.push(await Flooder.start(name, 25));
    await clock.advance(5 * SECOND);
    const partner = await Flooder.start('partner', 1);
    await clock.advance(5 * SECOND);
    const before = [partner, ...flooders].map(({ bytes }) => bytes);
    const seats = await mostOf('queue_seats', 60 * SECOND);
    const got = [partner, ...flooders].map(({ bytes }, i) => bytes - (before[i] ?? 0));
    const [partners = 0, ...strangers] = got;
    const all = got.reduce((sum, bytes) => sum + bytes, 0);
    expect(all).toBeGreaterThan(50 * MiB);
    expect(partners / all).toBeGreaterThan(0.7);
    for (const bytes of strangers) expect(bytes).toBeGreaterThan(0.02 * all);
    expect(seats).toBeLessThanOrEqual(limits.seatsMax);
    for (const { busy } of flooders) expect(busy).toBeGreaterThan(0);
    expect(server.metric('requests_refused', { why: 'outstanding' })).toBeGreaterThan(0);
    expect(partner.busy).toBe(0);
  });

  test('tells roots, digests and pings at once while bulk goes out', async () => {
    await serve(40, 4 * MiB);
    for (const name of ['flood-1', 'flood-2', 'flood-3']) await Flooder.start(name, 25);
    await clock.advance(3 * SECOND);
    const raw = await RawPeer.start(hub, 'modest');
    stops.push(() => raw.network.stop());
    await soon(raw.connect(server.id));
    const stream = await soon(raw.open(server.id), 10);
    await soon(stream.ask({ type: 'hello', tag, proof: null, clockMs: 0, limits: OWN_LIMITS }), 10);
    const root = new Uint8Array(32);
    for (const request of [
      { type: 'roots', tag, root, count: 0 },
      { type: 'ping', tag: null, clockMs: 1 },
    ] as const) {
      const askedMs = clock.nowMs();
      expect(await soon(stream.ask(request), 10)).toMatchObject({ type: request.type });
      // What is before it in the uplink is one chunk of each flooder at most.
      expect(clock.nowMs() - askedMs).toBeLessThan(SECOND);
    }
  });

  test('is not held up by peers that do not read what they asked for [ICG-25]', async () => {
    await serve(160, 4 * MiB);
    for (let i = 0; i < 12; i++) (await Flooder.start(`slow-${i}`, 8)).takes = false;
    await clock.advance(2 * SECOND);
    const stranger = await fresh(2);
    const startedMs = clock.nowMs();
    await soon(stranger.connect(server));
    await mostOf('queue_seats', 20 * SECOND);
    expect(stranger.replica.count).toBe(160);
    expect(clock.nowMs() - startedMs).toBeLessThan(25 * SECOND);
  });

  test('fills fifty fresh peers, and passes an honest push on meanwhile', async () => {
    const runs = 12;
    await serve(runs, MiB);
    const crowd: SyncPeer[] = [];
    for (let number = 10; number < 60; number++) crowd.push(await fresh(number, { digestMs: 1e9 }));
    const author = await fresh(9);
    await soon(author.connect(server));
    await clock.advance(5 * SECOND);
    for (const peer of crowd) peer.network.keep([`/memory/0/p2p/${server.id}`]);
    await clock.advance(SECOND);
    const run = await author.write();
    const id = lastOf(run).id;
    const has = async (peer: SyncPeer) => (await peer.replica.journal.places([id]))[0] !== undefined;
    await clock.advance(500);
    expect(await has(server)).toBe(true);
    const filled = () => crowd.filter((peer) => peer.replica.count >= runs).length;
    expect(filled()).toBeLessThan(crowd.length);
    const seats = await mostOf('queue_seats', 45 * SECOND);
    expect(seats).toBeLessThanOrEqual(limits.seatsMax);
    expect(crowd.map((peer) => peer.replica.count)).toEqual(crowd.map(() => runs + 1));
    for (const peer of crowd) expect(peer.metric('sync_failures', { code: 'TIMEOUT' })).toBe(0);
  });
});

describe('standing', () => {
  test('a partner that misbehaves falls to the weight of a lower class before it is banned [ICG-36]', async () => {
    await serve(40, MiB, { trustOf: trustIn('partner', 'liar') });
    const partner = await Flooder.start('partner', 1);
    let liar = await Flooder.start('liar', 1);
    const share = async () => {
      const before = [partner.bytes, liar.bytes];
      await clock.advance(20 * SECOND);
      return (liar.bytes - (before[1] ?? 0)) / (partner.bytes - (before[0] ?? 0));
    };
    expect(await share()).toBeGreaterThan(0.8);
    const raw = await soon(liar.network.openStream(server.id, '/aver/sync/1.0.0'));
    for (let i = 0; i < limits.offencesMax - 1; i++) {
      await raw.send(Uint8Array.of(0x83, 7 + i, 3, 0xf6));
      await clock.advance(100);
    }
    expect(server.metric('peers_banned')).toBe(0);
    // Four times garbage: a standing of 40 of 50, so a trust of 0.45 is worth 0.36, that of a known peer.
    expect(await share()).toBeLessThan(0.5);
    // It comes back over a new connection, and is the same peer.
    liar.network.cut(server.id);
    await clock.advance(SECOND);
    liar = await Flooder.start('liar', 1);
    expect(await share()).toBeLessThan(0.5);
  });
});
