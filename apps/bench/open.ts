/** Opening a store that holds many assertions: how long, how much memory it takes, and when the root is known. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import { machineMs } from './clock.ts';
import { atMost, type Take } from './figure.ts';
import { startPeer } from './pair.ts';
import { seedPeer } from './seed-peer.ts';

const MiB = 1024 * 1024;
const AUTHORS = 1000;
const RUN_ASSERTIONS = 128;
/** Openings of one store: the first one may find it outside of the page cache. */
const OPENINGS = 3;

export const open: Bench = {
  name: 'open',
  about: `a Node peer starts on a store with many assertions by ${AUTHORS.toLocaleString('en')} authors, no network`,
  once: true,
  async run(context) {
    const directory = await mkdtemp(join(context.directory, 'open-'));
    const [full, empty] = [join(directory, 'full'), join(directory, 'empty')];
    const plan = { perRun: RUN_ASSERTIONS, claimsEach: 1 };
    const { openAssertions } = context;
    await seedPeer(full, { ...plan, assertions: openAssertions, authors: Math.min(AUTHORS, openAssertions) });
    await seedPeer(empty, { ...plan, assertions: 1, authors: 1 });
    const takes: Take[] = [];
    for (let i = 0; i < OPENINGS; i++) {
      const one = await measure(context, empty);
      takes.push(...takesOf(await measure(context, full), one, openAssertions));
    }
    return takes;
  },
};

interface Opened {
  readonly tookMs: number;
  readonly rootMs: number;
  readonly rss: number;
}

function takesOf(filled: Opened, one: Opened, count: number): Take[] {
  const of = `${count.toLocaleString('en')} assertions`;
  const limit = 'a store with one';
  return [
    {
      name: `open ${of}`,
      unit: 'ms',
      value: filled.tookMs,
      limit: [limit, one.tookMs],
      bar: atMost(1000),
    },
    { name: `then its root, and a call from another process`, unit: 'ms', value: filled.rootMs },
    {
      name: `resident memory, ${of}`,
      unit: 'MiB',
      value: filled.rss / MiB,
      limit: [limit, one.rss / MiB],
      bar: atMost((250 * 1e6) / MiB),
    },
  ];
}

async function measure(context: Context, directory: string): Promise<Opened> {
  return scoped(startPeer({ ...context, exposeGc: true }), async (peer) => {
    const tookMs = await peer.call.start(directory, false);
    const openMs = machineMs();
    await peer.call.root();
    const rootMs = machineMs() - openMs;
    const rss = await peer.call.memory();
    await peer.call.stop();
    return { tookMs, rootMs, rss };
  });
}
