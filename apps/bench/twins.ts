/** Two peers with the same big set on disk, in one process: what they tell each other is counted, not timed. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { HlcClock } from '../../src/assertion/hlc.ts';
import type { Run } from '../../src/assertion/model.ts';
import { MemoryMetrics } from '../../src/base/counters.ts';
import { loadFastHash } from '../../src/base/hash.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Clock } from '../../src/base/ports.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { Replica } from '../../src/set/replica.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { testSpace } from '../../src/testing/chains.ts';
import { SyncPeer } from '../../src/testing/sync-peer.ts';
import { cpuMs } from './clock.ts';
import { counted, type Tally } from './counted-network.ts';
import { countedStore, type Reads } from './counted-store.ts';
import { Writers } from './writers.ts';

/** As many as a replica stores at once. */
const ASSERTIONS_AT_ONCE = 1024;
/** Connecting sets off a sync of its own; it is not to be counted. */
const CONNECT_MS = 500;
/** Nothing is under way when so little was spent from one look to the next. */
const IDLE_LOOK_MS = 20;
const IDLE_CPU_MS = 2;
const IDLE_LOOKS_MAX = 500;
/** Thousands of authors' keys that are checked for the first time hold up both sides, who share a core. */
const TIMEOUT_MS = 120_000;
const NEVER_MS = 2 ** 31 - 1;
const OWN = { via: 'own', from: 'self' } as const;

/** What both sides together spent up to a moment. */
export interface Cost extends Tally {
  readonly cpuMs: number;
  readonly reads: number;
}

export interface SyncCost {
  /** Until the difference is known and proven: before anything of it is asked for. */
  readonly found: Cost;
  /** Until both hold the same. */
  readonly synced: Cost;
  /** Of the runs that were pulled. */
  readonly runBytes: number;
}

/** Of both peers together. */
interface Counts {
  readonly tally: Tally;
  readonly reads: Reads;
  onPull: () => void;
}

export class Twins implements AsyncDisposable {
  readonly writers: Writers;
  readonly #asker: SyncPeer;
  readonly #answerer: SyncPeer;
  readonly #counts: Counts;
  readonly #close: () => Promise<void>;

  private constructor(
    writers: Writers,
    [asker, answerer]: readonly [SyncPeer, SyncPeer],
    counts: Counts,
    close: () => Promise<void>,
  ) {
    this.writers = writers;
    this.#asker = asker;
    this.#answerer = answerer;
    this.#counts = counts;
    this.#close = close;
  }

  static async create(directory: string, assertions: number, authors: number): Promise<Twins> {
    await loadFastHash();
    const space = testSpace();
    const writers = await Writers.create(space, authors);
    const [a, b] = [join(directory, 'a'), join(directory, 'b')];
    await fillStore(a, space, writers, assertions);
    await cp(a, b, { recursive: true });
    const tally: Tally = { frames: 0, bytes: 0, trips: 0 };
    const reads: Reads = { count: 0 };
    const counts: Counts = { tally, reads, onPull: () => undefined };
    const hub = new MemoryHub({ clock: nextTurnClock, random: systemRandom });
    const onRequest = (type: string) => type === 'pull' && counts.onPull();
    const stores = await Promise.all([a, b].map((place) => openLevelDb({ directory: place })));
    const start = (id: string, store: (typeof stores)[number], pull: boolean) =>
      SyncPeer.start({
        hub,
        space,
        number: 0,
        store: countedStore(store, reads),
        network: counted(new MemoryNetwork(hub, id), tally, onRequest),
        push: false,
        pull,
        antiEntropyMs: NEVER_MS,
        digestMs: NEVER_MS,
        pingMs: NEVER_MS,
        requestTimeoutMs: TIMEOUT_MS,
      });
    const [first, second] = stores as [(typeof stores)[number], (typeof stores)[number]];
    const peers = [await start('asker', first, true), await start('answerer', second, false)] as const;
    await peers[0].connect(peers[1]);
    await peers[0].sync.sync();
    await setTimeout(CONNECT_MS);
    return new Twins(writers, peers, counts, async () => {
      await Promise.all(peers.map((peer) => peer.stop()));
      await Promise.all(stores.map((store) => store.close()));
    });
  }

  /** Gives one of the two what the other lacks. */
  async differ(runs: readonly Run[]): Promise<void> {
    await this.#answerer.replica.ingest(runs, OWN);
  }

  /** What it costs to become equal again. */
  async sync(): Promise<SyncCost> {
    const [asker, answerer] = [this.#asker, this.#answerer];
    await idle();
    Object.assign(this.#counts.tally, { frames: 0, bytes: 0, trips: 0 });
    this.#counts.reads.count = 0;
    const pulledBefore = asker.metric('bytes_pulled');
    const cpuBeforeMs = cpuMs();
    let found: Cost | undefined;
    this.#counts.onPull = () => {
      found ??= this.#costSince(cpuBeforeMs);
    };
    do await asker.sync.sync();
    while (asker.root !== answerer.root);
    const synced = this.#costSince(cpuBeforeMs);
    return { found: found ?? synced, synced, runBytes: asker.metric('bytes_pulled') - pulledBefore };
  }

  #costSince(cpuBeforeMs: number): Cost {
    return { ...this.#counts.tally, reads: this.#counts.reads.count, cpuMs: cpuMs() - cpuBeforeMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** Hands frames over in the next turn: to be woken up by a timer for each costs more CPU than what is measured. */
const nextTurnClock: Clock = {
  nowMs: systemClock.nowMs,
  setTimer(delayMs, action) {
    if (delayMs > 0) return systemClock.setTimer(delayMs, action);
    const next = setImmediate(action);
    return () => clearImmediate(next);
  },
};

/** Resolves when LevelDB's own threads, and the collector's, have come to rest. */
async function idle(): Promise<void> {
  for (let look = 0; look < IDLE_LOOKS_MAX; look++) {
    const before = cpuMs();
    await setTimeout(IDLE_LOOK_MS);
    if (cpuMs() - before < IDLE_CPU_MS) return;
  }
}

async function fillStore(
  directory: string,
  space: SpaceIdentity,
  writers: Writers,
  assertions: number,
): Promise<void> {
  const store = await openLevelDb({ directory });
  const ports = {
    clock: systemClock,
    log: silentLog,
    crypto: nodeCrypto(),
    metrics: new MemoryMetrics(),
  };
  const replica = await Replica.open(space, store, ports, new HlcClock(systemClock));
  const plan = { assertions, authors: writers.count, perRun: 128, claimsEach: 1 };
  let batch: Run[] = [];
  let size = 0;
  for await (const run of writers.runs(plan)) {
    batch.push(run);
    size += run.assertions.length;
    if (size < ASSERTIONS_AT_ONCE) continue;
    await replica.ingest(batch, OWN);
    batch = [];
    size = 0;
  }
  await replica.ingest(batch, OWN);
  await replica.close();
  await store.close();
}
