/**
 * The Store port as a log-structured merge tree over records (decision 9). A batch is one record at the
 * end of a log, and its rows go into a sorted table in memory. When that is large, it becomes a table
 * on disk, and the log starts anew; tables are merged behind everybody's back, in small steps.
 */
import { compareBytes } from '../../base/bytes.ts';
import { isAverError, toAverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Store, StoreOp, StoreRange } from '../../base/ports.ts';
import { closedError } from '../batch.ts';
import { WriteQueue } from '../write-queue.ts';
import { Block, packBlock } from './block.ts';
import { MemTable } from './mem-table.ts';
import type { Found, Records } from './records.ts';
import { type Sizes, usualSizes } from './sizes.ts';
import { TableSet } from './table-set.ts';
import { decodeManifest } from './tables.ts';

type Row = readonly [key: Uint8Array, value: Uint8Array];

/** Rows of the first page of a range: most readers want few. */
const FIRST_PAGE_ROWS = 64;
/** Keys looked up together: bounds the blocks that are held for them. */
const KEYS_AT_ONCE = 256;

/** Throws `STORE_CORRUPT`. */
export function openLogStore(found: Found, sizes = usualSizes): Store {
  return new LogStore(found, sizes);
}

class LogStore implements Store {
  readonly #records: Records;
  readonly #sizes: Sizes;
  readonly #tables: TableSet;
  readonly #queue: WriteQueue;
  #memory = new MemTable();
  #merging: Promise<void> | undefined;
  #isClosed = false;

  constructor({ records, manifest, log }: Found, sizes: Sizes) {
    this.#records = records;
    this.#sizes = sizes;
    this.#tables = new TableSet(records, decodeManifest(manifest), sizes);
    this.#queue = new WriteQueue((ops, durable) => this.#writeGroup(ops, durable), toAverError);
    for (const record of log) this.#memory.apply(new Block(record));
    this.#merge();
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0];
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const rows = await this.#try(() => this.#find(keys.slice(at, at + KEYS_AT_ONCE)));
      for (const row of rows) values.push(row?.value?.slice());
    }
    if (this.#isClosed) throw closedError();
    return values;
  }

  async *range(range: StoreRange): AsyncGenerator<Row> {
    let { gte, lt } = range;
    const { reverse = false } = range;
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    let rows = FIRST_PAGE_ROWS;
    while (left > 0) {
      const bounds = { gte, lt, reverse };
      const page = await this.#try(() => this.#page(bounds, Math.min(left, rows)));
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      left -= page.length;
      rows = Math.min(4 * rows, limits.storePageRowsMax);
      if (reverse) lt = last[0];
      else gte = after(last[0]);
    }
  }

  write(batch: readonly StoreOp[], options: { readonly durable: boolean }): Promise<void> {
    return this.#queue.write(batch, options.durable);
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#queue.close();
    await this.#merging;
    this.#records.close();
  }

  async #find(keys: readonly Uint8Array[]): Promise<(StoreOp | undefined)[]> {
    const found = keys.map((key) => this.#memory.find(key));
    const open = keys.filter((_, i) => found[i] === undefined);
    if (open.length === 0) return found;
    const rows = await this.#tables.find(open);
    let next = 0;
    return found.map((row) => row ?? rows[next++]);
  }

  #page(bounds: { gte: Uint8Array; lt: Uint8Array; reverse: boolean }, rowsMax: number): Promise<Row[]> {
    if (compareBytes(bounds.gte, bounds.lt) >= 0) return Promise.resolve([]);
    return this.#tables.scan(this.#memory, bounds, async (cursor) => {
      const rows: Row[] = [];
      for (let bytes = 0; bytes < limits.storePageBytes && rows.length < rowsMax; ) {
        const { key, value } = cursor;
        if (key === undefined) break;
        if (value !== undefined) {
          rows.push([key.slice(), value.slice()]);
          bytes += key.length + value.length;
        }
        const wait = cursor.next();
        if (wait !== undefined) await wait;
      }
      return rows;
    });
  }

  async #writeGroup(ops: readonly StoreOp[], durable: boolean): Promise<void> {
    if (ops.length === 0) {
      if (durable) await this.#records.commit({}, true);
      return;
    }
    await this.#makeRoom();
    const log = packBlock(ops);
    await this.#records.commit({ log }, durable);
    this.#memory.apply(new Block(log));
  }

  /** Memory, log and number of tables are bounded: whoever writes faster than that waits. */
  async #makeRoom(): Promise<void> {
    const { storeMemoryBytes, storeTablesMax } = this.#sizes;
    if (this.#memory.bytes < storeMemoryBytes) return;
    try {
      while (this.#tables.count >= storeTablesMax && (await this.#tables.mergeStep()));
      await this.#tables.add(this.#memory);
      this.#memory = new MemTable();
      this.#merge();
    } catch (error) {
      // A table needs more room than the next batch, which may be a deletion that makes some.
      if (this.#memory.bytes >= 2 * storeMemoryBytes || isAverError(error, 'STORE_FENCED')) throw error;
    }
  }

  #merge(): void {
    this.#merging ??= this.#mergeAll().finally(() => {
      this.#merging = undefined;
    });
  }

  async #mergeAll(): Promise<void> {
    try {
      while (!this.#isClosed && (await this.#tables.mergeStep())) await this.#records.pause();
    } catch {
      // Nothing is lost: a full disk, a damaged record, a tab that took over are told to whoever reads or
      // writes next. The next table tries again.
    }
  }

  async #try<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw closedError();
    // What is in memory could still be read, but nothing would come of it.
    if (this.#records.failure !== undefined) throw this.#records.failure;
    try {
      return await action();
    } catch (error) {
      throw this.#isClosed ? closedError() : error;
    }
  }
}

/** The first key above. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
