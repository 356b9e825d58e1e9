/** Cold fill: an empty peer joins one that has everything. The same claims in runs, signed alone, and in bulk. */

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import { atLeast, atMost, type Take } from './figure.ts';
import { startNodes, startPeer } from './pair.ts';
import { readRows, writeRows } from './raw-leveldb.ts';
import { measureVerify, type VerifyRates } from './raw-signatures.ts';
import { seedPeer } from './seed-peer.ts';
import { claimsPayload } from './writers.ts';

interface Kind {
  readonly perRun: number;
  readonly claimsEach: number;
  /** Bars on the rate, for fills that are not over before the code is compiled. */
  readonly bars?: { readonly perSecond?: number; readonly ofOneCore?: number; readonly ofAllCores?: number };
}

interface Filled {
  readonly joinedMs: number;
  readonly firstMs: number;
  /** A tenth is visible: connecting, comparing and compiling are over. */
  readonly tenthMs: number;
  readonly visibleMs: number;
  readonly durableMs: number;
  readonly wireBytes: number;
  /** Of the peer that was filled and of the one that filled it. */
  readonly cpuMs: readonly [filled: number, full: number];
  readonly directory: string;
}

/** What Aver itself writes at once. */
const ASSERTIONS_PER_BATCH = 1024;
const AUTHORS = 10;
const RUN_ASSERTIONS = 128;
const SHORT_RUN_ASSERTIONS = 16;
const BULK_CLAIMS = 200;
/** As many as fit into one. */
const BULK_RUN_ASSERTIONS = 4;
const VERIFICATIONS = 8000;
/** Bars on rates hold from here on; below, compiling and connecting are half of it. */
const BARS_FROM = 100_000;
/** Bytes of a single-claim assertion on the wire beyond its payload, in runs of 16 and more. */
const OVERHEAD_BYTES = 20;

const smallest = ({ assertions }: Context) => [Math.min(...assertions)];
const largest = ({ assertions }: Context) => [Math.max(...assertions)];

export const fillRuns: Bench = {
  name: 'fill-runs',
  about: `an empty Node peer pulls single-claim assertions of ${AUTHORS} authors, in runs of ${RUN_ASSERTIONS}`,
  run: (context) =>
    fillAll(context, context.assertions, {
      perRun: RUN_ASSERTIONS,
      claimsEach: 1,
      bars: { perSecond: 40_000, ofOneCore: 5 },
    }),
};

export const fillShort: Bench = {
  name: 'fill-short',
  about: `the same, in runs of ${SHORT_RUN_ASSERTIONS}`,
  run: (context) => fillAll(context, smallest(context), { perRun: SHORT_RUN_ASSERTIONS, claimsEach: 1 }),
};

export const fillAlone: Bench = {
  name: 'fill-alone',
  about: 'the same, each assertion signed alone',
  run: (context) =>
    fillAll(context, smallest(context), { perRun: 1, claimsEach: 1, bars: { ofAllCores: 0.7 } }),
};

export const fillBulk: Bench = {
  name: 'fill-bulk',
  about: `the same claims, ${BULK_CLAIMS} to an assertion`,
  run: (context) =>
    fillAll(context, largest(context), {
      perRun: BULK_RUN_ASSERTIONS,
      claimsEach: BULK_CLAIMS,
      bars: { perSecond: 150_000 },
    }),
};

async function fillAll(context: Context, counts: readonly number[], kind: Kind): Promise<Take[]> {
  const takes: Take[] = [];
  for (const count of counts) {
    const directory = await mkdtemp(join(context.directory, 'fill-'));
    const of = counts.length === 1 ? '' : `${count.toLocaleString('en')}: `;
    for (const take of await runFill(context, directory, count, kind)) {
      takes.push({ ...take, name: `${of}${take.name}` });
    }
    await rm(directory, { recursive: true });
  }
  return takes;
}

async function runFill(context: Context, directory: string, count: number, kind: Kind): Promise<Take[]> {
  const verify = await measureVerify(VERIFICATIONS);
  const filled = await fill(context, directory, count, kind);
  const rows = await readRows(filled.directory);
  const perBatch = Math.ceil((rows.length * ASSERTIONS_PER_BATCH) / count);
  const storeSeconds = await writeRows(join(directory, 'raw'), rows, perBatch);
  const streamSeconds = await measureStream(context, filled.wireBytes);
  const unit = kind.claimsEach === 1 ? 'assertions/s' : 'claims/s';
  const each = (name: string, limit: string, rate: number, bar?: Take['bar']): Take => {
    const value = count / ((filled.visibleMs - filled.joinedMs) / 1000);
    return { name, unit, value, limit: [limit, rate], bar };
  };
  const { perSecond, ofOneCore, ofAllCores } = barsOf(kind, count);
  const joined = 'join to all visible';
  return [
    each(joined, 'bare LevelDB, same rows', count / storeSeconds, atLeast(perSecond)),
    each(joined, 'bare libp2p stream, same bytes', count / streamSeconds),
    each(joined, 'Ed25519 verify, one core', verify.oneCore, atLeast(ofOneCore, 'ratio')),
    each(joined, 'Ed25519 verify, all cores', verify.allCores, atLeast(ofAllCores, 'ratio')),
    ...steadyTakes(filled, count, unit),
    { name: 'join to all durable', unit, value: count / ((filled.durableMs - filled.joinedMs) / 1000) },
    { name: 'join to first visible', unit: 'ms', value: filled.firstMs - filled.joinedMs },
    cpuTake('CPU of the peer that is filled', filled.cpuMs[0], count, verify),
    cpuTake('CPU of the peer that fills it', filled.cpuMs[1], count, verify),
    overheadTake(filled, count, kind),
  ];
}

function barsOf({ perRun, bars = {} }: Kind, count: number): NonNullable<Kind['bars']> {
  return perRun === 1 || count >= BARS_FROM ? bars : {};
}

/** Fills an empty peer from one that was seeded: both are processes with stores on disk. */
async function fill(context: Context, directory: string, count: number, kind: Kind): Promise<Filled> {
  const from = join(directory, 'full');
  const { claimsEach, perRun } = kind;
  await seedPeer(from, { assertions: Math.ceil(count / claimsEach), authors: AUTHORS, perRun, claimsEach });
  return scoped(startPeer(context), async (full) => {
    await full.call.start(from, true);
    const invite = await full.call.invite();
    const to = join(directory, 'empty');
    return scoped(startPeer(context), async (empty) => {
      await empty.call.start(to, true);
      const before = await Promise.all([empty.call.cpuMs(), full.call.cpuMs()]);
      const joinedMs = await empty.call.join(invite);
      const visibleMs = await empty.call.visible(count);
      const after = await Promise.all([empty.call.cpuMs(), full.call.cpuMs()]);
      const durableMs = await full.call.settled();
      const times = await empty.call.visibleTimes();
      const firstMs = times[0] ?? Number.NaN;
      const tenthMs = times[Math.ceil(times.length / 10) - 1] ?? Number.NaN;
      const { read, written } = await empty.call.socketBytes();
      if ((await full.call.root()) !== (await empty.call.root())) throw new Error('The roots differ.');
      await Promise.all([full.call.stop(), empty.call.stop()]);
      const cpuMs = [after[0] - before[0], after[1] - before[1]] as const;
      const wireBytes = read + written;
      return { cpuMs, joinedMs, firstMs, tenthMs, visibleMs, durableMs, wireBytes, directory: to };
    });
  });
}

function cpuTake(name: string, cpuMs: number, count: number, { cpuUsEach }: VerifyRates): Take {
  const value = (1000 * cpuMs) / count;
  return { name, unit: 'µs each', value, limit: ['CPU of one Ed25519 verify', cpuUsEach] };
}

/** Nothing when what is left came at once. */
function steadyTakes({ tenthMs, visibleMs }: Filled, count: number, unit: string): Take[] {
  if (visibleMs <= tenthMs) return [];
  return [{ name: 'after the first tenth', unit, value: (0.9 * count * 1000) / (visibleMs - tenthMs) }];
}

/** Seconds for so many bytes over one libp2p stream, by TCP, Noise and yamux. */
async function measureStream(context: Context, bytes: number): Promise<number> {
  return scoped(await startNodes(context), async (pair) => {
    await pair.a.stream(bytes); // The first one compiles.
    return await pair.a.stream(bytes);
  });
}

/** Of the sockets: connecting, comparing and asking are in it. */
function overheadTake({ wireBytes }: Filled, count: number, { claimsEach, perRun }: Kind): Take {
  let payload = 0;
  for (let at = 0; at < count; at += claimsEach) payload += claimsPayload(at, claimsEach).length;
  const isLong = claimsEach === 1 && perRun >= SHORT_RUN_ASSERTIONS;
  return {
    name: 'wire bytes beyond the payload',
    unit: 'B each',
    value: (wireBytes - payload) / count,
    bar: isLong ? atMost(OVERHEAD_BYTES) : undefined,
  };
}
