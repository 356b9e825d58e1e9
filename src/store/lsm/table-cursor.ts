/** A cursor over one table. */
import { compareBytes } from '../../base/bytes.ts';
import { type Block, firstIndex } from './block.ts';
import type { BlockReader } from './block-reader.ts';
import type { Bounds, Cursor } from './cursor.ts';
import type { Part, Table } from './tables.ts';

export class TableCursor implements Cursor {
  readonly #reader: BlockReader;
  readonly #parts: readonly Part[];
  readonly #bounds: Bounds;
  readonly #aheadMax: number;
  #part = 0;
  #number = 0;
  #block: Block | undefined;
  #row = 0;
  #key: Uint8Array | undefined;
  /** Whoever reads on is likely to read further. */
  #ahead = 0;

  static async open(reader: BlockReader, table: Table, bounds: Bounds, aheadMax: number): Promise<Cursor> {
    const gte = compareBytes(bounds.gte, table.from) < 0 ? table.from : bounds.gte;
    const cursor = new TableCursor(reader, table.parts, { ...bounds, gte }, aheadMax);
    await (bounds.reverse ? cursor.#seekBelow(bounds.lt) : cursor.#seek(gte));
    return cursor;
  }

  private constructor(reader: BlockReader, parts: readonly Part[], bounds: Bounds, aheadMax: number) {
    this.#reader = reader;
    this.#parts = parts;
    this.#bounds = bounds;
    this.#aheadMax = aheadMax;
  }

  get key(): Uint8Array | undefined {
    return this.#key;
  }

  get value(): Uint8Array | undefined {
    return this.#key && this.#block?.value(this.#row);
  }

  next(): Promise<void> | undefined {
    if (this.#key === undefined) return undefined;
    this.#row += this.#bounds.reverse ? -1 : 1;
    if (this.#row >= 0 && this.#row < (this.#block as Block).rows) {
      this.#settle();
      return undefined;
    }
    return this.#turn();
  }

  /** To the first row that is not below the key. */
  async #seek(gte: Uint8Array): Promise<void> {
    const parts = this.#parts;
    this.#part = firstIndex(parts.length, (at) => compareBytes((parts[at] as Part).last, gte) >= 0);
    const part = parts[this.#part];
    if (part === undefined) return;
    const index = await this.#reader.index(part);
    this.#number = Math.max(1, index.upperBound(gte) - 1);
    this.#block = await this.#reader.block(part, this.#number);
    this.#row = this.#block.lowerBound(gte);
    if (this.#row === this.#block.rows) await this.#turn();
    else this.#settle();
  }

  /** To the last row below the key. */
  async #seekBelow(lt: Uint8Array): Promise<void> {
    const parts = this.#parts;
    this.#part = firstIndex(parts.length, (at) => compareBytes((parts[at] as Part).first, lt) >= 0) - 1;
    const part = parts[this.#part];
    if (part === undefined) return;
    const index = await this.#reader.index(part);
    this.#number = index.lowerBound(lt) - 1;
    this.#block = await this.#reader.block(part, this.#number);
    this.#row = this.#block.lowerBound(lt) - 1;
    this.#settle();
  }

  /** To the next block, which may be that of the next part. */
  async #turn(): Promise<void> {
    const step = this.#bounds.reverse ? -1 : 1;
    this.#key = undefined;
    let part = this.#parts[this.#part] as Part;
    this.#number += step;
    if (this.#number < 1 || this.#number > part.blocks) {
      this.#part += step;
      const next = this.#parts[this.#part];
      if (next === undefined) return;
      part = next;
      this.#number = step > 0 ? 1 : part.blocks;
    }
    this.#ahead = Math.min(2 * this.#ahead + 1, this.#aheadMax);
    this.#block = await this.#reader.block(part, this.#number, step * this.#ahead);
    this.#row = step > 0 ? 0 : this.#block.rows - 1;
    this.#settle();
  }

  #settle(): void {
    const key = (this.#block as Block).key(this.#row);
    const { gte, lt, reverse } = this.#bounds;
    const isInside = reverse ? compareBytes(key, gte) >= 0 : compareBytes(key, lt) < 0;
    this.#key = isInside ? key : undefined;
  }
}
