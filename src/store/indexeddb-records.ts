/**
 * Records in IndexedDB, for one writer at a time. Writers are numbered; opening puts a row under the
 * number of the one before, and each transaction that writes begins by adding that row for its own
 * writer, which fails when it is there.
 *
 * The browser checks that by itself: every transaction is handed over whole, so that a tab that stops
 * in the middle of one does not hold up the tab that takes over.
 */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Change, Found, Records } from './lsm/records.ts';

const LOG = 'log';
const RECORDS = 'records';
const META = 'meta';
/** Keys of META, beside the numbers of writers that were taken over. */
const MANIFEST = 'manifest';
const FLUSHED = 'flushed';

/** Why the browser ended the connection, once it has. */
export class ConnectionEnd {
  readonly #tell: (why: AverError) => void;
  error: AverError | undefined;

  constructor(tell: (why: AverError) => void = () => undefined) {
    this.#tell = tell;
  }

  /** The first reason counts. */
  because(why: AverError): void {
    if (this.error !== undefined) return;
    this.error = why;
    this.#tell(why);
  }
}

export function createObjectStores(db: IDBDatabase): void {
  db.createObjectStore(LOG, { autoIncrement: true });
  db.createObjectStore(RECORDS);
  db.createObjectStore(META);
}

/** Takes over from whoever wrote before, and reads what they left, in one transaction. */
export async function takeOver(db: IDBDatabase, end: ConnectionEnd): Promise<Found> {
  const transaction = db.transaction([LOG, META], 'readwrite');
  const meta = transaction.objectStore(META);
  const manifest = resultOf<Uint8Array | undefined>(meta.get(MANIFEST));
  const log = resultOf<Uint8Array[]>(transaction.objectStore(LOG).getAll());
  // All numbers, and no other keys.
  const numbers = IDBKeyRange.upperBound(Number.POSITIVE_INFINITY);
  const newestFenced = meta.openKeyCursor(numbers, 'prev');
  let writer = 0;
  newestFenced.onsuccess = () => {
    const before = ((newestFenced.result?.key as number | undefined) ?? 0) + 1;
    writer = before + 1;
    meta.put(0, before);
    meta.delete(IDBKeyRange.upperBound(before - limits.storeWritersFenced));
    // Tabs of the version before look for a row of their own.
    meta.delete('writer');
    transaction.commit();
  };
  await Promise.all([manifest, log, doneOf(transaction)]);
  return { records: new IndexedDbRecords(db, writer, end), manifest: await manifest, log: await log };
}

class IndexedDbRecords implements Records {
  readonly #db: IDBDatabase;
  readonly #writer: number;
  readonly #end: ConnectionEnd;
  readonly #turns = new MessageChannel();
  readonly #waiting: (() => void)[] = [];
  #readable: IDBObjectStore | undefined;

  constructor(db: IDBDatabase, writer: number, end: ConnectionEnd) {
    this.#db = db;
    this.#writer = writer;
    this.#end = end;
    this.#turns.port1.onmessage = () => this.#waiting.shift()?.();
  }

  get failure(): AverError | undefined {
    return this.#end.error;
  }

  commit(change: Change, durable: boolean): Promise<void> {
    return this.#try(() => this.#commit(change, durable));
  }

  #commit(change: Change, durable: boolean): Promise<void> {
    // A change of the log alone leaves those alone who read tables.
    const names = change.put || change.remove ? [LOG, RECORDS, META] : [LOG, META];
    const transaction = this.#db.transaction(names, 'readwrite', {
      durability: durable ? 'strict' : 'relaxed',
    });
    const meta = transaction.objectStore(META);
    let isFenced = false;
    const fence = meta.add(0, this.#writer);
    fence.onerror = () => {
      isFenced = fence.error?.name === 'ConstraintError';
    };
    meta.delete(this.#writer);
    apply(transaction, change, durable);
    transaction.commit();
    return doneOf(transaction).catch((error) => {
      throw isFenced ? new AverError('STORE_FENCED', 'Another tab writes to this store now.') : error;
    });
  }

  read(numbers: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#try(() => {
      const store = this.#reading();
      return Promise.all(numbers.map((number) => resultOf(store.get(number))));
    });
  }

  /** One transaction for all that is asked for at once: a scan looks into every table. */
  #reading(): IDBObjectStore {
    if (this.#readable === undefined) {
      this.#readable = this.#db.transaction(RECORDS).objectStore(RECORDS);
      queueMicrotask(() => {
        this.#readable?.transaction.commit();
        this.#readable = undefined;
      });
    }
    return this.#readable;
  }

  /** A message to itself: unlike a timer it is not slowed down in a tab that nobody looks at. */
  pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#turns.port2.postMessage(undefined);
    });
  }

  close(): void {
    this.#turns.port1.close();
    this.#db.close();
  }

  async #try<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.failure !== undefined) throw this.failure;
    try {
      return await action();
    } catch (error) {
      throw this.failure ?? toStoreError(error);
    }
  }
}

function doneOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function apply(transaction: IDBTransaction, change: Change, durable: boolean): void {
  const { log, clearLog, put = [], remove = [], manifest } = change;
  if (clearLog) transaction.objectStore(LOG).clear();
  if (log !== undefined) transaction.objectStore(LOG).add(log);
  for (const [number, record] of put) transaction.objectStore(RECORDS).put(record, number);
  for (const [from, to] of remove) transaction.objectStore(RECORDS).delete(IDBKeyRange.bound(from, to));
  if (manifest !== undefined) transaction.objectStore(META).put(manifest, MANIFEST);
  // Only a strict transaction that writes takes what was written before it to the disk.
  if (durable && log === undefined) transaction.objectStore(META).put(0, FLUSHED);
}

export function toStoreError(error: unknown): AverError {
  if (error instanceof AverError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
  if (name === 'QuotaExceededError') {
    // Chromium gives no message of its own.
    const why = message === '' ? '.' : `: ${message}`;
    return new AverError('STORE_FULL', `The browser gives this page no more storage${why}`, { cause: error });
  }
  return new AverError('STORE_FAILED', `IndexedDB failed: ${name} ${message}`, { cause: error });
}
