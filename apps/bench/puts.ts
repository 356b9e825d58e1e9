/** Durable writes on one peer: one at a time, and a hundred at once. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench } from './bench.ts';
import { atLeast, percentiles, type Take } from './figure.ts';
import { startPeer } from './pair.ts';
import { syncedPuts } from './raw-leveldb.ts';

const TOGETHER = 100;
/** The rows of one single-claim assertion: block, chain, time, place, claim, tips, counters. */
const ROW_BYTES = 900;

export const puts: Bench = {
  name: 'puts',
  about: 'assert() until durable, no network',
  async run(context) {
    const { samples } = context;
    const directory = await mkdtemp(join(context.directory, 'puts-'));
    const before = await syncedPuts(join(directory, 'before'), ROW_BYTES, samples);
    return scoped(startPeer(context), async (peer) => {
      await peer.call.start(join(directory, 'peer'), false);
      await peer.call.create();
      await peer.call.puts(0, samples, 1); // The first ones compile.
      const alone = await peer.call.puts(samples, samples, 1);
      const rounds = Math.ceil(samples / 10);
      await peer.call.puts(2 * samples, rounds, TOGETHER);
      const together = await peer.call.puts(2 * samples + rounds * TOGETHER, rounds, TOGETHER);
      await peer.call.stop();
      const after = await syncedPuts(join(directory, 'after'), ROW_BYTES, samples);
      return takesOf(alone, together, [...before, ...after]);
    });
  },
};

function takesOf(alone: readonly number[], together: readonly number[], raw: readonly number[]): Take[] {
  const limit = 'synced LevelDB puts of the same bytes';
  const rawRate = rate(raw);
  const ms = percentiles(raw);
  const rates: Take[] = [
    {
      name: 'one at a time',
      unit: '/s',
      value: rate(alone),
      limit: [limit, rawRate],
      bar: atLeast(0.6, 'ratio'),
    },
    {
      name: `${TOGETHER} at once`,
      unit: '/s',
      value: TOGETHER * rate(together),
      limit: [limit, rawRate],
      bar: atLeast(30_000),
    },
  ];
  const named = [
    ['one at a time', percentiles(alone)],
    [`${TOGETHER} at once, all of them`, percentiles(together)],
  ] as const;
  const latencies = named.flatMap(([name, { p50, p99 }]): Take[] => [
    { name: `${name}, p50`, unit: 'ms', value: p50, limit: [limit, ms.p50] },
    { name: `${name}, p99`, unit: 'ms', value: p99, limit: [limit, ms.p99] },
  ]);
  return [...rates, ...latencies];
}

/** Per second, one after the other. */
function rate(tookMs: readonly number[]): number {
  return (1000 * tookMs.length) / tookMs.reduce((sum, ms) => sum + ms, 0);
}
