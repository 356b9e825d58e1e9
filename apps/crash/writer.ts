/**
 * The process that is killed: a whole peer over the real store, that tells on standard output what it
 * is about to write and what was acknowledged. Whatever it told is known, however it ends.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer, Space } from '../../src/peer/api.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { deadlyStore, type Point } from './deadly-store.ts';
import { Hub, openSpace } from './peers.ts';
import { digestOf } from './raw-set.ts';
import { claimsOf, type Kind } from './workload.ts';

/**
 * What it writes: small and some large; mostly large, so that LevelDB changes its files; mostly what
 * another peer wrote, large too, so that there is much that is not synced yet.
 */
export type Mix = 'small' | 'large' | 'foreign';

/** What the writer is told, as JSON in its only argument. */
export interface WriterPlan {
  readonly directory: string;
  readonly life: number;
  /** Dies at the nth time that it comes to this point. */
  readonly point?: Point;
  readonly nth: number;
  readonly mix: Mix;
  /** Stops by itself after so long. */
  readonly stopAfterMs?: number;
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

const hub = new Hub();

async function openPeer(): Promise<Peer> {
  reached('before opening');
  const opened = await openLevelDb({ directory: join(plan.directory, 'store') });
  const store = deadlyStore(opened, reached);
  reached('opened');
  return hub.start(store);
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
  if (plan.mix !== 'small') return 'blob';
  return lane === 0 && turn % 4 === 3 ? 'bulk' : lane === 1 && turn % 8 === 7 ? 'blob' : 'put';
}

/** Another peer, in memory, whose writes come here as those of any peer do. */
async function foreignLane(theirs: Space, lane: string): Promise<void> {
  for (let i = 0; i < WRITES_MAX; i++) {
    const kind = (j: number): Kind =>
      plan.mix === 'foreign' || (plan.mix === 'large' && j === 0) ? 'blob' : 'put';
    const names = Array.from({ length: 4 }, (_, j) => `${kind(j)}-${plan.life}-${lane}${i}-${j}`);
    for (const name of names) say({ type: 'wants', name });
    const receipts = await Promise.all(names.map((name) => theirs.assert(claimsOf(name))));
    if (i % 4 !== 3) continue;
    await theirs.settled({ replicas: 1 });
    say({ type: 'holds', ids: receipts.map(({ id }) => id) });
  }
}

/** Each syncs what came before it. */
const RARE_MS = [10, 100, 600];

/** Now and then an own write, among many of another peer. */
async function rareLane(space: Space): Promise<void> {
  for (let i = 0; i < WRITES_MAX; i++) {
    await new Promise((resolve) => setTimeout(resolve, RARE_MS[plan.life % RARE_MS.length]));
    await write(space, 'put', 'rare', i);
  }
}

async function lanes(peer: Peer, space: Space): Promise<void> {
  const { space: theirs } = await hub.neighbour(peer, space);
  const names = plan.mix === 'foreign' ? ['f', 'g', 'h'] : ['f'];
  const foreign = names.map((lane) => foreignLane(theirs, lane));
  if (plan.mix === 'foreign') await Promise.all([rareLane(space), ...foreign]);
  else {
    const own = Array.from({ length: LANES }, (_, lane) => ownLane(space, lane));
    await Promise.all([...own, ...foreign]);
  }
}

async function main(): Promise<void> {
  const startedMs = performance.now();
  const peer = await openPeer();
  const { space, isNew } = await openSpace(peer);
  if (isNew) say({ type: 'created', space: space.id });
  await tellOpened(space, performance.now() - startedMs);
  const work = lanes(peer, space);
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
