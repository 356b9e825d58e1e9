/** Two groups of peers that were apart meet again: how long until the last one has what the other group wrote. */
import { setTimeout } from 'node:timers/promises';
import { scoped } from '../../src/base/scoped.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { testSpace } from '../../src/testing/chains.ts';
import { converged, SyncPeer } from '../../src/testing/sync-peer.ts';
import type { Bench } from './bench.ts';
import type { CrowdMethods } from './crowd-process.ts';
import { atMost, type Take } from './figure.ts';
import { startProcess } from './remote.ts';

const PEERS = 12;
const HALF = PEERS / 2;
/** One way: peers of one continent. */
const LATENCY_MS = 20;
/** The comparisons of the partition are over by then. */
const SETTLE_MS = 1000;
const MS_MAX = 2000;

export const spread: Bench = {
  name: 'spread',
  about: `${PEERS} peers in two halves, each with a fact that the other lacks, until all have both`,
  async run(context) {
    const takes: Take[] = [
      take(`one link heals, ${LATENCY_MS} ms one way`, await inMemory(false)),
      take(`all links heal, ${LATENCY_MS} ms one way`, await inMemory(true)),
    ];
    const overTcp = await scoped(
      startProcess<CrowdMethods>('crowd-process.ts', context),
      async ({ call }) => {
        await call.apart(PEERS);
        await setTimeout(SETTLE_MS);
        const tookMs = await call.heal();
        await call.stop();
        return tookMs;
      },
    );
    return [...takes, take('one link heals, real sockets of one machine', overTcp)];
  },
};

function take(name: string, value: number): Take {
  return { name, unit: 'ms', value, bar: atMost(MS_MAX) };
}

/** Real engines and real time; the network alone is of memory, with a latency. */
async function inMemory(isAll: boolean): Promise<number> {
  const hub = new MemoryHub({ clock: systemClock, random: systemRandom, latencyMs: LATENCY_MS });
  const space = testSpace();
  const peers: SyncPeer[] = [];
  for (let number = 1; number <= PEERS; number++) peers.push(await SyncPeer.start({ hub, space, number }));
  const halves = [peers.slice(0, HALF), peers.slice(HALF)] as const;
  for (const half of halves) {
    for (const [i, peer] of half.entries())
      await Promise.all(half.slice(0, i).map((other) => peer.connect(other)));
    await half[0]?.write();
    await converged(half, 1);
  }
  await setTimeout(SETTLE_MS);
  const startedMs = performance.now();
  const [here, there] = isAll ? halves : [halves[0].slice(0, 1), halves[1].slice(-1)];
  await Promise.all(here.flatMap((peer) => there.map((other) => peer.connect(other))));
  await converged(peers, 2);
  const tookMs = performance.now() - startedMs;
  await Promise.all(peers.map((peer) => peer.stop()));
  return tookMs;
}
