/**
 * Reconcile: two peers find where their big sets differ, and one pulls it. Differences of one size are
 * clustered (few authors wrote all of it) or spread (as many authors as can be).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '../../src/assertion/model.ts';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import type { CrowdMethods } from './crowd-process.ts';
import { atMost, quantile, type Take } from './figure.ts';
import { startProcess } from './remote.ts';
import { type SyncCost, Twins } from './twins.ts';

const AUTHORS = [10, 1000, 100_000] as const;
const DIFFERENCES = [1, 10, 100, 1000, 10_000] as const;
/** A clustered difference: so many new assertions of each author. */
const PER_AUTHOR = 1000;
const RUN_ASSERTIONS = 128;
/** Few enough not to be told that it is too much. */
const COMPARISONS = 10;
/** A tip: author, seq and id. Nobody can name a difference in less without knowing the sets. */
const TIP_BYTES = 72;
const ROOT_BYTES = 32;

export const reconcile: Bench = {
  name: 'reconcile',
  about:
    'N assertions, d more on one side: finding the difference (×: of two roots and the differing tips), ' +
    'and the whole sync beside the runs pulled; bytes both ways, CPU of both sides, in one process',
  once: true,
  async run(context) {
    const takes = [await socketTake(context)];
    for (const size of context.reconcileSizes)
      for (const authors of AUTHORS)
        if (authors <= size) takes.push(...(await measureWorld(context, size, authors)));
    return takes;
  },
};

/** The same exchange of equal peers with all that Noise and yamux put around it. */
async function socketTake(context: Context): Promise<Take> {
  return scoped(startProcess<CrowdMethods>('crowd-process.ts', context), async ({ call }) => {
    await call.together(2);
    await call.compare(COMPARISONS);
    const before = await call.socketBytes();
    await call.compare(COMPARISONS);
    const after = await call.socketBytes();
    await call.stop();
    return foundBytes('equal, over sockets', (after.written - before.written) / COMPARISONS, 0, 350);
  });
}

async function measureWorld(context: Context, size: number, authors: number): Promise<Take[]> {
  const directory = await mkdtemp(join(context.directory, 'reconcile-'));
  const takes = await scoped(await Twins.create(directory, size, authors), async (twins) => {
    const world = `${size.toLocaleString('en')} by ${authors.toLocaleString('en')}`;
    process.stderr.write(`bench: … ${world}\n`);
    const takes = await equalTakes(twins, `${world}, equal`, context.samples);
    for (const { d, by } of cases(authors, size)) {
      const name = `${world}, d = ${d.toLocaleString('en')} by ${by.toLocaleString('en')}`;
      takes.push(...(await differentTakes(twins, name, { d, by, samples: context.samples })));
    }
    return takes;
  });
  await rm(directory, { recursive: true });
  return takes;
}

interface Case {
  readonly d: number;
  /** Authors who wrote it. */
  readonly by: number;
}

/** Clustered and spread, where that is not the same. */
function cases(authors: number, size: number): Case[] {
  return DIFFERENCES.filter((d) => d <= size).flatMap((d) =>
    [...new Set([Math.min(authors, Math.ceil(d / PER_AUTHOR)), Math.min(authors, d)])].map((by) => ({
      d,
      by,
    })),
  );
}

async function equalTakes(twins: Twins, of: string, samples: number): Promise<Take[]> {
  const costs: SyncCost[] = [];
  for (let i = 0; i < repeats(1, samples); i++) costs.push(await twins.sync());
  const figure = figures(costs);
  return [
    foundBytes(of, figure.bytes, 0, 350),
    { of, name: 'trips', unit: '', value: figure.trips, bar: atMost(1) },
    { of, name: 'CPU', unit: 'ms', value: figure.cpuMs },
    { of, name: 'disk reads', unit: '', value: figure.reads, bar: atMost(0) },
  ];
}

async function differentTakes(
  twins: Twins,
  of: string,
  { d, by, samples }: Case & { readonly samples: number },
): Promise<Take[]> {
  const costs: SyncCost[] = [];
  for (let i = 0; i < repeats(d, samples); i++) {
    await twins.differ(await fresh(twins, d, by));
    costs.push(await twins.sync());
  }
  const figure = figures(costs);
  const bars = barsOf(d, by);
  return [
    foundBytes(of, figure.bytes, by, bars?.bytes),
    { of, name: 'trips', unit: '', value: figure.trips, bar: atMost(bars?.trips) },
    { of, name: 'CPU', unit: 'ms', value: figure.cpuMs, bar: atMost(bars?.cpuMs) },
    { of, name: 'disk reads', unit: '', value: figure.reads },
    { of, name: 'whole sync', unit: 'B', value: figure.syncBytes },
    { of, name: 'its trips', unit: '', value: figure.syncTrips },
    { of, name: 'its CPU', unit: 'ms', value: figure.syncCpuMs },
  ];
}

interface Bars {
  readonly bytes: number;
  readonly trips?: number;
  readonly cpuMs?: number;
}

/** What it costs depends on the difference, hardly on the sets: so the same holds for all sizes. */
function barsOf(d: number, by: number): Bars | undefined {
  if (d === 1) return { bytes: 600, trips: 2, cpuMs: 1 };
  if (d === 100 && by === 100) return { bytes: 12_000, trips: 2, cpuMs: 2 };
  if (d === 10_000 && by === 10) return { bytes: 3000 };
  return undefined;
}

function foundBytes(of: string, value: number, tips: number, most: number | undefined): Take {
  const least = 2 * ROOT_BYTES + tips * TIP_BYTES;
  return {
    of,
    name: 'found with',
    unit: 'B',
    value,
    limit: ['two roots and the tips', least],
    bar: atMost(most),
  };
}

/** With the first half, which does not count. */
function repeats(d: number, samples: number): number {
  return Math.min(Math.max(3, samples), d <= 10 ? 20 : d <= 100 ? 12 : d <= 1000 ? 4 : 3);
}

/** So many new assertions by the first authors. */
async function fresh({ writers }: Twins, assertions: number, authors: number): Promise<Run[]> {
  const runs: Run[] = [];
  const plan = { assertions, authors, perRun: RUN_ASSERTIONS, claimsEach: 1 };
  for await (const run of writers.runs(plan)) runs.push(run);
  return runs;
}

function figures(all: readonly SyncCost[]) {
  // The first ones compile, and check the authors' keys.
  const costs = all.slice(all.length >> 1);
  const median = (of: (cost: SyncCost) => number) =>
    quantile(
      costs.map(of).sort((a, b) => a - b),
      0.5,
    );
  return {
    bytes: median(({ found }) => found.bytes),
    trips: median(({ found }) => found.trips),
    cpuMs: median(({ found }) => found.cpuMs),
    reads: median(({ found }) => found.reads),
    syncBytes: median(({ synced, runBytes }) => synced.bytes - runBytes),
    syncTrips: median(({ synced }) => synced.trips),
    syncCpuMs: median(({ synced }) => synced.cpuMs),
  };
}
