/**
 * The Store port over IndexedDB, for browsers: a log-structured store (lsm), because IndexedDB is slow by
 * the row and fast by the record.
 *
 * Several tabs may open one store, but only the one that opened it last can write. So a tab that was
 * frozen and taken over cannot write on when it wakes up; what it still reads is as of its time, or fails.
 */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { STORE_VERSION, versionError } from './batch.ts';
import { ConnectionEnd, createObjectStores, removeOldFence, takeOver } from './indexeddb-records.ts';
import { toStoreError } from './indexeddb-requests.ts';
import { openLogStore } from './lsm/log-store.ts';
import type { Sizes } from './lsm/sizes.ts';

/** Of the layout in IndexedDB: ahead of that of the rows, since it changed twice when that did not. */
export const DATABASE_VERSION = STORE_VERSION + 2;

export interface IndexedDbOptions {
  /** Database name: one store per profile. */
  readonly name: string;
  /** Called when the browser ends the store: it was deleted, or a newer version of the program has it. */
  readonly onEnd?: (why: AverError) => void;
  /** Other bounds than the usual ones, for tests. */
  readonly sizes?: Sizes;
}

/**
 * Opens the store and fences off whoever wrote before. Throws `NO_STORAGE` where the browser allows no
 * IndexedDB, `STORE_VERSION`, `STORE_LOCKED` when a sleeping tab holds up a change of version,
 * `STORE_FULL`, `STORE_CORRUPT`, `STORE_FAILED`.
 */
export async function openIndexedDb({ name, onEnd, sizes }: IndexedDbOptions): Promise<Store> {
  const end = new ConnectionEnd(onEnd);
  const db = await connect(name, end);
  try {
    return openLogStore(await takeOver(db, end), sizes);
  } catch (error) {
    db.close();
    throw end.error ?? toStoreError(error);
  }
}

async function connect(name: string, end: ConnectionEnd): Promise<IDBDatabase> {
  if (globalThis.indexedDB === undefined) {
    throw new AverError('NO_STORAGE', 'This browser offers no IndexedDB here.');
  }
  return withDeadline(openDatabase(name, end), name).catch((error) => {
    throw end.error ?? toOpenError(error, name);
  });
}

function openDatabase(name: string, end: ConnectionEnd): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, DATABASE_VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion === 0) return createObjectStores(request.result);
      if (oldVersion === DATABASE_VERSION - 1) return removeOldFence(request.transaction as IDBTransaction);
      end.because(versionError(name, oldVersion, DATABASE_VERSION));
      request.transaction?.abort();
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      db.onversionchange = ({ newVersion }) => {
        db.close();
        end.because(
          newVersion === null
            ? new AverError('STORE_GONE', 'The data of this site was deleted.')
            : new AverError(
                'STORE_VERSION',
                'Another tab runs a newer version of Aver and has the store now; reload this page to go on.',
              ),
        );
      };
      db.onclose = () => {
        end.because(
          new AverError('STORE_GONE', 'The browser closed the store, as when site data is deleted.'),
        );
      };
      resolve(db);
    };
  });
}

/** A change of version or a deletion waits until all tabs have let go: those that sleep never do. */
function withDeadline(opening: Promise<IDBDatabase>, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.setTimer(limits.storeOpenTimeoutMs, () => {
      reject(new AverError('STORE_LOCKED', `Another tab holds the store ${name}; close it.`));
      opening.then((db) => db.close()).catch(() => undefined);
    });
    opening.then(resolve, reject).finally(cancel);
  });
}

function toOpenError(error: unknown, name: string): unknown {
  if (error instanceof DOMException) {
    if (error.name === 'VersionError') return versionError(name, undefined, DATABASE_VERSION);
    // Private windows and blocked site data.
    if (['SecurityError', 'InvalidStateError', 'NotAllowedError'].includes(error.name)) {
      return new AverError('NO_STORAGE', `The browser refused IndexedDB: ${error.message}`, { cause: error });
    }
  }
  return toStoreError(error);
}
