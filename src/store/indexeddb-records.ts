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
import { abort, doneOf, resultOf, toStoreError } from './indexeddb-requests.ts';
import type { Change, Found, Records } from './lsm/records.ts';

const LOG = 'log';
const RECORDS = 'records';
const META = 'meta';
/** Keys of META: the manifest, the number of the last writer, and the key of the first row of the log that counts. */
const MANIFEST = 'manifest';
const WRITER = 'writer';
const FIRST = 'first';
/**
 * Keys in the log of one writer: more than it can use, and more writers than a profile can have before keys reach
 * 2⁵³. Those of the first are of the version before, which had no such numbers.
 */
const KEYS_EACH = 2 ** 31;
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
  const [manifest, before = 0, first = 0, keys, values] = await Promise.all([
    resultOf<Uint8Array | undefined>(meta.get(MANIFEST)),
    resultOf<number | undefined>(meta.get(WRITER)),
    resultOf<number | undefined>(meta.get(FIRST)),
    resultOf(log.getAllKeys() as IDBRequest<number[]>),
    resultOf<Uint8Array[]>(log.getAll()),
  ]);
  const rows = keys.map((key, i) => ({ key, record: values[i] ?? NO_RECORD }));
  const next = Math.max((keys.at(-1) ?? -1) + 1, before * KEYS_EACH);
  // Nothing else is handed over before the fence stands: see `goesOnAfterFailure`.
  await resultOf(log.add(NO_RECORD, next));
  // A row without a record may be the fence of an earlier writer.
  const fences = [...rows.filter(({ record }) => record.length === 0).map(({ key }) => key), next];
  for (const key of fences.splice(0, fences.length - limits.storeWritersFenced))
    await resultOf(log.delete(key));
  const writer = before + 1;
  await resultOf(meta.put(writer, WRITER));
  transaction.commit();
  await done;
  const kept = rows.filter(({ key, record }) => key >= first && record.length > 0);
  const goesOn = await goesOnAfterFailure(db, next);
  const records = new IndexedDbRecords({ db, writer, first, fences, goesOn, end });
  return { records, manifest, log: kept.map(({ record }) => record) };
}

/**
 * Whether the browser goes on with a transaction of which a request failed that is not the last one: Firefox does
 * (153). It commits the rest when it was told to commit; and what it still does after a request that found no
 * room, it does outside of the transaction, so that an abort does not take it back. There each request has to
 * succeed before the next one is made.
 */
async function goesOnAfterFailure(db: IDBDatabase, takenKey: number): Promise<boolean> {
  const transaction = db.transaction(LOG, 'readwrite', { durability: 'relaxed' });
  const rows = transaction.objectStore(LOG);
  rows.add(NO_RECORD, takenKey);
  rows.count(takenKey);
  transaction.commit();
  return new Promise((resolve) => {
    transaction.oncomplete = () => resolve(true);
    transaction.onabort = () => resolve(false);
  });
}

interface Taken {
  readonly db: IDBDatabase;
  readonly writer: number;
  /** Key of the first row of the log that counts. */
  readonly first: number;
  /** Keys of the fences that stay. */
  readonly fences: readonly number[];
  /** Of a transaction of which a request failed, the rest may be committed. */
  readonly goesOn: boolean;
  readonly end: ConnectionEnd;
}

class IndexedDbRecords implements Records {
  readonly #db: IDBDatabase;
  readonly #end: ConnectionEnd;
  readonly #turns = new MessageChannel();
  readonly #waiting: (() => void)[] = [];
  #readable: IDBObjectStore | undefined;
  readonly #writer: number;
  readonly #goesOn: boolean;
  #first: number;
  #fences: readonly number[];
  /** Key of the last row. */
  #last: number;
  #isLastEmpty = false;
  #committing: Promise<void> = Promise.resolve();

  constructor({ db, writer, first, fences, goesOn, end }: Taken) {
    this.#db = db;
    this.#writer = writer;
    this.#goesOn = goesOn;
    this.#first = first;
    // Those before are not in what is cleared.
    this.#fences = fences.filter((key) => key >= first);
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
    try {
      await this.#handOver(change, durable);
    } catch (error) {
      // In Firefox the first transaction after one that found no room is over before it begins.
      const isOver = error instanceof DOMException && error.name === 'InvalidStateError';
      if (!isOver || this.failure !== undefined) throw error;
      await this.#handOver(change, durable);
    }
  }

  async #handOver(change: Change, durable: boolean): Promise<void> {
    const { log = NO_RECORD, clearLog = false, put, remove, manifest } = change;
    const key = this.#last + 1;
    if (key >= (this.#writer + 1) * KEYS_EACH)
      throw new AverError('STORE_FAILED', 'The log has no more keys.');
    // A change of the log alone leaves those alone who read tables.
    const isLogAlone = !(put || remove || manifest || clearLog);
    const transaction = this.#db.transaction(isLogAlone ? LOG : [LOG, RECORDS, META], 'readwrite', {
      durability: durable ? 'strict' : 'relaxed',
    });
    const done = doneOf(transaction);
    done.catch(() => undefined);
    const requests = [
      ...this.#logRequests(transaction, key, log, clearLog),
      ...tableRequests(transaction, change),
    ];
    try {
      if (this.#goesOn && requests.length > 1) for (const request of requests) await resultOf(request());
      else {
        for (const request of requests) request();
        transaction.commit();
      }
      await done;
    } catch (error) {
      abort(transaction);
      // The only requests that may find their key taken are those that add the row of this change.
      const isFenced = error instanceof DOMException && error.name === 'ConstraintError';
      throw isFenced ? new AverError('STORE_FENCED', 'Another tab writes to this store now.') : error;
    }
    this.#last = key;
    this.#isLastEmpty = log.length === 0;
    if (!clearLog) return;
    this.#first = key;
    this.#fences = [];
  }

  /**
   * The row of this change comes first: it finds its key taken once somebody took over. There is one also where
   * nothing is logged, because only a strict transaction that writes takes to the disk what was written before it.
   */
  #logRequests(
    transaction: IDBTransaction,
    key: number,
    log: Uint8Array,
    clearLog: boolean,
  ): (() => IDBRequest)[] {
    const rows = transaction.objectStore(LOG);
    const requests: (() => IDBRequest)[] = [() => rows.add(log, key)];
    if (clearLog) {
      // All rows before this one, but not the fences: the tabs that they are for may still wake up.
      requests.push(() => rows.delete(IDBKeyRange.bound(this.#first, key, false, true)));
      for (const fence of this.#fences) requests.push(() => rows.put(NO_RECORD, fence));
      requests.push(() => transaction.objectStore(META).put(key, FIRST));
    } else if (this.#isLastEmpty) requests.push(() => rows.delete(this.#last));
    return requests;
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

function* tableRequests(
  transaction: IDBTransaction,
  { put = [], remove = [], manifest }: Change,
): Iterable<() => IDBRequest> {
  for (const [number, record] of put) yield () => transaction.objectStore(RECORDS).put(record, number);
  for (const [from, to] of remove)
    yield () => transaction.objectStore(RECORDS).delete(IDBKeyRange.bound(from, to));
  if (manifest !== undefined) yield () => transaction.objectStore(META).put(manifest, MANIFEST);
}
