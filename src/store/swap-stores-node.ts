/** A rebuilt store takes the place of a damaged one, which is kept aside; one at a time. */
import { access, rename, rm } from 'node:fs/promises';
import { assertUnlocked } from './leveldb.ts';
import { toStoreError } from './leveldb-error.ts';

/** Where a store is rebuilt. */
export function rebuiltPlace(place: string): string {
  return `${place}.new`;
}

/** Where the damaged one is kept, until the next is. */
export function damagedPlace(place: string): string {
  return `${place}.damaged`;
}

/**
 * Nobody may have either open. Throws `STORE_LOCKED` when somebody opened the old one at the last moment:
 * then everything is as it was.
 */
export async function swapStores(place: string): Promise<void> {
  const aside = damagedPlace(place);
  try {
    await rm(aside, { recursive: true, force: true });
    await rename(place, aside);
    try {
      await assertUnlocked(aside);
    } catch (error) {
      await rename(aside, place);
      throw error;
    }
    await finishSwap(place);
  } catch (error) {
    throw toStoreError(error, place);
  }
}

/** Puts the rebuilt store where it belongs, if a process ended between the two steps of the swap. */
export async function finishSwap(place: string): Promise<void> {
  if ((await exists(place)) || !(await exists(rebuiltPlace(place)))) return;
  await rename(rebuiltPlace(place), place);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
