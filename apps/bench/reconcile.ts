/**
 * Reconcile: two peers compare sets that are equal or differ in the last assertions of d authors. In one
 * process and without a real network, so that bytes and round trips are counted and not timed.
 */
import { setTimeout } from 'node:timers/promises';
import type { Run } from '../../src/assertion/model.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import { TestAuthor, testSpace } from '../../src/testing/chains.ts';
import { SyncPeer } from '../../src/testing/sync-peer.ts';
import type { Bench } from './bench.ts';
import { counted, type Tally } from './counted-network.ts';
import type { Take } from './figure.ts';

const DIFFERENCES = [1, 10, 100, 1000] as const;
/** A tip: author, seq and id. Nobody can name a difference in less without knowing the sets. */
const TIP_BYTES = 72;
const ROOT_BYTES = 32;
/** Connecting sets off a sync of its own; it is not to be counted. */
const CONNECT_MS = 500;
const NEVER_MS = 2 ** 31 - 1;
/** Both peers hold as many; authors are keyed by 16 bits. */
const AUTHORS_MAX = 50_000;
const OWN = { via: 'own', from: 'self' } as const;

export const reconcile: Bench = {
  name: 'reconcile',
  about: 'two peers find where their sets differ and one pulls it; one tip per author; in one process',
  async run(context) {
    const size = Math.min(context.assertions, AUTHORS_MAX);
    const differences = DIFFERENCES.filter((d) => d <= size);
    const world = await newWorld(
      size,
      differences.reduce((sum, d) => sum + d, 0),
    );
    const takes = [...(await equalTakes(world, size))];
    for (const d of differences) takes.push(...(await differentTakes(world, d)));
    await Promise.all([world.asker.stop(), world.answerer.stop()]);
    return takes;
  },
};

interface World {
  readonly asker: SyncPeer;
  readonly answerer: SyncPeer;
  readonly tally: Tally;
  /** Runs that only the answerer gets. */
  readonly fresh: Run[];
}

async function newWorld(size: number, fresh: number): Promise<World> {
  const space = testSpace();
  const crypto = nodeCrypto();
  const runs: Run[] = [];
  for (let number = 1; number <= size + fresh; number++) {
    const author = await TestAuthor.create(space, crypto, number);
    runs.push(await author.run([author.next(undefined)]));
  }
  const hub = new MemoryHub({ clock: systemClock, random: systemRandom });
  const tally: Tally = { frames: 0, bytes: 0, trips: 0 };
  const start = (id: string, asks: boolean) =>
    SyncPeer.start({
      hub,
      space,
      number: 0,
      network: counted(new MemoryNetwork(hub, id), tally),
      push: false,
      pull: asks,
      antiEntropyMs: NEVER_MS,
      digestMs: NEVER_MS,
      pingMs: NEVER_MS,
    });
  const [asker, answerer] = [await start('asker', true), await start('answerer', false)];
  for (const peer of [asker, answerer]) await peer.replica.ingest(runs.slice(0, size), OWN);
  await asker.connect(answerer);
  await asker.sync.compare(answerer.id);
  await setTimeout(CONNECT_MS);
  return { asker, answerer, tally, fresh: runs.slice(size) };
}

interface Cost extends Tally {
  readonly cpuMs: number;
}

/** What an action costs both peers together. */
async function costOf(tally: Tally, action: () => Promise<unknown>): Promise<Cost> {
  Object.assign(tally, { frames: 0, bytes: 0, trips: 0 });
  const cpu = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(cpu);
  return { ...tally, cpuMs: (user + system) / 1000 };
}

async function equalTakes({ asker, answerer, tally }: World, size: number): Promise<Take[]> {
  const cost = await costOf(tally, () => asker.sync.compare(answerer.id));
  return takesOf(`equal, ${size.toLocaleString('en')} tips`, cost, 2 * ROOT_BYTES);
}

async function differentTakes({ asker, answerer, tally, fresh }: World, d: number): Promise<Take[]> {
  await answerer.replica.ingest(fresh.splice(0, d), OWN);
  // A comparison for people goes down the trie, which is the fallback of a sync.
  const trie = await costOf(tally, () => asker.sync.compare(answerer.id));
  const pulledBefore = asker.metric('bytes_pulled');
  const sync = await costOf(tally, () => asker.sync.sync());
  if (asker.root !== answerer.root) throw new Error('The peers still differ.');
  const runBytes = asker.metric('bytes_pulled') - pulledBefore;
  const name = `d = ${d.toLocaleString('en')}`;
  const least = 2 * ROOT_BYTES + d * TIP_BYTES;
  return [
    ...takesOf(`${name}, sync`, { ...sync, bytes: sync.bytes - runBytes }, least),
    ...takesOf(`${name}, trie alone`, trie, least),
  ];
}

function takesOf(name: string, cost: Cost, bytesLeast: number): Take[] {
  return [
    {
      name: `${name}, bytes beyond the runs`,
      unit: 'B',
      value: cost.bytes,
      limit: ['two roots and d tips', bytesLeast],
    },
    { name: `${name}, round trips`, unit: '', value: cost.trips, limit: ['one', 1] },
    { name: `${name}, CPU of both`, unit: 'ms', value: cost.cpuMs },
  ];
}
