/** The audit of a whole store: its keyring, and every space. Nothing is changed. */
import { bytesToHex } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import type { AbortOptions, Ports, Store } from '../base/ports.ts';
import { auditSpace } from '../set/audit.ts';
import type { Damage, SpaceAudit } from '../set/damage.ts';
import type { SavedSpace } from './keyring.ts';
import { keyringRows } from './keyring-audit.ts';
import { keyringStore, spaceStore, storedSpaces } from './store-layout.ts';

export interface StoreAudit {
  /** Of the keyring, and of what belongs to no space. */
  readonly damage: readonly Damage[];
  readonly spaces: readonly SpaceAudit[];
  /** Damaged places in all. */
  readonly damaged: number;
}

export interface AuditProgress {
  /** Name of the space. */
  readonly space: string;
  readonly runs: number;
  /** Runs that there are to be, where that is known. */
  readonly all: number | undefined;
}

export type AuditStoreOptions = AbortOptions & {
  readonly onProgress?: ((progress: AuditProgress) => void) | undefined;
};

type AuditPorts = Pick<Ports, 'crypto'>;

export async function auditStore(
  store: Store,
  ports: AuditPorts,
  { onProgress, signal }: AuditStoreOptions = {},
): Promise<StoreAudit> {
  const { saved, damage } = await auditKeyring(store);
  const spaces: SpaceAudit[] = [];
  for (const { space } of saved) {
    spaces.push(
      await auditSpace({
        space,
        store: spaceStore(store, space.id),
        crypto: ports.crypto,
        onProgress: (runs, all) => onProgress?.({ space: space.genesis.name, runs, all }),
        signal,
      }),
    );
  }
  const known = new Set(spaces.map(({ space }) => space));
  for (const id of await unlessDamaged(storedSpaces(store), damage)) {
    const space = bytesToHex(id);
    if (known.has(space)) continue;
    damage.push({ code: 'SPACE_UNKNOWN', message: `there are rows of ${space}, which no invite names here` });
  }
  return { damage, spaces, damaged: spaces.reduce((sum, { damaged }) => sum + damaged, damage.length) };
}

/** The spaces that can be opened, and what is wrong with the rest of the keyring. */
async function auditKeyring(
  store: Store,
): Promise<{ readonly saved: readonly SavedSpace[]; readonly damage: Damage[] }> {
  const damage: Damage[] = [];
  const saved: SavedSpace[] = [];
  const rows = await unlessDamaged(keyringRows(keyringStore(store)), damage);
  for (const row of rows) {
    if (row.saved !== undefined) saved.push(row.saved);
    if (row.error === undefined) continue;
    const message = `a row of the keyring (${row.name}): ${row.error.message}`;
    damage.push({ code: 'KEY_DAMAGED', table: 'keyring', message });
  }
  return { saved, damage };
}

/** What can be read; that there may be more is damage. A peer has a few keys and spaces, no more. */
async function unlessDamaged<T>(rows: AsyncIterable<T>, damage: Damage[]): Promise<T[]> {
  const list: T[] = [];
  try {
    for await (const row of rows) list.push(row);
  } catch (error) {
    if (!isAverError(error, 'STORE_CORRUPT')) throw error;
    damage.push({ code: 'TABLE_UNREADABLE', table: 'keyring', message: error.message });
  }
  return list;
}
