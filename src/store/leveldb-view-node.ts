/**
 * A damaged store, opened for those who look after it. LevelDB gets a directory of its own, made of links to what
 * is sound and copies of what is not, in which nothing can end the process or be taken for what was stored. The
 * store itself stays as it is.
 */
import { copyFile, link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { isAverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { checkUnlocked, claimPlace, openUnchecked } from './leveldb.ts';
import { damageError, type FileDamage } from './leveldb-check-node.ts';
import { toStoreError } from './leveldb-error.ts';
import { mendTable } from './leveldb-table.ts';

export interface StoreView {
  readonly store: Store;
  /** Why the store itself does not open; undefined when it does, and is open. */
  readonly unopened: string | undefined;
  readonly damage: readonly FileDamage[];
  /** Rows may lack of which no reading says so. */
  readonly isPartial: boolean;
}

/** Nobody else can open the store meanwhile. Throws `STORE_LOCKED`, `STORE_VERSION`, `STORE_FULL`, `STORE_FAILED`. */
export async function openView(directory: string): Promise<StoreView> {
  return claimPlace(directory, async (place, release) => {
    const { damage } = await checkUnlocked(place);
    if (damage.length === 0) {
      const opened = await unlessDamaged(place, () => openUnchecked(place, release));
      if (typeof opened !== 'string') return { store: opened, unopened: undefined, damage, isPartial: false };
      return { ...(await openCopy(place, damage, true, release)), unopened: opened };
    }
    const isUnlisted = damage.some(({ kind }) => kind === 'list');
    return {
      ...(await openCopy(place, damage, isUnlisted, release)),
      unopened: damageError(place, damage).message,
    };
  });
}

/** `toRepair`: by LevelDB, which makes a new list of all that is there. It tells nobody what it leaves out. */
async function openCopy(
  place: string,
  damage: readonly FileDamage[],
  toRepair: boolean,
  release: () => void,
): Promise<Omit<StoreView, 'unopened'>> {
  const copy = `${place}.view`;
  const remove = () => rm(copy, { recursive: true, force: true });
  const onClosed = async () => {
    await remove();
    release();
  };
  try {
    await remove();
    await mkdir(copy);
    const { isListed, isWhole } = await fill(copy, place, damage);
    const opened =
      toRepair || !isListed ? undefined : await unlessDamaged(place, () => openUnchecked(copy, onClosed));
    if (opened !== undefined && typeof opened !== 'string')
      return { store: opened, damage, isPartial: !isWhole };
    await ClassicLevel.repair(copy);
    return { store: await openUnchecked(copy, onClosed), damage, isPartial: true };
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
}

interface Filled {
  /** The list of files is right for what is there. */
  readonly isListed: boolean;
  /** Whoever reads what is lost is told so. */
  readonly isWhole: boolean;
}

async function fill(copy: string, place: string, damage: readonly FileDamage[]): Promise<Filled> {
  let isListed = true;
  let isWhole = damage.every(({ kind }) => kind === 'table');
  for (const name of await readdir(place)) {
    const [from, to] = [join(place, name), join(copy, name)];
    const found = damage.find(({ file, kind }) => file === name && kind === 'table');
    if (found !== undefined) {
      const content = await readFile(from).catch(() => new Uint8Array(0));
      const mended = mendTable(content, found.bytes);
      if (mended !== undefined) await writeFile(to, mended.bytes);
      isListed &&= mended?.bytes.length === found.bytes;
      isWhole &&= mended?.isWhole === true;
    } else if (name.endsWith('.ldb') || name === 'LOCK') {
      // With the lock file in common, to have the copy open is to have the lock of the store.
      await link(from, to).catch(() => copyFile(from, to));
    } else if (/^(?:CURRENT|MANIFEST-\d+|\d+\.log)$/.test(name)) await copyFile(from, to);
  }
  return { isListed, isWhole };
}

/** What it opened, or why it is damaged. */
async function unlessDamaged<T>(place: string, open: () => Promise<T>): Promise<T | string> {
  try {
    return await open();
  } catch (error) {
    const failed = toStoreError(error, place);
    if (isAverError(failed, 'STORE_CORRUPT')) return failed.message;
    throw failed;
  }
}
