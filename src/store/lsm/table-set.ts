/**
 * The tables of a store: reads over all of them, and the changes to their list, one at a time. Readers
 * take the list as it is; when a record of it is gone because a merge went on meanwhile, they begin again.
 */
import { compareBytes } from '../../base/bytes.ts';
import { Mutex } from '../../base/mutex.ts';
import type { StoreOp } from '../../base/ports.ts';
import { BlockReader, RecordGone } from './block-reader.ts';
import { type Bounds, type Cursor, MergedCursor } from './cursor.ts';
import type { MemTable } from './mem-table.ts';
import { type BuiltPart, PartBuilder } from './part-builder.ts';
import type { Change, Records } from './records.ts';
import { corruptError } from './seal.ts';
import type { Sizes } from './sizes.ts';
import { TableCursor } from './table-cursor.ts';
import {
  chooseMerge,
  encodeManifest,
  type Manifest,
  type Merge,
  type Part,
  recordOf,
  START,
  type Table,
} from './tables.ts';

/** Above every key: none is that long. */
const END = new Uint8Array(4097).fill(0xff);
const EVERYTHING: Bounds = { gte: START, lt: END, reverse: false };

export class TableSet {
  readonly #records: Records;
  readonly #sizes: Sizes;
  readonly #reader: BlockReader;
  readonly #changing = new Mutex();
  readonly #merging = new Mutex();
  #tables: readonly Table[];
  #nextPart: number;
  /** Rows handled since everything else had its turn, in bytes. */
  #sliceBytes = 0;

  constructor(records: Records, { nextPart, tables }: Manifest, sizes: Sizes) {
    this.#records = records;
    this.#sizes = sizes;
    this.#tables = tables;
    this.#nextPart = nextPart;
    this.#reader = new BlockReader(records, sizes.storeIndexCacheBytes, sizes.storeBlockCacheBytes);
  }

  get count(): number {
    return this.#tables.length;
  }

  /** The newest row of each key, deleted ones too. */
  find(keys: readonly Uint8Array[]): Promise<(StoreOp | undefined)[]> {
    return this.#reading(async (tables) => {
      const found: (StoreOp | undefined)[] = new Array(keys.length).fill(undefined);
      let open = keys.map((_, i) => i);
      for (const table of tables) {
        if (open.length === 0) break;
        const rows = await this.#reader.find(
          table,
          open.map((i) => keys[i] as Uint8Array),
        );
        for (const [at, i] of open.entries()) found[i] = rows[at];
        open = open.filter((i) => found[i] === undefined);
      }
      return found;
    });
  }

  /** What `read` makes of the rows of memory and all tables, deleted ones too. */
  scan<Result>(memory: MemTable, bounds: Bounds, read: (cursor: Cursor) => Promise<Result>): Promise<Result> {
    return this.#reading(async (tables) => read(await this.#open(memory.cursor(bounds), tables, bounds)));
  }

  /** Makes a table of what is in memory, in place of the log. */
  async add(memory: MemTable): Promise<void> {
    const cursor = memory.cursor(EVERYTHING);
    const built: BuiltPart[] = [];
    while (cursor.key !== undefined) {
      const part = await this.#build(cursor, this.#tables.length > 0);
      if (part !== undefined) built.push(part);
    }
    await this.#changing.run(async () => {
      const table = { parts: built.map(({ part }) => part), from: START, inputs: 0 };
      const tables = table.parts.length === 0 ? this.#tables : [table, ...this.#tables];
      await this.#commit(tables, { clearLog: true, put: built.flatMap(({ records }) => records) });
    });
  }

  /** One step of the most urgent merge. Returns whether there was one. */
  mergeStep(): Promise<boolean> {
    return this.#merging.run(async () => {
      const merge = chooseMerge(this.#tables, this.#sizes.storeMemoryBytes, this.#sizes.storeMergeWidth);
      if (merge === undefined) return false;
      const { at, inputs } = merge;
      const tables = this.#tables;
      // Nothing older is left for a deletion to hide.
      const keepDeleted = at + inputs < tables.length;
      const old = tables.slice(at, at + inputs);
      const { built, next } = await this.#reading(async () => {
        const cursor = await this.#open(undefined, old, { ...EVERYTHING, gte: old[0]?.from ?? START });
        return { built: await this.#build(cursor, keepDeleted), next: cursor.key?.slice() };
      });
      await this.#changing.run(() => this.#advance(merge, old, built, next));
      return true;
    });
  }

  /** Takes what was built of the old tables up to `next` into the list, in front of what is left of them. */
  #advance(
    merge: Merge,
    old: readonly Table[],
    built: BuiltPart | undefined,
    next: Uint8Array | undefined,
  ): Promise<void> {
    // Tables may have come in front of them meanwhile.
    const at = this.#tables.indexOf(old[0] as Table);
    const start = merge.isUnderWay ? at - 1 : at;
    const before = merge.isUnderWay ? (this.#tables[start] as Table).parts : [];
    const parts = built === undefined ? before : [...before, built.part];
    const rest = next === undefined ? [] : old.map((table) => restOf(table, next));
    const result = { parts, from: START, inputs: rest.length };
    const tables = [
      ...this.#tables.slice(0, start),
      ...(parts.length === 0 && rest.length === 0 ? [] : [result]),
      ...rest,
      ...this.#tables.slice(at + old.length),
    ];
    const kept = new Set(rest.flatMap((table) => table.parts));
    const gone = old.flatMap((table) => table.parts).filter((part) => !kept.has(part));
    return this.#commit(tables, { put: built?.records ?? [], remove: gone.map(spanOf) });
  }

  /** A part of the rows from the cursor on, which is left on the row after them. */
  async #build(cursor: Cursor, keepDeleted: boolean): Promise<BuiltPart | undefined> {
    const builder = new PartBuilder(this.#sizes.storeBlockBytes);
    while (builder.bytes < this.#sizes.storePartBytes) {
      const { key, value } = cursor;
      if (key === undefined) break;
      if (value !== undefined || keepDeleted) builder.add(key, value);
      const wait = cursor.next();
      if (wait !== undefined) await wait;
      this.#sliceBytes += key.length + (value?.length ?? 0);
      if (this.#sliceBytes >= this.#sizes.storeSliceBytes) {
        this.#sliceBytes = 0;
        await this.#records.pause();
      }
    }
    return builder.finish(this.#nextPart++);
  }

  async #open(memory: Cursor | undefined, tables: readonly Table[], bounds: Bounds): Promise<Cursor> {
    const ahead = this.#sizes.storeReadAheadBlocks;
    const opening = tables.map((table) => TableCursor.open(this.#reader, table, bounds, ahead));
    const cursors = await Promise.all(opening);
    return new MergedCursor(memory === undefined ? cursors : [memory, ...cursors], bounds.reverse);
  }

  async #commit(tables: readonly Table[], change: Change): Promise<void> {
    const manifest = encodeManifest({ nextPart: this.#nextPart, tables });
    // What is moved from log to table or from table to table is as durable as it was before: changes
    // reach the disk in order, whole.
    await this.#records.commit({ ...change, manifest }, false);
    this.#tables = tables;
  }

  async #reading<Result>(read: (tables: readonly Table[]) => Promise<Result>): Promise<Result> {
    for (;;) {
      const tables = this.#tables;
      try {
        return await read(tables);
      } catch (error) {
        if (!(error instanceof RecordGone)) throw error;
        await this.#changing.idle();
        if (tables !== this.#tables) continue;
        // Another writer took over and merged, or else it is lost.
        await this.#records.commit({}, false);
        throw corruptError('is missing');
      }
    }
  }
}

function restOf(table: Table, from: Uint8Array): Table {
  const first = table.parts.findIndex(({ last }) => compareBytes(last, from) >= 0);
  return { ...table, from, parts: first < 0 ? [] : table.parts.slice(first) };
}

function spanOf(part: Part): readonly [from: number, to: number] {
  return [recordOf(part), recordOf(part, part.blocks)];
}
