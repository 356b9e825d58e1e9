/** Looks after the data directory of a Node peer that does not run: audits its store, and rebuilds a damaged one. */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MemoryMetrics } from './base/counters.ts';
import { isAverError } from './base/errors.ts';
import { loadFastHash } from './base/hash.ts';
import { silentLog } from './base/log.ts';
import type { Log, Ports, Store } from './base/ports.ts';
import { systemClock } from './base/system-clock.ts';
import { systemRandom } from './base/system-random.ts';
import { nodeCrypto } from './crypto/crypto-node.ts';
import { type AuditStoreOptions, auditStore, type StoreAudit } from './peer/audit-store.ts';
import { type RebuiltSpace, rebuildStore } from './peer/rebuild-store.ts';
import { openLevelDb, repairLevelDb } from './store/leveldb.ts';
import { damagedPlace, finishSwap, rebuiltPlace, swapStores } from './store/swap-stores-node.ts';

export type { RebuiltSpace, StoreAudit };

export interface HealthOptions extends AuditStoreOptions {
  readonly log?: Log;
}

export interface Repair {
  /** What was found, after LevelDB's own repair where that was needed. */
  readonly audit: StoreAudit;
  /** Why the store did not open; undefined when it did. */
  readonly unopened: string | undefined;
  /** Empty when nothing was damaged: then nothing was changed. */
  readonly rebuilt: readonly RebuiltSpace[];
  /** Where the damaged store is kept; undefined when nothing was changed. */
  readonly aside: string | undefined;
}

/** Throws `STORE_LOCKED` while a peer has it, `STORE_CORRUPT` when it does not open, `STORE_VERSION`, `STORE_FAILED`. */
export async function auditDirectory(directory: string, options: HealthOptions): Promise<StoreAudit> {
  await loadFastHash();
  const store = await openLevelDb({ directory: await placeOf(directory) });
  try {
    return await auditStore(store, portsOf(options), options);
  } finally {
    await store.close();
  }
}

/**
 * Rebuilds a damaged store of what is sound in it; a sound one is left alone. Needs as much room again.
 * Throws as `auditDirectory` does, and `STORE_FULL`: then the store is as it was.
 */
export async function repairDirectory(directory: string, options: HealthOptions): Promise<Repair> {
  await loadFastHash();
  const place = await placeOf(directory);
  const ports = portsOf(options);
  const { store, unopened } = await openDamaged(place);
  let audit: StoreAudit;
  let rebuilt: readonly RebuiltSpace[];
  try {
    audit = await auditStore(store, ports, options);
    if (audit.damaged === 0 && unopened === undefined)
      return { audit, unopened, rebuilt: [], aside: undefined };
    const isPartial = unopened !== undefined || audit.damage.some(({ code }) => code === 'TABLE_UNREADABLE');
    rebuilt = await rebuildInto(rebuiltPlace(place), store, ports, { ...options, isPartial });
  } finally {
    await store.close();
  }
  await swapStores(place);
  return { audit, unopened, rebuilt, aside: damagedPlace(place) };
}

async function rebuildInto(
  place: string,
  from: Store,
  ports: Ports,
  options: Parameters<typeof rebuildStore>[3],
): Promise<readonly RebuiltSpace[]> {
  // Of a repair that did not come to its end.
  await rm(place, { recursive: true, force: true });
  const to = await openLevelDb({ directory: place });
  try {
    return await rebuildStore(from, to, ports, options);
  } finally {
    await to.close();
  }
}

async function openDamaged(
  place: string,
): Promise<{ readonly store: Store; readonly unopened: string | undefined }> {
  try {
    return { store: await openLevelDb({ directory: place }), unopened: undefined };
  } catch (error) {
    if (!isAverError(error, 'STORE_CORRUPT')) throw error;
    await repairLevelDb({ directory: place });
    return { store: await openLevelDb({ directory: place }), unopened: error.message };
  }
}

function portsOf({ log = silentLog }: HealthOptions): Ports {
  return {
    clock: systemClock,
    random: systemRandom,
    log,
    crypto: nodeCrypto(),
    metrics: new MemoryMetrics(),
  };
}

async function placeOf(directory: string): Promise<string> {
  const place = join(resolve(directory), 'store');
  await finishSwap(place);
  return place;
}
