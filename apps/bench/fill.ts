/** Cold fill: an empty peer joins one that has everything. The same claims in runs, signed alone, and in bulk. */

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIDENCE_ONE, encodeClaims } from '../../src/assertion/claims.ts';
import { scoped } from '../../src/base/scoped.ts';
import type { Bench, Context } from './bench.ts';
import { claims } from './claims.ts';
import type { Take } from './figure.ts';
import { startNodes, startPeer } from './pair.ts';
import { readRows, writeRows } from './raw-leveldb.ts';
import { measureVerify, type VerifyRates } from './raw-signatures.ts';

interface Kind {
  readonly claimsEach: number;
  readonly alone: boolean;
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
const BULK_CLAIMS = 200;
const VERIFICATIONS = 8000;

export const fillRuns: Bench = {
  name: 'fill-runs',
  about: 'an empty Node peer pulls single-claim assertions, written in group-committed runs',
  run: (context) => runFill(context, { claimsEach: 1, alone: false }),
};

export const fillAlone: Bench = {
  name: 'fill-alone',
  about: 'an empty Node peer pulls single-claim assertions, each signed alone',
  run: (context) => runFill(context, { claimsEach: 1, alone: true }),
};

export const fillBulk: Bench = {
  name: 'fill-bulk',
  about: `an empty Node peer pulls the same claims, ${BULK_CLAIMS} to an assertion`,
  run: (context) => runFill(context, { claimsEach: BULK_CLAIMS, alone: false }),
};

async function runFill(context: Context, kind: Kind): Promise<Take[]> {
  const directory = await mkdtemp(join(context.directory, 'fill-'));
  const verify = await measureVerify(VERIFICATIONS);
  const filled = await fill(context, directory, kind);
  const rows = await readRows(filled.directory);
  const perBatch = Math.ceil((rows.length * ASSERTIONS_PER_BATCH) / context.assertions);
  const storeSeconds = await writeRows(join(directory, 'raw'), rows, perBatch);
  const streamSeconds = await measureStream(context, filled.wireBytes);
  const count = context.assertions;
  const unit = kind.claimsEach === 1 ? 'assertions/s' : 'claims/s';
  const value = count / ((filled.visibleMs - filled.joinedMs) / 1000);
  const visible = (limit: string, rate: number): Take => ({
    name: 'join to all visible',
    unit,
    value,
    limit: [limit, rate],
  });
  return [
    visible('Ed25519 verify, one core', verify.oneCore),
    visible('Ed25519 verify, all cores', verify.allCores),
    visible('bare LevelDB, same rows', count / storeSeconds),
    visible('bare libp2p stream, same bytes', count / streamSeconds),
    ...steadyTakes(filled, count, unit),
    { name: 'join to all durable', unit, value: count / ((filled.durableMs - filled.joinedMs) / 1000) },
    { name: 'join to first visible', unit: 'ms', value: filled.firstMs - filled.joinedMs },
    cpuTake('CPU of the peer that is filled', filled.cpuMs[0], count, verify),
    cpuTake('CPU of the peer that fills it', filled.cpuMs[1], count, verify),
    { name: 'wire bytes beyond the payload', unit: 'B each', value: overhead(filled, count, kind) },
  ];
}

/** Fills one peer, and from it an empty one: both are processes with stores on disk. */
async function fill(context: Context, directory: string, kind: Kind): Promise<Filled> {
  return scoped(startPeer(context), async (full) => {
    await full.call.start(join(directory, 'full'), true);
    await full.call.create();
    const invite = await full.call.invite();
    await full.call.write(0, Math.ceil(context.assertions / kind.claimsEach), kind.claimsEach, kind.alone);
    const to = join(directory, 'empty');
    return scoped(startPeer(context), async (empty) => {
      await empty.call.start(to, true);
      const before = await Promise.all([empty.call.cpuMs(), full.call.cpuMs()]);
      const joinedMs = await empty.call.join(invite);
      const visibleMs = await empty.call.visible(context.assertions);
      const after = await Promise.all([empty.call.cpuMs(), full.call.cpuMs()]);
      const durableMs = await full.call.settled();
      const times = await empty.call.visibleTimes();
      const firstMs = times[0] ?? Number.NaN;
      const tenthMs = times[Math.ceil(times.length / 10) - 1] ?? Number.NaN;
      const { read, written } = await empty.call.socketBytes();
      if ((await full.call.root()) !== (await empty.call.root())) throw new Error('The roots differ.');
      await Promise.all([full.call.stop(), empty.call.stop()]);
      const cpuMs = [after[0] - before[0], after[1] - before[1]] as const;
      return {
        cpuMs,
        joinedMs,
        firstMs,
        tenthMs,
        visibleMs,
        durableMs,
        wireBytes: read + written,
        directory: to,
      };
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

function overhead({ wireBytes }: Filled, count: number, { claimsEach }: Kind): number {
  let payload = 0;
  for (let at = 0; at < count; at += claimsEach) {
    const group = claims(at, claimsEach).map((each) => ({ ...each, confidence: CONFIDENCE_ONE }));
    payload += encodeClaims(group).length;
  }
  return (wireBytes - payload) / count;
}
