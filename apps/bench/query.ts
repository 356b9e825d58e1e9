/** Asking a peer for facts, against reading the same rows of its store and nothing else. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesToHex, concatBytes, hexToBytes, utf8 } from '../../src/base/bytes.ts';
import { scoped } from '../../src/base/scoped.ts';
import { createPeer, type Query, type Space } from '../../src/node.ts';
import * as keys from '../../src/set/journal-keys.ts';
import type { Bench } from './bench.ts';
import { claim } from './claims.ts';
import type { Take } from './figure.ts';
import { pages, type RawLevel, type RawRange, withPeerStore } from './raw-leveldb.ts';
import { seedPeer } from './seed-peer.ts';

const AUTHORS = 10;
const RUN_ASSERTIONS = 128;
/** About half of the subjects: their numbers are written in base 36. */
const PREFIX = 'bench://package/1';
const SINGLE_SUBJECTS = 2000;

interface Asked {
  readonly facts: number;
  readonly seconds: number;
}

interface Kind {
  readonly name: string;
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Rows that name the facts, and the run that one of them points at. */
  readonly ranges: readonly RawRange[];
  readonly arrivalOf: (key: Uint8Array) => number;
}

export const query: Bench = {
  name: 'query',
  about: 'facts of a store on disk, against the same rows by bare LevelDB: index rows, and each run once',
  async run({ directory: under, queryFacts }) {
    const directory = await mkdtemp(join(under, 'query-'));
    await seedPeer(directory, {
      assertions: queryFacts,
      authors: AUTHORS,
      perRun: RUN_ASSERTIONS,
      claimsEach: 1,
    });
    const kinds = kindsOf(queryFacts);
    const asked: Asked[] = [];
    let id = '';
    await scoped(await createPeer({ directory, listen: false }), async (peer) => {
      const space = (await peer.spaces())[0] as Space;
      id = space.id;
      for (const { queries } of kinds) {
        await ask(space, queries); // The first time compiles.
        asked.push(await ask(space, queries));
      }
    });
    const prefix = concatBytes(utf8('s'), hexToBytes(id));
    return withPeerStore(directory, async (level) => {
      const takes: Take[] = [];
      for (const [i, kind] of kinds.entries()) {
        await readRaw(level, prefix, kind);
        const { facts, seconds } = asked[i] as Asked;
        const limit = facts / (await readRaw(level, prefix, kind));
        const { name, unit } = kind;
        takes.push({ name, unit, value: facts / seconds, limit: ['bare LevelDB, same rows', limit] });
      }
      return takes;
    });
  },
};

function kindsOf(facts: number): Kind[] {
  const subjects = Array.from({ length: Math.min(SINGLE_SUBJECTS, facts) }, (_, i) => {
    return claim((i * 7919) % facts).subject;
  });
  const claimArrival = (key: Uint8Array) => keys.decodeClaimKey(key).arrival;
  return [
    {
      name: 'one subject at a time',
      unit: 'queries/s',
      queries: subjects.map((subject) => ({ subject })),
      ranges: subjects.map((exact) => keys.claimRange({ exact })),
      arrivalOf: claimArrival,
    },
    {
      name: 'all subjects of a prefix',
      unit: 'facts/s',
      queries: [{ subject: `${PREFIX}*` }],
      ranges: [keys.claimRange({ prefix: PREFIX })],
      arrivalOf: claimArrival,
    },
    {
      name: 'all by time',
      unit: 'facts/s',
      queries: [{ order: 'hlc', sinceMs: 0 }],
      ranges: [keys.timeRange(0n)],
      arrivalOf: keys.timeArrival,
    },
  ];
}

async function ask(space: Space, queries: readonly Query[]): Promise<Asked> {
  let facts = 0;
  const startedMs = performance.now();
  for (const each of queries) for await (const _ of space.query(each)) facts++;
  if (facts === 0) throw new Error('The query found nothing.');
  return { facts, seconds: (performance.now() - startedMs) / 1000 };
}

/** Seconds to read the rows, and each run that they point at once. */
async function readRaw(level: RawLevel, prefix: Uint8Array, kind: Kind): Promise<number> {
  const startedMs = performance.now();
  const read = new Set<string>();
  for (const { gte, lt } of kind.ranges) {
    const range = {
      gte: concatBytes(prefix, gte as Uint8Array),
      lt: concatBytes(prefix, lt as Uint8Array),
    };
    for await (const page of pages(level, range)) {
      const blocks = page.map(([key]) =>
        concatBytes(prefix, keys.blockKey(kind.arrivalOf(key.subarray(prefix.length)))),
      );
      const fresh = blocks.filter((key) => !read.has(bytesToHex(key)));
      for (const key of fresh) read.add(bytesToHex(key));
      await level.getMany(fresh);
    }
  }
  if (read.size === 0) throw new Error('There are no such rows.');
  return (performance.now() - startedMs) / 1000;
}
