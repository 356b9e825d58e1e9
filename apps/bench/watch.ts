/** From visible to the event of a watcher, with one of them and with a thousand. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { scoped } from '../../src/base/scoped.ts';
import { createPeer, type Space } from '../../src/node.ts';
import type { Bench } from './bench.ts';
import { cpuMs } from './clock.ts';
import { percentiles, type Take } from './figure.ts';

const MANY = 1000;

interface Kind {
  readonly name: string;
  /** What each watcher asks for, below the name. */
  readonly subjects: readonly string[];
  /** Watchers that hear of each fact. */
  readonly waiting: number;
}

const KINDS: readonly Kind[] = [
  { name: 'one watcher', subjects: ['*'], waiting: 1 },
  { name: `${MANY} watchers of all`, subjects: Array.from({ length: MANY }, () => '*'), waiting: MANY },
  {
    name: `${MANY} watchers of a subject each`,
    subjects: Array.from({ length: MANY }, (_, i) => String(i)),
    waiting: 1,
  },
];

interface Watched {
  /** From the fact being visible until the last of those who wait for it has it. */
  readonly latencies: readonly number[];
  readonly cpuMsEach: number;
}

export const watch: Bench = {
  name: 'watch',
  about: 'from visible to the event of the last watcher that waits for it, in the peer’s own process',
  async run({ directory: under, samples }) {
    const directory = await mkdtemp(join(under, 'watch-'));
    return scoped(await createPeer({ directory, listen: false }), async (peer) => {
      const space = await peer.create({ name: 'bench', write: 'open', pow: [] });
      const takes: Take[] = [];
      for (const { name, subjects, waiting } of KINDS) {
        await measure(space, `warm ${name}`, subjects, waiting, samples); // The first ones compile.
        const watched = await measure(space, name, subjects, waiting, samples);
        takes.push(...(await takesOf(name, watched, waiting, samples)));
      }
      return takes;
    });
  },
};

async function takesOf(name: string, watched: Watched, waiting: number, samples: number): Promise<Take[]> {
  const own = percentiles(watched.latencies);
  const bare = percentiles(await barePromises(waiting, samples));
  const limit = waiting === 1 ? 'a promise that resolves' : `${waiting} promises that resolve`;
  return [
    { name: `${name}, p50`, unit: 'ms', value: own.p50, limit: [limit, bare.p50] },
    { name: `${name}, p99`, unit: 'ms', value: own.p99, limit: [limit, bare.p99] },
    { name: `${name}, CPU of a write`, unit: 'ms each', value: watched.cpuMsEach },
  ];
}

/** Writes one fact after the other below a name that is new, of which `waiting` watchers hear. */
async function measure(
  space: Space,
  name: string,
  subjects: readonly string[],
  waiting: number,
  samples: number,
): Promise<Watched> {
  const ended = new AbortController();
  let left = subjects.length;
  let onLast: () => void = () => undefined;
  const readers = subjects.map(async (subject) => {
    for await (const event of space.watch({ subject: `${name}/${subject}` }, { signal: ended.signal })) {
      if (event.type === 'snapshot' && !event.complete) continue;
      if (--left === 0) onLast();
    }
  });
  while (left > 0) await setTimeout(1);
  let visibleMs = 0;
  const stop = space.on('facts', () => {
    visibleMs = performance.now();
  });
  const latencies: number[] = [];
  const cpuBeforeMs = cpuMs();
  for (let n = 0; n < samples; n++) {
    left = waiting;
    const heard = new Promise<number>((resolve) => {
      onLast = () => resolve(performance.now());
    });
    await space.assert({ subject: `${name}/${n % MANY}`, predicate: 'n', object: n });
    latencies.push((await heard) - visibleMs);
  }
  const cpuMsEach = (cpuMs() - cpuBeforeMs) / samples;
  stop();
  ended.abort();
  await Promise.all(readers);
  return { latencies, cpuMsEach };
}

/** Milliseconds until so many functions that wait for one promise have gone on. */
async function barePromises(count: number, samples: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < samples; n++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = Array.from({ length: count }, () => promise.then(() => performance.now()));
    const startedMs = performance.now();
    resolve();
    tookMs.push(Math.max(...(await Promise.all(waiting))) - startedMs);
  }
  return tookMs;
}
