/** Opening a store that holds many assertions: how long, and how much memory it takes. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import type { Take } from './figure.ts';
import { startPeer } from './pair.ts';

const MiB = 1024 * 1024;

export const open: Bench = {
  name: 'open',
  about: 'a Node peer starts on a store with many assertions, no network',
  async run(context) {
    const directory = await mkdtemp(join(context.directory, 'open-'));
    const full = join(directory, 'full');
    await write(full, context.openAssertions);
    await write(join(directory, 'empty'), 1);
    const filled = await measure(context, full);
    const empty = await measure(context, join(directory, 'empty'));
    const of = `${context.openAssertions.toLocaleString('en')} assertions`;
    const limit = 'a store with one';
    const takes: Take[] = [
      { name: `open ${of}`, unit: 'ms', value: filled.tookMs, limit: [limit, empty.tookMs] },
      {
        name: `resident memory, ${of}`,
        unit: 'MiB',
        value: filled.rss / MiB,
        limit: [limit, empty.rss / MiB],
      },
    ];
    return takes;
  },
};

async function write(directory: string, count: number): Promise<void> {
  return scoped(startPeer({ profiles: undefined }), async (peer) => {
    await peer.call.start(directory, false);
    await peer.call.create();
    await peer.call.write(0, count, 1, false);
    await peer.call.stop();
  });
}

async function measure(context: Context, directory: string): Promise<{ tookMs: number; rss: number }> {
  return scoped(startPeer({ ...context, exposeGc: true }), async (peer) => {
    const tookMs = await peer.call.start(directory, false);
    const rss = await peer.call.memory();
    await peer.call.stop();
    return { tookMs, rss };
  });
}
