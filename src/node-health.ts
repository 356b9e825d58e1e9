/** Looks after the data directory of a Node peer that does not run: audits its store. */
import { join, resolve } from 'node:path';
import { loadFastHash } from './base/hash.ts';
import { systemRandom } from './base/system-random.ts';
import { nodeCrypto } from './crypto/crypto-node.ts';
import { type AuditStoreOptions, auditStore, type StoreAudit } from './peer/audit-store.ts';
import { openLevelDb } from './store/leveldb.ts';

export type { StoreAudit };

/** Throws `STORE_LOCKED` while a peer has it, `STORE_CORRUPT` when it does not open, `STORE_VERSION`, `STORE_FAILED`. */
export async function auditDirectory(directory: string, options: AuditStoreOptions): Promise<StoreAudit> {
  await loadFastHash();
  const store = await openLevelDb({ directory: storeOf(directory) });
  try {
    return await auditStore(store, { crypto: nodeCrypto(), random: systemRandom }, options);
  } finally {
    await store.close();
  }
}

function storeOf(directory: string): string {
  return join(resolve(directory), 'store');
}
