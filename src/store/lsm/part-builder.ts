/** Turns rows in key order into the records of one part. */
import type { StoreOp } from '../../base/ports.ts';
import { packBlock, ROW_BYTES } from './block.ts';
import { keyHash, makeFilter } from './key-filter.ts';
import { type Part, recordOf, START } from './tables.ts';

export interface BuiltPart {
  readonly part: Part;
  readonly records: readonly (readonly [number: number, record: Uint8Array])[];
}

export class PartBuilder {
  readonly #blockBytes: number;
  readonly #blocks: Uint8Array[] = [];
  readonly #firstKeys: Uint8Array[] = [];
  readonly #hashes: number[] = [];
  #rows: StoreOp[] = [];
  #rowsBytes = 0;
  #last: Uint8Array = START;
  #bytes = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  get bytes(): number {
    return this.#bytes + this.#rowsBytes;
  }

  /** Keeps the row until the part is finished. */
  add(key: Uint8Array, value: Uint8Array | undefined): void {
    const bytes = key.length + (value?.length ?? 0) + ROW_BYTES;
    if (this.#rowsBytes > 0 && this.#rowsBytes + bytes > this.#blockBytes) this.#endBlock();
    this.#rows.push({ key, value });
    this.#rowsBytes += bytes;
    this.#hashes.push(keyHash(key));
    this.#last = key;
  }

  /** Undefined when there were no rows. */
  finish(id: number): BuiltPart | undefined {
    if (this.#rows.length > 0) this.#endBlock();
    const first = this.#firstKeys[0];
    if (first === undefined) return undefined;
    const index = packBlock([
      // No row has the empty key, so that block n begins with the key of row n.
      { key: START, value: makeFilter(this.#hashes) },
      ...this.#firstKeys.map((key) => ({ key, value: START })),
    ]);
    const bytes = this.#bytes + index.length;
    const part = { id, blocks: this.#blocks.length, bytes, first: first.slice(), last: this.#last.slice() };
    const records = [index, ...this.#blocks].map((record, i) => [recordOf(part, i), record] as const);
    return { part, records };
  }

  #endBlock(): void {
    const block = packBlock(this.#rows);
    this.#firstKeys.push((this.#rows[0] as StoreOp).key);
    this.#blocks.push(block);
    this.#bytes += block.length;
    this.#rows = [];
    this.#rowsBytes = 0;
  }
}
