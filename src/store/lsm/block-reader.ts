/** Reads parts of tables through bounded caches: of indexes, which every look-up needs, and of blocks. */
import { LRUCache } from 'lru-cache';
import { compareBytes } from '../../base/bytes.ts';
import type { StoreOp } from '../../base/ports.ts';
import { Block, firstIndex } from './block.ts';
import { keyHash, mayHold } from './key-filter.ts';
import type { Records } from './records.ts';
import { type Part, recordOf, type Table } from './tables.ts';

/** The record was there when the list of tables was read: it was merged away meanwhile, or is lost. */
export class RecordGone extends Error {}

export class BlockReader {
  readonly #records: Records;
  readonly #indexes: LRUCache<number, Block>;
  readonly #blocks: LRUCache<number, Block>;

  constructor(records: Records, indexBytes: number, blockBytes: number) {
    this.#records = records;
    this.#indexes = makeCache(indexBytes);
    this.#blocks = makeCache(blockBytes);
  }

  async index(part: Part): Promise<Block> {
    const record = recordOf(part);
    return this.#indexes.get(record) ?? only(await this.#read([record], this.#indexes));
  }

  /** One block of a part, and up to `ahead` of those behind it (before it, if negative) for the cache. */
  async block(part: Part, number: number, ahead = 0): Promise<Block> {
    const cached = this.#blocks.get(recordOf(part, number));
    if (cached !== undefined) return cached;
    const wanted = [number];
    const step = Math.sign(ahead);
    for (let next = number + step; next !== number + ahead + step; next += step) {
      if (next < 1 || next > part.blocks || this.#blocks.has(recordOf(part, next))) break;
      wanted.push(next);
    }
    const records = wanted.map((each) => recordOf(part, each));
    return only(await this.#read(records, this.#blocks));
  }

  /** Rows of one table by key, deleted ones too; undefined where the table has none. */
  async find(table: Table, keys: readonly Uint8Array[]): Promise<(StoreOp | undefined)[]> {
    const parts = keys.map((key) => partOf(table, key));
    const indexes = await this.#all(
      parts.map((part) => part && recordOf(part)),
      this.#indexes,
    );
    const records = keys.map((key, i) => {
      const part = parts[i];
      const index = indexes[i];
      if (part === undefined || index === undefined) return undefined;
      if (!mayHold(index.value(0) as Uint8Array, keyHash(key))) return undefined;
      return recordOf(part, index.upperBound(key) - 1);
    });
    const blocks = await this.#all(records, this.#blocks);
    return keys.map((key, i) => blocks[i]?.find(key));
  }

  /** Each wanted record, in one read for all that are not in the cache. */
  async #all(
    records: readonly (number | undefined)[],
    cache: LRUCache<number, Block>,
  ): Promise<(Block | undefined)[]> {
    const found = new Map<number, Block>();
    const missing = new Set<number>();
    for (const record of records) {
      if (record === undefined || found.has(record)) continue;
      const cached = cache.get(record);
      if (cached === undefined) missing.add(record);
      else found.set(record, cached);
    }
    if (missing.size > 0) {
      const numbers = [...missing];
      const blocks = await this.#read(numbers, cache);
      for (const [i, block] of blocks.entries()) found.set(numbers[i] as number, block);
    }
    return records.map((record) => (record === undefined ? undefined : found.get(record)));
  }

  async #read(numbers: readonly number[], cache: LRUCache<number, Block>): Promise<Block[]> {
    const records = await this.#records.read(numbers);
    return records.map((record, i) => {
      if (record === undefined) throw new RecordGone();
      const block = new Block(record);
      cache.set(numbers[i] as number, block);
      return block;
    });
  }
}

function makeCache(maxSize: number): LRUCache<number, Block> {
  return new LRUCache({ maxSize, sizeCalculation: (block) => block.bytes.length });
}

function only(blocks: readonly Block[]): Block {
  return blocks[0] as Block;
}

/** The part that holds the key if the table does. */
function partOf({ parts, from }: Table, key: Uint8Array): Part | undefined {
  if (compareBytes(key, from) < 0) return undefined;
  const part = parts[firstIndex(parts.length, (at) => compareBytes((parts[at] as Part).last, key) >= 0)];
  return part !== undefined && compareBytes(part.first, key) <= 0 ? part : undefined;
}
