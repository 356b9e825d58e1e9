/** The Store port in memory: for tests, the simulator, and peers that keep nothing. */
import type { Store, StoreOp, StoreRange } from '../base/ports.ts';
import { checkBatch, closedError } from './batch.ts';
import { toBytes, toText } from './key-text.ts';
import { SortedStrings } from './sorted-strings.ts';

export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly #valueByKey = new Map<string, Uint8Array>();
  readonly #keys = new SortedStrings();
  #isClosed = false;

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return this.#valueByKey.get(toText(key))?.slice();
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen();
    return keys.map((key) => this.#valueByKey.get(toText(key))?.slice());
  }

  async *range(range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    let from = toText(range.gte);
    let below = toText(range.lt);
    let left = range.limit ?? Number.POSITIVE_INFINITY;
    while (left > 0 && from < below) {
      this.#assertOpen();
      const page = range.reverse ? this.#keys.pageReverse(from, below) : this.#keys.page(from, below);
      const last = page.at(-1);
      if (last === undefined) return;
      for (const key of page) {
        this.#assertOpen();
        const value = this.#valueByKey.get(key);
        if (value === undefined) continue; // Deleted while the iteration ran.
        yield [toBytes(key), value.slice()];
        if (--left <= 0) return;
      }
      if (range.reverse) below = last;
      else from = `${last}\0`;
    }
  }

  async write(batch: readonly StoreOp[]): Promise<void> {
    this.#assertOpen();
    checkBatch(batch);
    for (const { key, value } of batch) {
      const text = toText(key);
      if (value === undefined) {
        if (this.#valueByKey.delete(text)) this.#keys.delete(text);
      } else {
        if (!this.#valueByKey.has(text)) this.#keys.add(text);
        this.#valueByKey.set(text, value.slice());
      }
    }
  }

  async flush(): Promise<void> {
    this.#assertOpen();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }
}
