/**
 * The stored runs of a space as they are found on a disk that may have damaged them: each whole run, and
 * what stands in the place of those that are not. Nothing here ends at the first damage, as `Blocks` does.
 */
import type { Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { withoutChecksum } from '../base/checksum.ts';
import { isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Store } from '../base/ports.ts';
import * as keys from './journal-keys.ts';

/** One stored run, decoded and its ids computed; its signature is not checked. */
export interface SoundRun {
  readonly type: 'run';
  readonly arrival: number;
  readonly run: Run;
}

/** Arrivals, the last one included, at which there is no whole run. */
export interface RunGap {
  readonly type: 'lost';
  readonly arrival: number;
  readonly lastArrival: number;
  readonly code: 'RUN_DAMAGED' | 'RUN_MISSING' | 'RUN_INVALID';
  readonly message: string;
}

export type FoundRun = SoundRun | RunGap;

/** Undefined where there are none, or none that can be read. */
export async function readCounters(store: Store): Promise<keys.Counters | undefined> {
  try {
    const value = await store.get(keys.countersKey);
    return value === undefined ? undefined : keys.decodeCounters(value);
  } catch (error) {
    if (isAverError(error, 'STORE_CORRUPT')) return undefined;
    throw error;
  }
}

/** All of them in order of arrival. `arrivals`: how many there are to be, where that is known. */
export async function* storedRuns(
  store: Store,
  space: Uint8Array,
  arrivals: number | undefined,
): AsyncGenerator<FoundRun> {
  let next = 0;
  for (;;) {
    const page = (await pageFrom(store, next)) ?? (await oneByOne(store, next, arrivals ?? next));
    if (page.length === 0) break;
    for (const [arrival, value] of page) {
      if (arrival > next) yield missing(next, arrival - 1);
      yield foundRun(arrival, value, space);
      next = arrival + 1;
    }
  }
  if (arrivals !== undefined && arrivals > next) yield missing(next, arrivals - 1);
}

type Page = readonly (readonly [arrival: number, value: Uint8Array | undefined])[];

/** Undefined where the store cannot read on. */
async function pageFrom(store: Store, from: number): Promise<Page | undefined> {
  const page: [number, Uint8Array][] = [];
  const range = { gte: keys.blockKey(from), lt: keys.allBlocks.lt, limit: limits.auditRunsMax };
  try {
    // A key of another length is none of a run: the audit counts it as a stray row.
    for await (const [key, value] of store.range(range))
      if (keys.isBlockKey(key)) page.push([keys.blockArrival(key), value]);
  } catch (error) {
    if (!isAverError(error, 'STORE_CORRUPT')) throw error;
    // What came before the damage is sound; the next look begins at it.
    return page.length === 0 ? undefined : page;
  }
  return page;
}

/** A table's block is damaged: some of the next runs are beyond it. */
async function oneByOne(store: Store, from: number, to: number): Promise<Page> {
  const page: [number, Uint8Array | undefined][] = [];
  const end = Math.min(to, from + limits.auditRunsMax);
  for (let arrival = from; arrival < end; arrival++) {
    const value = await store.get(keys.blockKey(arrival)).catch((error: unknown) => {
      if (isAverError(error, 'STORE_CORRUPT')) return undefined;
      throw error;
    });
    page.push([arrival, value]);
  }
  return page;
}

function missing(arrival: number, lastArrival: number): RunGap {
  return {
    type: 'lost',
    arrival,
    lastArrival,
    code: 'RUN_MISSING',
    message: 'there is no run where one was stored',
  };
}

function foundRun(arrival: number, value: Uint8Array | undefined, space: Uint8Array): FoundRun {
  const lost = { type: 'lost', arrival, lastArrival: arrival } as const;
  if (value === undefined) return { ...lost, code: 'RUN_DAMAGED', message: 'the store cannot read it' };
  const bytes = withoutChecksum(value);
  if (bytes === undefined) {
    return { ...lost, code: 'RUN_DAMAGED', message: 'its bytes are not those that its checksum was made of' };
  }
  try {
    return { type: 'run', arrival, run: decodeRun(bytes, space) };
  } catch (error) {
    const { code, message } = toAverError(error);
    return { ...lost, code: 'RUN_INVALID', message: `${code}: ${message}` };
  }
}
