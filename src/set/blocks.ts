/** Stored runs, as somebody asks for them: whole, with their ids, or only for a claim in them. */
import { LRUCache } from 'lru-cache';
import type { Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { StoredRun } from '../assertion/stored-run.ts';
import { AverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { blockKey } from './journal-keys.ts';

/** A table's page is read block by block, again and again. */
const RUNS_CACHED_BYTES_MAX = 8 * 1024 * 1024;
/** Claims in order of their subjects are spread over many blocks, which take a tenth of the room of runs. */
const BLOCKS_CACHED_BYTES_MAX = 8 * 1024 * 1024;

interface CachedBlock {
  readonly run: StoredRun;
  readonly bytes: number;
}

export class Blocks {
  readonly #store: Store;
  readonly #space: Uint8Array;
  readonly #runs = new LRUCache<number, Run>({
    maxSize: RUNS_CACHED_BYTES_MAX,
    sizeCalculation: (run) => run.assertions.reduce((sum, each) => sum + 1000 + each.payloadSize, 0),
  });
  readonly #blocks = new LRUCache<number, CachedBlock>({
    maxSize: BLOCKS_CACHED_BYTES_MAX,
    // Where its items and claims begin takes up to as much again.
    sizeCalculation: ({ bytes }) => 1000 + bytes * 2,
  });
  /** Grows with each block replaced, so that one read before is not cached after. */
  #replaced = 0;

  constructor(store: Store, space: Uint8Array) {
    this.#store = store;
    this.#space = space;
  }

  /** Throws `STORE_CORRUPT`, or what `decodeRun` throws. */
  async run(arrival: number): Promise<Run> {
    const cached = this.#runs.get(arrival);
    if (cached !== undefined) return cached;
    const replaced = this.#replaced;
    const run = decodeRun(await this.#read(arrival), this.#space);
    if (replaced === this.#replaced) this.#runs.set(arrival, run);
    return run;
  }

  /** The block, if it needs no read. */
  cached(arrival: number): StoredRun | undefined {
    return this.#blocks.get(arrival)?.run;
  }

  /** Reads the block. Throws `STORE_CORRUPT`. */
  async stored(arrival: number): Promise<StoredRun> {
    const replaced = this.#replaced;
    const bytes = await this.#read(arrival);
    const run = new StoredRun(bytes);
    if (replaced === this.#replaced) this.#blocks.set(arrival, { run, bytes: bytes.length });
    return run;
  }

  /** The block holds something else from now on. */
  replaced(arrival: number): void {
    this.#replaced++;
    this.#runs.delete(arrival);
    this.#blocks.delete(arrival);
  }

  async #read(arrival: number): Promise<Uint8Array> {
    const bytes = await this.#store.get(blockKey(arrival));
    if (bytes === undefined) throw new AverError('STORE_CORRUPT', `Block ${arrival} is missing.`);
    return bytes;
  }
}
