/** The newest rows: those of the log, sorted. */
import type { StoreOp } from '../../base/ports.ts';
import { toText } from '../key-text.ts';
import { SortedStrings } from '../sorted-strings.ts';
import type { Block } from './block.ts';
import type { Bounds, Cursor } from './cursor.ts';

export class MemTable {
  readonly #rowByKey = new Map<string, StoreOp>();
  readonly #keys = new SortedStrings();
  #bytes = 0;

  /** Of the log that it stands for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in one batch of the log, and keeps the record's memory. */
  apply(batch: Block): void {
    this.#bytes += batch.bytes.length;
    for (let i = 0; i < batch.rows; i++) {
      const row = { key: batch.key(i), value: batch.value(i) };
      const text = toText(row.key);
      if (!this.#rowByKey.has(text)) this.#keys.add(text);
      this.#rowByKey.set(text, row);
    }
  }

  find(key: Uint8Array): StoreOp | undefined {
    return this.#rowByKey.get(toText(key));
  }

  /** Rows that come while it moves are seen when they lie ahead of it. */
  cursor(bounds: Bounds): Cursor {
    return new MemCursor(this.#rowByKey, this.#keys, bounds);
  }
}

class MemCursor implements Cursor {
  readonly #rowByKey: ReadonlyMap<string, StoreOp>;
  readonly #keys: SortedStrings;
  readonly #reverse: boolean;
  #from: string;
  #below: string;
  #page: readonly string[] = [];
  #at = 0;
  #row: StoreOp | undefined;

  constructor(rowByKey: ReadonlyMap<string, StoreOp>, keys: SortedStrings, bounds: Bounds) {
    this.#rowByKey = rowByKey;
    this.#keys = keys;
    this.#reverse = bounds.reverse;
    this.#from = toText(bounds.gte);
    this.#below = toText(bounds.lt);
    this.next();
  }

  get key(): Uint8Array | undefined {
    return this.#row?.key;
  }

  get value(): Uint8Array | undefined {
    return this.#row?.value;
  }

  next(): undefined {
    if (this.#at === this.#page.length) this.#turn();
    const key = this.#page[this.#at++];
    this.#row = key === undefined ? undefined : this.#rowByKey.get(key);
  }

  #turn(): void {
    this.#at = 0;
    this.#page = [];
    if (this.#from >= this.#below) return;
    this.#page = this.#reverse
      ? this.#keys.pageReverse(this.#from, this.#below)
      : this.#keys.page(this.#from, this.#below);
    const last = this.#page.at(-1);
    if (last === undefined) this.#below = this.#from;
    else if (this.#reverse) this.#below = last;
    else this.#from = `${last}\0`;
  }
}
