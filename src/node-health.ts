/** Looks after the data directory of a Node peer that does not run: audits its store, and rebuilds a damaged one. */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MemoryMetrics } from './base/counters.ts';
import { loadFastHash } from './base/hash.ts';
import { silentLog } from './base/log.ts';
import type { Log, Ports, Store } from './base/ports.ts';
import { systemClock } from './base/system-clock.ts';
import { systemRandom } from './base/system-random.ts';
import { nodeCrypto } from './crypto/crypto-node.ts';
import { type AuditStoreOptions, auditStore, type StoreAudit } from './peer/audit-store.ts';
import { type RebuiltSpace, rebuildStore } from './peer/rebuild-store.ts';
import type { Damage } from './set/damage.ts';
import { openLevelDb } from './store/leveldb.ts';
import { openView, type StoreView } from './store/leveldb-view-node.ts';
import { damagedPlace, finishSwap, rebuiltPlace, swapStores } from './store/swap-stores-node.ts';

export type { RebuiltSpace, StoreAudit };

export interface HealthOptions extends AuditStoreOptions {
  readonly log?: Log;
}

export interface Repair {
  /** What was found in the files, and in what can be read of them. */
  readonly audit: StoreAudit;
  /** Why the store did not open; undefined when it did. */
  readonly unopened: string | undefined;
  /** Empty when nothing was damaged: then nothing was changed. */
  readonly rebuilt: readonly RebuiltSpace[];
  /** Where the damaged store is kept; undefined when nothing was changed. */
  readonly aside: string | undefined;
}

/** Throws `STORE_LOCKED` while a peer has it, `STORE_VERSION`, `STORE_FULL`, `STORE_FAILED`. */
export async function auditDirectory(directory: string, options: HealthOptions): Promise<StoreAudit> {
  await loadFastHash();
  const view = await openView(await placeOf(directory));
  try {
    return await auditView(view, portsOf(options), options);
  } finally {
    await view.store.close();
  }
}

async function auditView(view: StoreView, ports: Ports, options: HealthOptions): Promise<StoreAudit> {
  const audit = await auditStore(view.store, ports, options);
  const files: Damage[] = view.damage.map(({ file, what }) => ({
    code: 'FILE_DAMAGED',
    message: `${file}: ${what}`,
  }));
  // LevelDB found what no checksum tells.
  if (view.unopened !== undefined && files.length === 0)
    files.push({ code: 'FILE_DAMAGED', message: view.unopened });
  return { ...audit, damage: [...files, ...audit.damage], damaged: audit.damaged + files.length };
}

/**
 * Rebuilds a damaged store of what is sound in it; a sound one is left alone. Needs as much room again.
 * Throws as `auditDirectory` does, and `STORE_FULL`: then the store is as it was.
 */
export async function repairDirectory(directory: string, options: HealthOptions): Promise<Repair> {
  await loadFastHash();
  const place = await placeOf(directory);
  const ports = portsOf(options);
  const view = await openView(place);
  const { store, unopened } = view;
  let audit: StoreAudit;
  let rebuilt: readonly RebuiltSpace[];
  try {
    audit = await auditView(view, ports, options);
    if (audit.damaged === 0) return { audit, unopened, rebuilt: [], aside: undefined };
    const isPartial = view.isPartial || audit.damage.some(({ code }) => code === 'TABLE_UNREADABLE');
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
