/** The peer that a soak looks at, in a process of its own: it lives as an application's would, and is measured. */
import { setTimeout } from 'node:timers/promises';
import { createPeer, type Peer, type Space } from '../../src/node.ts';
import { machineMs } from '../bench/clock.ts';
import { serve } from '../bench/remote.ts';
import { type LiveObjects, liveObjects } from './live-objects.ts';

const WRITE_EVERY_MS = 200;
const QUERY_EVERY_MS = 300;
const WATCH_EVERY_MS = 1000;
/** Subjects go round, so that a query costs the same at the end as at the start. */
const SUBJECTS = 500;
const QUERY_LIMIT = 100;
/** In runs of a few: more runs than are cached decoded, and more assertions than recent ids are remembered. */
const FILL = 40_000;
const FILL_TOGETHER = 4;

export interface SoakSample extends LiveObjects {
  readonly atMs: number;
  /** After a collection. */
  readonly heapMiB: number;
  readonly rssMiB: number;
  /** Sockets, timers, requests and the like that Node knows of. */
  readonly handles: number;
  readonly connections: number;
}

export interface SoakCounts {
  readonly writes: number;
  readonly queries: number;
  readonly watches: number;
  readonly assertions: number;
  /** What Node warned of, as of too many listeners. */
  readonly warnings: readonly string[];
}

let peer: Peer | undefined;
const spaces: Space[] = [];
const warnings: string[] = [];
let writes = 0;
let queries = 0;
let watches = 0;

let goesOn = true;
const loops: Promise<void>[] = [];

process.on('warning', ({ name, message }) => {
  // Counting objects is new in Node; that is the measurement's own affair.
  if (name !== 'ExperimentalWarning' && warnings.length < 20) warnings.push(`${name}: ${message}`);
});

function every(ms: number, action: (space: Space, round: number) => Promise<void>): void {
  const loop = async () => {
    for (let round = 0; goesOn; round++) {
      await setTimeout(ms);
      await action(spaces[round % spaces.length] as Space, round);
    }
  };
  loops.push(loop());
}

/** What is cached of a set is bounded: it is full before anything is measured, or filling it looks like a leak. */
async function fill(space: Space): Promise<void> {
  for (let n = 0; n < FILL; n += FILL_TOGETHER) {
    const facts = Array.from({ length: FILL_TOGETHER }, (_, i) => ({
      subject: `soak ${(n + i) % SUBJECTS}`,
      predicate: 'fill',
      object: n + i,
    }));
    await Promise.all(facts.map((fact) => space.assert(fact)));
  }
  // Stored runs are cached as they are read: as bytes in one order, decoded in another.
  for (const order of ['subject', 'arrival'] as const) for await (const _ of space.query({ order }));
}

async function write(space: Space, round: number): Promise<void> {
  await space.assert({ subject: `soak ${round % SUBJECTS}`, predicate: 'round', object: round });
  writes++;
}

async function query(space: Space, round: number): Promise<void> {
  await space.get(`soak ${round % SUBJECTS}`, 'round');
  for await (const _ of space.query({ order: 'arrival', reverse: true, limit: QUERY_LIMIT }));
  queries++;
}

async function watch(space: Space): Promise<void> {
  const end = new AbortController();
  const off = space.on('facts', () => undefined);
  for await (const event of space.watch({ subject: 'soak 1*' }, { signal: end.signal })) {
    if (event.type !== 'snapshot' || event.complete) break;
  }
  end.abort();
  off();
  watches++;
}

const methods = {
  /** Invites to two spaces. */
  async start(directory: string): Promise<readonly string[]> {
    const listen = { host: '127.0.0.1', tcp: 0, webSocket: 0, webRtcDirect: false } as const;
    peer = await createPeer({ directory, listen });
    for (const read of ['open', 'secret'] as const)
      spaces.push(await peer.create({ name: `soak ${read}`, write: 'open', pow: [], read }));
    for (const space of spaces) await fill(space);
    every(WRITE_EVERY_MS, write);
    every(QUERY_EVERY_MS, query);
    every(WATCH_EVERY_MS, watch);
    return Promise.all(spaces.map(async (space) => (await space.invite()).text));
  },

  async sample(): Promise<SoakSample> {
    const alive = liveObjects();
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    return {
      ...alive,
      atMs: machineMs(),
      heapMiB: heapUsed / 1024 ** 2,
      rssMiB: rss / 1024 ** 2,
      handles: process.getActiveResourcesInfo().length,
      connections: (await (peer as Peer).peers()).length,
    };
  },

  async counts(): Promise<SoakCounts> {
    const states = await Promise.all(spaces.map((space) => space.status()));
    const assertions = states.reduce((sum, state) => sum + state.assertions, 0);
    return { writes, queries, watches, assertions, warnings };
  },

  async stop(): Promise<void> {
    goesOn = false;
    await Promise.all(loops);
    await peer?.stop();
  },
};

export type SubjectMethods = typeof methods;

serve(methods);
