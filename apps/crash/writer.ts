/**
 * The process that is killed: a whole peer over the real store, that tells on standard output what it
 * is about to write and what was acknowledged. Whatever it told is known, however it ends.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryMetrics } from '../../src/base/counters.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { VERSION } from '../../src/base/version.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import type { Space } from '../../src/peer/api.ts';
import { keyringOf, LocalPeer } from '../../src/peer/local-peer.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { createMemoryPeer } from '../../src/testing/memory-peer.ts';
import { deadlyStore, type Point, type Synced } from './deadly-store.ts';
import { digestOf } from './raw-set.ts';
import { claimsOf, type Kind } from './workload.ts';

/** What the writer is told, as JSON in its only argument. */
export interface WriterPlan {
  readonly directory: string;
  readonly life: number;
  /** Dies at the nth time that it comes to this point. */
  readonly point?: Point;
  readonly nth: number;
  /** Mostly large writes, so that LevelDB changes its files. */
  readonly heavy: boolean;
  /** Stops by itself after so long. */
  readonly stopAfterMs?: number;
  /** Tells how much of the log is on the disk after each sync. */
  readonly tellsSyncs: boolean;
}

/** What it says: one JSON object a line. */
export type Said =
  | { readonly type: 'created'; readonly space: string }
  | {
      readonly type: 'opened';
      readonly ms: number;
      readonly space: string;
      readonly root: string;
      readonly assertions: number;
      readonly facts: string;
      readonly author: string;
    }
  | { readonly type: 'wants'; readonly name: string }
  | { readonly type: 'wrote'; readonly name: string; readonly id: string }
  /** A second peer was told that these are held for good here. */
  | { readonly type: 'holds'; readonly ids: readonly string[] }
  | { readonly type: 'erases' | 'erased'; readonly id: string }
  | { readonly type: 'synced'; readonly synced: Synced }
  | { readonly type: 'closed' };

const LANES = 4;
/** In each lane; enough for every kill to come first. */
const WRITES_MAX = 60;

const plan = JSON.parse(process.argv[2] as string) as WriterPlan;
let nth = plan.nth;

function say(said: Said): void {
  writeSync(1, `${JSON.stringify(said)}\n`);
}

function reached(point: Point): void {
  if (point === plan.point && --nth <= 0) process.kill(process.pid, 'SIGKILL');
}

const hub = new MemoryHub({ clock: systemClock, random: systemRandom });

async function openPeer(): Promise<LocalPeer> {
  reached('before opening');
  const directory = join(plan.directory, 'store');
  const onSync = (synced: Synced) => say({ type: 'synced', synced });
  const store = deadlyStore(await openLevelDb({ directory }), {
    directory,
    reached,
    ...(plan.tellsSyncs ? { onSync } : {}),
  });
  reached('opened');
  const ports = {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    crypto: nodeCrypto(),
    metrics: new MemoryMetrics(),
  };
  const keyring = keyringOf(store, ports);
  await keyring.peerSeed();
  const storage = async () => ({
    kind: 'leveldb' as const,
    persistent: true,
    usedBytes: undefined,
    quotaBytes: undefined,
    place: directory,
  });
  const network = new MemoryNetwork(hub, 'victim');
  return LocalPeer.start({ store, network, ports, keyring, bootstrap: [], version: VERSION, storage });
}

async function openSpace(peer: LocalPeer): Promise<Space> {
  const [saved] = await peer.spaces();
  if (saved !== undefined) return saved;
  const space = await peer.create({ name: 'crash', pow: [] });
  say({ type: 'created', space: space.id });
  return space;
}

async function tellOpened(space: Space, ms: number): Promise<void> {
  const { root, assertions, author } = await space.status();
  const facts = digestOf(await Array.fromAsync(space.query()));
  say({ type: 'opened', ms, space: space.id, root, assertions, facts, author });
}

async function write(space: Space, kind: Kind, lane: string, number: number): Promise<string> {
  const name = `${kind}-${plan.life}-${lane}-${number}`;
  say({ type: 'wants', name });
  const { id } = await space.assert(claimsOf(name));
  reached('before telling');
  say({ type: 'wrote', name, id });
  reached('told');
  return id;
}

async function ownLane(space: Space, lane: number): Promise<void> {
  for (let i = 0; i < WRITES_MAX; i++) {
    const id = await write(space, kindOfTurn(lane, i), String(lane), i);
    if (i % 16 === 15) {
      say({ type: 'erases', id });
      await space.erase(id);
      say({ type: 'erased', id });
    }
  }
}

function kindOfTurn(lane: number, turn: number): Kind {
  if (plan.heavy) return 'blob';
  return lane === 0 && turn % 4 === 3 ? 'bulk' : lane === 1 && turn % 8 === 7 ? 'blob' : 'put';
}

/** Another peer, in memory, whose writes come here as those of any peer do. */
async function foreignLane(peer: LocalPeer, space: Space): Promise<void> {
  const other = await createMemoryPeer({ hub, bootstrap: (await peer.info()).addresses });
  const theirs = await other.open((await space.invite()).text);
  for (let i = 0; i < WRITES_MAX; i++) {
    const names = Array.from(
      { length: 4 },
      (_, j) => `${plan.heavy && j === 0 ? 'blob' : 'put'}-${plan.life}-f-${i}-${j}`,
    );
    for (const name of names) say({ type: 'wants', name });
    const receipts = await Promise.all(names.map((name) => theirs.assert(claimsOf(name))));
    if (i % 4 !== 3) continue;
    await theirs.settled({ replicas: 1 });
    say({ type: 'holds', ids: receipts.map(({ id }) => id) });
  }
}

async function main(): Promise<void> {
  const startedMs = performance.now();
  const peer = await openPeer();
  const space = await openSpace(peer);
  await tellOpened(space, performance.now() - startedMs);
  const lanes = Array.from({ length: LANES }, (_, lane) => ownLane(space, lane));
  const work = Promise.all([...lanes, foreignLane(peer, space)]);
  if (plan.stopAfterMs !== undefined) {
    setTimeout(() => void peer.stop().then(() => stopped()), plan.stopAfterMs);
    // What is refused while the peer stops was not acknowledged.
    work.catch(() => undefined);
  }
  await work;
}

function stopped(): never {
  say({ type: 'closed' });
  process.exit(0);
}

if (plan.stopAfterMs !== undefined) process.on('unhandledRejection', () => undefined);
await main().catch((error: unknown) => {
  if (plan.stopAfterMs === undefined) throw error;
});
