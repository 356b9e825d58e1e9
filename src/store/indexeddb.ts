/**
 * The Store port over IndexedDB, for browsers.
 *
 * IndexedDB orders binary keys as unsigned bytes, which is the order that the port asks for. Several
 * tabs may open one store, but only the one that opened it last for writing can write: opening puts a
 * token into the store, and every write transaction checks that it is still there. So a tab that was
 * frozen and taken over cannot write on when it wakes up.
 */
import { type IDBPDatabase, openDB, unwrap } from 'idb';
import { bytesToHex, compareBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Random, Store, StoreOp, StoreRange } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { closedError, STORE_VERSION, versionError } from './batch.ts';
import { readRange } from './indexeddb-range.ts';
import { WriteQueue } from './write-queue.ts';

const ROWS = 'rows';
const META = 'meta';
/** Keys of META. */
const WRITER = 'writer';
const FLUSHED = 'flushed';

export interface IndexedDbOptions {
  /** Database name: one store per profile. */
  readonly name: string;
  readonly random: Random;
  /** For tabs that follow the one that writes: takes nothing over, and every write throws `STORE_FENCED`. */
  readonly readOnly?: boolean;
}

/**
 * Opens the store and, unless `readOnly`, fences off whoever wrote before. Throws `NO_STORAGE` where
 * the browser allows no IndexedDB, `STORE_VERSION`, `STORE_LOCKED` when a sleeping tab holds up a
 * change of version, `STORE_FULL`, `STORE_FAILED`.
 */
export async function openIndexedDb(options: IndexedDbOptions): Promise<Store> {
  const { name, random, readOnly = false } = options;
  const end: ConnectionEnd = { error: undefined };
  const db = await connect(name, end);
  const token = readOnly ? undefined : bytesToHex(random.bytes(16));
  if (token !== undefined) {
    try {
      await db.put(META, token, WRITER);
    } catch (error) {
      db.close();
      throw toStoreError(error);
    }
  }
  return new IndexedDbStore(db, token, end);
}

/** Why the browser ended the connection, once it has. */
interface ConnectionEnd {
  error: AverError | undefined;
}

async function connect(name: string, end: ConnectionEnd): Promise<IDBPDatabase> {
  if (globalThis.indexedDB === undefined) {
    throw new AverError('NO_STORAGE', 'This browser offers no IndexedDB here.');
  }
  const opening = openDB(name, STORE_VERSION, {
    upgrade(db) {
      db.createObjectStore(ROWS);
      db.createObjectStore(META);
    },
    blocking(_current, next, event) {
      end.error =
        next === null ? new AverError('STORE_FAILED', 'The store was deleted.') : versionError(name, next);
      (event.target as IDBDatabase).close();
    },
    terminated() {
      end.error = new AverError('STORE_FAILED', 'The browser closed the store.');
    },
  });
  return withDeadline(opening, name).catch((error) => {
    throw toOpenError(error, name);
  });
}

/** A change of version or a deletion waits until all tabs have let go: those that sleep never do. */
function withDeadline(opening: Promise<IDBPDatabase>, name: string): Promise<IDBPDatabase> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.setTimer(limits.storeOpenTimeoutMs, () => {
      reject(new AverError('STORE_LOCKED', `Another tab holds the store ${name}; close it.`));
      opening.then((db) => db.close()).catch(() => undefined);
    });
    opening.then(resolve, reject).finally(cancel);
  });
}

class IndexedDbStore implements Store {
  readonly #db: IDBPDatabase;
  readonly #token: string | undefined;
  readonly #end: ConnectionEnd;
  readonly #queue = new WriteQueue((ops, durable) => this.#writeGroup(ops, durable), toStoreError);
  #isClosed = false;

  constructor(db: IDBPDatabase, token: string | undefined, end: ConnectionEnd) {
    this.#db = db;
    this.#token = token;
    this.#end = end;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#try(() => this.#db.get(ROWS, key as BufferSource));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#try(() => {
      const { store } = this.#db.transaction(ROWS);
      return Promise.all(keys.map((key) => store.get(key as BufferSource)));
    });
  }

  async *range(range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    if (compareBytes(range.gte, range.lt) >= 0) return;
    const pages = readRange(() => unwrap(this.#db).transaction(ROWS).objectStore(ROWS), range);
    for (;;) {
      const page = await this.#try(() => pages.next());
      if (page.done) return;
      yield* page.value;
    }
  }

  async write(batch: readonly StoreOp[], options: { readonly durable: boolean }): Promise<void> {
    if (this.#token === undefined) throw fencedError('This tab reads only.');
    await this.#queue.write(batch, options.durable);
  }

  flush(): Promise<void> {
    return this.write([], { durable: true });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#queue.close();
    this.#db.close();
  }

  async #writeGroup(ops: readonly StoreOp[], durable: boolean): Promise<void> {
    if (this.#end.error !== undefined) throw this.#end.error;
    const wrapped = this.#db.transaction([ROWS, META], 'readwrite', {
      durability: durable ? 'strict' : 'relaxed',
    });
    // Raw requests: the transaction alone says whether all went well. It cannot commit before the
    // token was looked at, for its requests are answered in order.
    const transaction = unwrap(wrapped);
    let isFenced = false;
    const reading = transaction.objectStore(META).get(WRITER);
    reading.onsuccess = () => {
      isFenced = reading.result !== this.#token;
      if (isFenced) transaction.abort();
    };
    try {
      addAll(transaction, ops);
    } catch (error) {
      // What cannot be stored (a detached buffer) throws at once; the ops before it must not stay.
      transaction.abort();
      await wrapped.done.catch(() => undefined);
      throw error;
    }
    await wrapped.done.catch((error) => {
      throw isFenced ? fencedError('Another tab writes to this store now.') : error;
    });
  }

  async #try<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw closedError();
    if (this.#end.error !== undefined) throw this.#end.error;
    try {
      return await action();
    } catch (error) {
      if (this.#isClosed && !(error instanceof AverError)) throw closedError();
      throw this.#end.error ?? toStoreError(error);
    }
  }
}

function addAll(transaction: IDBTransaction, ops: readonly StoreOp[]): void {
  const rows = transaction.objectStore(ROWS);
  for (const { key, value } of ops) {
    if (value === undefined) rows.delete(key as BufferSource);
    else rows.put(toOwnBytes(value), key as BufferSource);
  }
  // Only a strict transaction that writes takes what was written before it to the disk.
  if (ops.length === 0) transaction.objectStore(META).put(Date.now(), FLUSHED);
}

/** The bytes as an array without neighbours: a clone of a view would take its whole buffer along. */
function toOwnBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function fencedError(message: string): AverError {
  return new AverError('STORE_FENCED', message);
}

function toOpenError(error: unknown, name: string): unknown {
  if (error instanceof DOMException) {
    if (error.name === 'VersionError') return versionError(name);
    // Private windows and blocked site data.
    if (['SecurityError', 'InvalidStateError', 'NotAllowedError'].includes(error.name)) {
      return new AverError('NO_STORAGE', `The browser refused IndexedDB: ${error.message}`, { cause: error });
    }
  }
  return toStoreError(error);
}

function toStoreError(error: unknown): AverError {
  if (error instanceof AverError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
  if (name === 'QuotaExceededError') {
    return new AverError('STORE_FULL', `The browser gives this page no more storage: ${message}`, {
      cause: error,
    });
  }
  return new AverError('STORE_FAILED', `IndexedDB failed: ${name} ${message}`, { cause: error });
}
