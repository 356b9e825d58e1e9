/** Durable writes on one peer: one at a time, and a hundred at once. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench } from './bench.ts';
import { percentiles } from './figure.ts';
import { startPeer } from './pair.ts';
import { syncedPuts } from './raw-leveldb.ts';

const TOGETHER = 100;
/** The rows of one single-claim assertion: block, chain, time, place, claim, tips, counters. */
const ROW_BYTES = 900;

export const puts: Bench = {
  name: 'puts',
  about: 'assert() until durable, no network',
  async run(context) {
    const directory = await mkdtemp(join(context.directory, 'puts-'));
    const raw = percentiles(await syncedPuts(join(directory, 'raw'), ROW_BYTES, context.samples));
    return scoped(startPeer(context), async (peer) => {
      await peer.call.start(join(directory, 'peer'), false);
      await peer.call.create();
      await peer.call.puts(0, context.samples, 1); // The first ones compile.
      const alone = percentiles(await peer.call.puts(context.samples, context.samples, 1));
      const rounds = Math.ceil(context.samples / 10);
      const together = percentiles(await peer.call.puts(2 * context.samples, rounds, TOGETHER));
      await peer.call.stop();
      const limit = 'synced LevelDB put of the same bytes';
      return [
        { name: 'one at a time, p50', unit: 'ms', value: alone.p50, limit: [limit, raw.p50] },
        { name: 'one at a time, p99', unit: 'ms', value: alone.p99, limit: [limit, raw.p99] },
        {
          name: `${TOGETHER} at once, all of them, p50`,
          unit: 'ms',
          value: together.p50,
          limit: [limit, raw.p50],
        },
        {
          name: `${TOGETHER} at once, all of them, p99`,
          unit: 'ms',
          value: together.p99,
          limit: [limit, raw.p99],
        },
      ];
    });
  },
};
