/** Push: from `assert` on one peer to visible on the other, against bare gossipsub. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import { atLeast, atMost, percentiles, type Take } from './figure.ts';
import { type Pair, startNodes, startPeers } from './pair.ts';
import { syncedPuts } from './raw-leveldb.ts';

/** About what a run of one of the benchmarks' claims weighs on the wire. */
const MESSAGE_BYTES = 250;
/** Until the code is compiled and the mesh stands. */
const WARM_UP = 50;
/**
 * Between one message and the next: more than the time in which Aver lets writes travel together, so
 * that each is a lone write. The same for gossipsub.
 */
const PAUSE_MS = 10;

interface Latencies {
  readonly latencies: readonly number[];
  /** Of both processes, for each of the messages sent one at a time. */
  readonly cpuMsEach: number;
  readonly perSecond: number;
}

export const push: Bench = {
  name: 'push',
  about: 'two Node processes over loopback TCP, one fact at a time',
  async run(context) {
    const directory = await mkdtemp(join(context.directory, 'push-'));
    const raw = await measureGossip(context);
    const own = await measurePush(context, directory);
    const sync = percentiles(await syncedPuts(join(directory, 'raw'), MESSAGE_BYTES, context.samples));
    return [...latencyTakes(own, raw, sync.p50), ...rateTakes(own, raw)];
  },
};

function latencyTakes(own: PushTimes, raw: Latencies, syncMs: number): Take[] {
  const mine = percentiles(own.latencies);
  const gossip = percentiles(raw.latencies);
  const afterDisk = percentiles(own.fromDurable);
  const limit = 'bare gossipsub';
  return [
    {
      name: 'durable to visible, p50',
      unit: 'ms',
      value: afterDisk.p50,
      limit: [limit, gossip.p50],
      bar: atMost(1.5, 'ratio'),
    },
    {
      name: 'durable to visible, p99',
      unit: 'ms',
      value: afterDisk.p99,
      limit: [limit, gossip.p99],
      bar: atMost(3, 'ratio'),
    },
    { name: 'assert to visible, p50', unit: 'ms', value: mine.p50, limit: [limit, gossip.p50] },
    {
      name: 'assert to visible, p50',
      unit: 'ms',
      value: mine.p50,
      limit: ['bare gossipsub + synced LevelDB put', gossip.p50 + syncMs],
    },
    { name: 'assert to visible, p99', unit: 'ms', value: mine.p99, limit: [limit, gossip.p99] },
    { name: 'CPU of both peers', unit: 'ms each', value: own.cpuMsEach, limit: [limit, raw.cpuMsEach] },
  ];
}

function rateTakes(own: PushTimes, raw: Latencies): Take[] {
  return [
    {
      name: 'sustained, 256 writes open',
      unit: 'assertions/s',
      value: own.perSecond,
      limit: ['bare gossipsub, one message each', raw.perSecond],
      bar: atLeast(10_000),
    },
    { name: 'of these brought by pull', unit: '', value: own.pulled, bar: atMost(0) },
  ];
}

interface PushTimes extends Latencies {
  /** From `assert` resolving on one peer to visible on the other; negative when that came first. */
  readonly fromDurable: readonly number[];
  /** Assertions that push did not bring. */
  readonly pulled: number;
}

async function measurePush(context: Context, directory: string): Promise<PushTimes> {
  return scoped(await startPeers(directory, context), async (pair) => {
    const { a, b } = pair;
    await a.put(0);
    await b.visible(1);
    const asked: number[] = [];
    const durable: number[] = [];
    const cpuBefore = await cpuOf(pair);
    for (let n = 1; n < WARM_UP + context.samples; n++) {
      await setTimeout(PAUSE_MS);
      const [askedMs, durableMs] = await a.put(n);
      asked.push(askedMs);
      durable.push(durableMs);
      await b.visible(n + 1);
    }
    const cpuMsEach = ((await cpuOf(pair)) - cpuBefore) / asked.length;
    const seen = (await b.visibleTimes()).slice(WARM_UP);
    const before = WARM_UP + context.samples;
    const pulledBefore = await b.counted('assertions_visible', { via: 'pull' });
    const startedMs = await a.write(before, context.pushAssertions);
    const doneMs = await b.visible(before + context.pushAssertions);
    return {
      pulled: (await b.counted('assertions_visible', { via: 'pull' })) - pulledBefore,
      latencies: seen.map((atMs, i) => atMs - (asked[WARM_UP - 1 + i] ?? Number.NaN)),
      fromDurable: seen.map((atMs, i) => atMs - (durable[WARM_UP - 1 + i] ?? Number.NaN)),
      cpuMsEach,
      perSecond: (context.pushAssertions / (doneMs - startedMs)) * 1000,
    };
  });
}

async function measureGossip(context: Context): Promise<Latencies> {
  return scoped(await startNodes(context), async (pair) => {
    const { a, b } = pair;
    const sent: number[] = [];
    const cpuBefore = await cpuOf(pair);
    const count = WARM_UP + context.samples;
    for (let n = 0; n < count; n++) {
      await setTimeout(PAUSE_MS);
      sent.push(await a.publish(n, MESSAGE_BYTES));
      await b.heard(n + 1);
    }
    const cpuMsEach = ((await cpuOf(pair)) - cpuBefore) / count;
    const heard = (await b.heardTimes()).slice(WARM_UP);
    const startedMs = await a.publishMany(count, context.pushAssertions, MESSAGE_BYTES);
    const doneMs = await b.heard(count + context.pushAssertions);
    return {
      latencies: heard.map((atMs, i) => atMs - (sent[WARM_UP + i] ?? Number.NaN)),
      cpuMsEach,
      perSecond: (context.pushAssertions / (doneMs - startedMs)) * 1000,
    };
  });
}

async function cpuOf({ a, b }: Pair<{ readonly cpuMs: () => Promise<number> }>): Promise<number> {
  const [first, second] = await Promise.all([a.cpuMs(), b.cpuMs()]);
  return first + second;
}
