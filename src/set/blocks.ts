/**
 * The stored runs, each under its arrival number. A checksum closes each: bytes that the disk changed
 * are never taken for a run, nor passed on to a peer, who would blame us for them.
 */
import { LRUCache } from 'lru-cache';
import type { Run } from '../assertion/model.ts';
import { decodeRun, encodeRun } from '../assertion/run-codec.ts';
import { StoredRun } from '../assertion/stored-run.ts';
import { withChecksum, withoutChecksum } from '../base/checksum.ts';
import { AverError, isAverError } from '../base/errors.ts';
import type { Store, StoreOp } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import * as keys from './journal-keys.ts';

/** A table's page is read block by block, again and again. */
const RUNS_CACHED_BYTES_MAX = 8 * 1024 * 1024;
/** Claims in order of their subjects are spread over many blocks, which take a tenth of the room of runs. */
const BLOCKS_CACHED_BYTES_MAX = 8 * 1024 * 1024;
/** Damaged blocks that are remembered, so that each is reported once and not with each read. */
const DAMAGED_MAX = 1000;

export interface Block {
  readonly arrival: number;
  readonly bytes: Uint8Array;
}

interface CachedBlock {
  readonly run: StoredRun;
  readonly bytes: number;
}

export class Blocks {
  readonly #store: Store;
  readonly #space: Uint8Array;
  readonly #onDamage: (arrival: number) => void;
  readonly #runs = new LRUCache<number, Run>({
    maxSize: RUNS_CACHED_BYTES_MAX,
    sizeCalculation: (run) => run.assertions.reduce((sum, each) => sum + 1000 + each.payloadSize, 0),
  });
  readonly #blocks = new LRUCache<number, CachedBlock>({
    maxSize: BLOCKS_CACHED_BYTES_MAX,
    // Where its items and claims begin takes up to as much again.
    sizeCalculation: ({ bytes }) => 1000 + bytes * 2,
  });
  readonly #damaged = recentlyUsed<number, true>(DAMAGED_MAX);
  /** Grows with each block replaced, so that one read before is not cached after. */
  #replaced = 0;

  constructor(store: Store, space: Uint8Array, onDamage: (arrival: number) => void) {
    this.#store = store;
    this.#space = space;
    this.#onDamage = onDamage;
  }

  /** The row that stores a run. */
  op(run: Run, arrival: number): StoreOp {
    return { key: keys.blockKey(arrival), value: withChecksum(encodeRun(run)) };
  }

  /** Throws `STORE_CORRUPT` when it is missing or damaged. */
  async run(arrival: number): Promise<Run> {
    const cached = this.#runs.get(arrival);
    if (cached !== undefined) return cached;
    const replaced = this.#replaced;
    const run = decodeRun(await this.#read(arrival), this.#space);
    if (replaced === this.#replaced) this.#runs.set(arrival, run);
    return run;
  }

  /** The run undecoded, if it needs no read. */
  cached(arrival: number): StoredRun | undefined {
    return this.#blocks.get(arrival)?.run;
  }

  /** The run undecoded. Throws `STORE_CORRUPT` when it is missing or damaged. */
  async stored(arrival: number): Promise<StoredRun> {
    const replaced = this.#replaced;
    const bytes = await this.#read(arrival);
    const run = new StoredRun(bytes);
    if (replaced === this.#replaced) this.#blocks.set(arrival, { run, bytes: bytes.length });
    return run;
  }

  async #read(arrival: number): Promise<Uint8Array> {
    const bytes = this.#whole(arrival, await this.#value(arrival));
    if (bytes === undefined) throw damagedError(arrival);
    return bytes;
  }

  /** Bytes of some runs, not decoded; undefined for each that is missing or damaged. */
  async bytes(arrivals: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#values(arrivals);
    return values.map((value, i) => this.#whole(arrivals[i] as number, value));
  }

  /** Undefined also where the store cannot read it. */
  async #value(arrival: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#store.get(keys.blockKey(arrival));
    } catch (error) {
      if (isAverError(error, 'STORE_CORRUPT')) return undefined;
      throw error;
    }
  }

  async #values(arrivals: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return await this.#store.getMany(arrivals.map(keys.blockKey));
    } catch (error) {
      if (!isAverError(error, 'STORE_CORRUPT')) throw error;
      return Promise.all(arrivals.map((arrival) => this.#value(arrival)));
    }
  }

  /** All of them in order of arrival, or the first of them. Throws `STORE_CORRUPT` at one that is damaged. */
  async *all(fromArrival: number, limit?: number): AsyncIterable<Block> {
    const range = { gte: keys.blockKey(fromArrival), lt: keys.allBlocks.lt };
    for await (const [key, value] of this.#store.range(limit === undefined ? range : { ...range, limit })) {
      const arrival = keys.blockArrival(key);
      const bytes = this.#whole(arrival, value);
      if (bytes === undefined) throw damagedError(arrival);
      yield { arrival, bytes };
    }
  }

  /** Another run was stored in its place. */
  replaced(arrival: number): void {
    this.#replaced++;
    this.#runs.delete(arrival);
    this.#blocks.delete(arrival);
    this.#damaged.delete(arrival);
  }

  #whole(arrival: number, value: Uint8Array | undefined): Uint8Array | undefined {
    const bytes = value === undefined ? undefined : withoutChecksum(value);
    if (bytes === undefined && !this.#damaged.has(arrival)) {
      this.#damaged.set(arrival, true);
      this.#onDamage(arrival);
    }
    return bytes;
  }
}

function damagedError(arrival: number): AverError {
  return new AverError('STORE_CORRUPT', `The stored run ${arrival} is damaged or missing.`);
}
