/**
 * A disk with a cache that a crash loses: what was written and not synced is kept up to some point,
 * drawn by chance, as a write-ahead log keeps it. The Store over it is the group commit of the real
 * adapters; only the medium is simulated.
 */
import { AverError, toAverError } from '../../base/errors.ts';
import type { Clock, Store, StoreOp, StoreRange } from '../../base/ports.ts';
import { closedError } from '../../store/batch.ts';
import { toText } from '../../store/key-text.ts';
import { memoryStore } from '../../store/memory.ts';
import { WriteQueue } from '../../store/write-queue.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { SimTime } from './sim-time.ts';
import type { Trace } from './trace.ts';

/** What is wrong with a disk now. */
export interface DiskFaults {
  /** All writes fail. */
  full: boolean;
  /** A sync says that it is done, and is not. */
  losesSyncs: boolean;
  /** Part of the reads that fail, for the moment. */
  readFailures: number;
  /** Everything takes so many times as long. */
  slowness: number;
}

/** Where in a write a crash is to happen; `told`: as soon as another is told that the peer holds what that one wrote. */
export type CrashPoint = 'before' | 'cached' | 'synced' | 'acknowledged' | 'told';
/** Reads have no point of their own. */
type Reached = CrashPoint | 'read';

export interface SimDiskOptions {
  readonly name: string;
  readonly time: SimTime;
  readonly random: SeededRandom;
  readonly trace: Trace;
}

/** Part of the reads that are not answered from a cache at once. */
const READS_WAITING = 0.1;

export class SimDisk {
  readonly faults: DiskFaults = { full: false, losesSyncs: false, readFailures: 0, slowness: 1 };
  /** Called where the next crash is due; the peer must be dead when it returns. */
  onCrashPoint: { readonly point: CrashPoint | 'any'; readonly crash: () => void } | undefined;
  readonly #options: SimDiskOptions;
  #image = memoryStore();
  /** What undoes each group that is not synced, oldest first. */
  #unsynced: StoreOp[][] = [];
  /** Of these some are said to be synced. */
  #liedAbout = 0;
  /** The crash cut the last write in two. */
  #isTorn = false;
  /** Keys in text whose values are read with a bit wrong; the image itself stays as it was written. */
  readonly #flipped = new Map<string, number>();
  /** Calls of a life before the last crash are never answered. */
  #life = 0;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  /** The store as a process opens it. */
  open(clock: Clock): Store {
    const life = this.#life;
    const queue = new WriteQueue((ops, durable) => this.#write(life, ops, durable), toAverError, clock);
    let isClosed = false;
    const read = async <T>(answer: () => Promise<T>): Promise<T> => {
      if (isClosed) throw closedError();
      await this.#readWait(life);
      return answer();
    };
    return {
      get: (key) => read(async () => this.#asRead(key, await this.#image.get(key))),
      getMany: (keys) =>
        read(async () => {
          const values = await this.#image.getMany(keys);
          return values.map((value, i) => this.#asRead(keys[i] as Uint8Array, value));
        }),
      range: (range) => this.#range(life, range),
      write: (batch, { durable }) => queue.write(batch, durable),
      flush: () => queue.flush(),
      close: async () => {
        await queue.close();
        isClosed = true;
      },
    };
  }

  /** What the disk holds now, read without taking time, for the oracle. */
  get image(): Store {
    return this.#image;
  }

  /** The power is cut: calls under way never end. `start` before the next opening. */
  crash(): void {
    this.#life++;
    this.onCrashPoint = undefined;
  }

  /** After a crash: of what was not synced a first part is still there. Returns how many groups are lost. */
  async recover(): Promise<number> {
    await this.#changing;
    const { length } = this.#unsynced;
    const kept = this.#isTorn ? length - 1 : this.#options.random.integer(length + 1);
    const { trace } = this.#options;
    if (this.#isTorn) trace.count('a crash tore a write');
    const lost = this.#unsynced.splice(kept).reverse();
    if (lost.length > 0) trace.count('a crash undid a write');
    if (kept < this.#liedAbout) trace.count('a crash undid a write that was said to be synced');
    for (const undo of lost) await this.#image.write(undo, { durable: true });
    this.#forgetUndo();
    return lost.length;
  }

  #forgetUndo(): void {
    this.#unsynced = [];
    this.#liedAbout = 0;
    this.#isTorn = false;
  }

  /**
   * A crash cuts the last write in two, and keeps all before it: a log drops what does not fit its checksum,
   * so that nothing of that write is there.
   */
  tear(): void {
    this.#isTorn = this.#unsynced.length > 0;
  }

  /** From now on the value of this key is read with one bit wrong, until another is written. */
  flip(key: Uint8Array, bit: number): void {
    this.#flipped.set(toText(key), bit);
  }

  get isFlipped(): boolean {
    return this.#flipped.size > 0;
  }

  #asRead(key: Uint8Array, value: Uint8Array | undefined): Uint8Array | undefined {
    const bit = this.#flipped.size === 0 ? undefined : this.#flipped.get(toText(key));
    if (bit === undefined || value === undefined) return value;
    const flipped = value.slice();
    const at = (bit >> 3) % value.length;
    flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7));
    this.#options.trace.count('a flipped bit was read');
    return flipped;
  }

  /** A copy of everything, as a backup or a copied directory has it. */
  async copy(): Promise<StoreOp[]> {
    await this.#changing;
    const rows: StoreOp[] = [];
    const everything = { gte: Uint8Array.of(0), lt: Uint8Array.of(255, 255, 255, 255) };
    for await (const [key, value] of this.#image.range(everything)) rows.push({ key, value });
    return rows;
  }

  /** Holds the copy and nothing else. */
  async restore(rows: readonly StoreOp[]): Promise<void> {
    await this.#changing;
    this.#image = memoryStore();
    this.#forgetUndo();
    this.#flipped.clear();
    await this.#image.write(rows, { durable: true });
  }

  async #write(life: number, ops: readonly StoreOp[], durable: boolean): Promise<void> {
    this.reached('before');
    await this.#wait(life, 0.2);
    if (this.faults.full && ops.length > 0) {
      this.#options.trace.count('a full disk refused a write');
      throw new AverError('STORE_FULL', 'The simulated disk is full.');
    }
    if (ops.length > 0) await this.#apply(ops);
    this.reached('cached');
    await this.#alive(life);
    if (!durable) return;
    await this.#wait(life, 3);
    if (this.faults.losesSyncs) this.#liedAbout = this.#unsynced.length;
    else this.#forgetUndo();
    this.reached('synced');
    await this.#alive(life);
  }

  async #apply(ops: readonly StoreOp[]): Promise<void> {
    const { trace, name } = this.#options;
    const image = this.#image;
    const changing = (async () => {
      const before = await image.getMany(ops.map(({ key }) => key));
      // Of a key that is written twice the last undo, made first, is the one that counts.
      const undo = ops.map(({ key }, i) => ({ key: key.slice(), value: before[i] })).reverse();
      this.#unsynced.push(undo);
      await image.write(ops, { durable: true });
    })();
    this.#changing = changing;
    await changing;
    trace.note(`${name} writes`);
    for (const { key, value } of ops) {
      this.#flipped.delete(toText(key));
      trace.bytes(key);
      if (value !== undefined) trace.bytes(value);
    }
  }

  async *#range(life: number, range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    await this.#readWait(life);
    for await (const row of this.#image.range(range)) {
      await this.#alive(life);
      const [key, value] = row;
      yield [key, this.#asRead(key, value) as Uint8Array];
    }
  }

  async #readWait(life: number): Promise<void> {
    const { random, trace } = this.#options;
    this.reached('read');
    if (random.number() < READS_WAITING) await this.#wait(life, 0.5);
    else await this.#alive(life);
    if (this.faults.readFailures > 0 && random.number() < this.faults.readFailures) {
      trace.count('a read failed');
      throw new AverError('STORE_FAILED', 'The simulated disk could not be read.');
    }
  }

  /** Up to twice as long as the mean; never, when the process is dead by then. */
  #wait(life: number, meanMs: number): Promise<void> {
    const { random, time } = this.#options;
    const ms = 2 * meanMs * random.number() * this.faults.slowness;
    return new Promise((resolve) => {
      time.setTimer(ms, () => {
        if (life === this.#life) resolve();
      });
    });
  }

  async #alive(life: number): Promise<void> {
    if (life !== this.#life) await new Promise<never>(() => undefined);
  }

  /** Something got to that point: if a crash is due there, it happens now. */
  reached(point: Reached): void {
    const due = this.onCrashPoint;
    if (due === undefined || (due.point !== point && due.point !== 'any')) return;
    this.onCrashPoint = undefined;
    due.crash();
  }
}
