/**
 * Records in IndexedDB, for one writer at a time. Writers are numbered, and each has keys of its own in the
 * log, which it uses one after the other: every transaction that writes adds a row there. Opening takes
 * the next key of the writer before, so that nothing which that one hands over later goes through.
 *
 * The browser checks that by itself, at no cost: every transaction is handed over whole, so that a tab
 * that stops in the middle of one does not hold up the tab that takes over.
 */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Change, Found, Records } from './lsm/records.ts';

const LOG = 'log';
const RECORDS = 'records';
const META = 'meta';
/** Keys of META: the manifest, the number of the last writer, and the key of the first row of the log that counts. */
const MANIFEST = 'manifest';
const WRITER = 'writer';
const FIRST = 'first';
/** Keys in the log of one writer. Those below are of the version before, which had no such numbers. */
const KEYS_EACH = 2 ** 32;
/** A row of the log that holds no record: only its key counts. */
const NO_RECORD = new Uint8Array(0);

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
  for (const name of [LOG, RECORDS, META]) db.createObjectStore(name);
}

/** The version before had the fence in META. Whoever wrote with it must have let go of the database. */
export function removeOldFence(transaction: IDBTransaction): void {
  const meta = transaction.objectStore(META);
  // All numbers, and no other keys.
  meta.delete(IDBKeyRange.upperBound(Number.POSITIVE_INFINITY));
  meta.delete(WRITER);
}

/** Takes over from whoever wrote before, and reads what they left, in one transaction. */
export async function takeOver(db: IDBDatabase, end: ConnectionEnd): Promise<Found> {
  const transaction = db.transaction([LOG, META], 'readwrite');
  const done = doneOf(transaction);
  done.catch(() => undefined);
  const [log, meta] = [transaction.objectStore(LOG), transaction.objectStore(META)];
  const [manifest, before = 0, first = 0] = await Promise.all([
    resultOf<Uint8Array | undefined>(meta.get(MANIFEST)),
    resultOf<number | undefined>(meta.get(WRITER)),
    resultOf<number | undefined>(meta.get(FIRST)),
  ]);
  const counting = IDBKeyRange.lowerBound(first);
  const [keys, rows] = await Promise.all([
    resultOf(log.getAllKeys(counting) as IDBRequest<number[]>),
    resultOf<Uint8Array[]>(log.getAll(counting)),
  ]);
  const last = keys.at(-1) ?? -1;
  const fence = Math.max(last + 1, before * KEYS_EACH);
  log.add(NO_RECORD, fence);
  // Of each writer that was taken over the last row is its fence.
  const fences = keys.filter((key, i) => writerOf(key) !== writerOf(keys[i + 1] ?? fence));
  fences.push(fence);
  const tooOld = Math.min(first - 1, (before - limits.storeWritersFenced) * KEYS_EACH);
  log.delete(IDBKeyRange.upperBound(tooOld));
  meta.put(before + 1, WRITER);
  transaction.commit();
  await done;
  const records = new IndexedDbRecords({ db, writer: before + 1, first, fences, end });
  return { records, manifest, log: rows.filter((record) => record.length > 0) };
}

function writerOf(key: number): number {
  return Math.floor(key / KEYS_EACH);
}

interface Taken {
  readonly db: IDBDatabase;
  readonly writer: number;
  /** Key of the first row of the log that counts. */
  readonly first: number;
  /** Keys of fences from there on. */
  readonly fences: readonly number[];
  readonly end: ConnectionEnd;
}

class IndexedDbRecords implements Records {
  readonly #db: IDBDatabase;
  readonly #end: ConnectionEnd;
  readonly #turns = new MessageChannel();
  readonly #waiting: (() => void)[] = [];
  #readable: IDBObjectStore | undefined;
  #first: number;
  #fences: readonly number[];
  /** Key of the last row. */
  #last: number;
  #isLastEmpty = false;
  #committing: Promise<void> = Promise.resolve();

  constructor({ db, writer, first, fences, end }: Taken) {
    this.#db = db;
    this.#first = first;
    this.#fences = fences;
    this.#last = writer * KEYS_EACH - 1;
    this.#end = end;
    this.#turns.port1.onmessage = () => this.#waiting.shift()?.();
  }

  get failure(): AverError | undefined {
    return this.#end.error;
  }

  /** One after the other: a key that was passed over would be one behind the fence. */
  commit(change: Change, durable: boolean): Promise<void> {
    const committed = this.#committing.then(() => this.#try(() => this.#commit(change, durable)));
    this.#committing = committed.catch(() => undefined);
    return committed;
  }

  async #commit(change: Change, durable: boolean): Promise<void> {
    const { log = NO_RECORD, clearLog = false, manifest } = change;
    // A change of the log alone leaves those alone who read tables.
    const names = change.put || change.remove || manifest || clearLog ? [LOG, RECORDS, META] : [LOG];
    const transaction = this.#db.transaction(names, 'readwrite', {
      durability: durable ? 'strict' : 'relaxed',
    });
    const rows = transaction.objectStore(LOG);
    const key = this.#last + 1;
    // Only a strict transaction that writes takes what was written before it to the disk: this row does that, too.
    const row = rows.add(log, key);
    let isFenced = false;
    row.onerror = () => {
      isFenced = row.error?.name === 'ConstraintError';
    };
    if (clearLog) this.#clearLog(transaction, key);
    else if (this.#isLastEmpty) rows.delete(this.#last);
    applyToTables(transaction, change);
    transaction.commit();
    await doneOf(transaction).catch((error) => {
      throw isFenced ? new AverError('STORE_FENCED', 'Another tab writes to this store now.') : error;
    });
    this.#last = key;
    this.#isLastEmpty = log.length === 0;
    if (!clearLog) return;
    this.#first = key;
    this.#fences = [];
  }

  /** All rows before this one, but not the fences: the tabs that they are for may still wake up. */
  #clearLog(transaction: IDBTransaction, key: number): void {
    const rows = transaction.objectStore(LOG);
    rows.delete(IDBKeyRange.bound(this.#first, key, false, true));
    for (const fence of this.#fences.slice(-limits.storeWritersFenced)) rows.add(NO_RECORD, fence);
    transaction.objectStore(META).put(key, FIRST);
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

function applyToTables(transaction: IDBTransaction, { put = [], remove = [], manifest }: Change): void {
  for (const [number, record] of put) transaction.objectStore(RECORDS).put(record, number);
  for (const [from, to] of remove) transaction.objectStore(RECORDS).delete(IDBKeyRange.bound(from, to));
  if (manifest !== undefined) transaction.objectStore(META).put(manifest, MANIFEST);
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
