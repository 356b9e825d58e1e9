/** The newest rows: those of the log, sorted. */
import type { StoreOp } from '../../base/ports.ts';
import { toText } from '../key-text.ts';
import { SortedStrings } from '../sorted-strings.ts';
import type { Block } from './block.ts';
import type { Bounds, Cursor } from './cursor.ts';

/** Where a row is in the log. Two views for each row would take more memory than most rows. */
interface Place {
  readonly batch: Block;
  readonly row: number;
}

export class MemTable {
  readonly #placeByKey = new Map<string, Place>();
  readonly #keys = new SortedStrings();
  #bytes = 0;

  /** Of the log that it stands for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in one batch of the log, and keeps the record's memory. */
  apply(batch: Block): void {
    this.#bytes += batch.bytes.length;
    for (let row = 0; row < batch.rows; row++) {
      const key = toText(batch.key(row));
      if (!this.#placeByKey.has(key)) this.#keys.add(key);
      this.#placeByKey.set(key, { batch, row });
    }
  }

  find(key: Uint8Array): StoreOp | undefined {
    const place = this.#placeByKey.get(toText(key));
    return place && { key, value: place.batch.value(place.row) };
  }

  /** Rows that come while it moves are seen when they lie ahead of it. */
  cursor(bounds: Bounds): Cursor {
    return new MemCursor(this.#placeByKey, this.#keys, bounds);
  }
}

class MemCursor implements Cursor {
  readonly #placeByKey: ReadonlyMap<string, Place>;
  readonly #keys: SortedStrings;
  readonly #reverse: boolean;
  #from: string;
  #below: string;
  #page: readonly string[] = [];
  #at = 0;
  #place: Place | undefined;
  #key: Uint8Array | undefined;

  constructor(placeByKey: ReadonlyMap<string, Place>, keys: SortedStrings, bounds: Bounds) {
    this.#placeByKey = placeByKey;
    this.#keys = keys;
    this.#reverse = bounds.reverse;
    this.#from = toText(bounds.gte);
    this.#below = toText(bounds.lt);
    this.next();
  }

  get key(): Uint8Array | undefined {
    return this.#key;
  }

  get value(): Uint8Array | undefined {
    return this.#place?.batch.value(this.#place.row);
  }

  next(): undefined {
    if (this.#at === this.#page.length) this.#turn();
    const key = this.#page[this.#at++];
    this.#place = key === undefined ? undefined : this.#placeByKey.get(key);
    this.#key = this.#place?.batch.key(this.#place.row);
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
