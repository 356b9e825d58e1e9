/** The Store port over LevelDB, for Node. The row with the empty key holds the store's version. */
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import { type AverError, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Store, StoreOp, StoreRange } from '../base/ports.ts';
import { closedError, STORE_VERSION, versionError } from './batch.ts';
import {
  checkFile,
  checkFiles,
  damageError,
  type FileCheck,
  type LiveFile,
  MISSING,
  ReadingRoom,
} from './leveldb-check-node.ts';
import { lockedError, toStoreError } from './leveldb-error.ts';
import { assertRoomToReopen, newestLog, syncFile } from './leveldb-files-node.ts';
import { WriteQueue } from './write-queue.ts';

type Level = ClassicLevel<Uint8Array, Uint8Array>;

const VERSION_KEY = new Uint8Array(0);
const VERSION_ROW = utf8(String(STORE_VERSION));

/** Blocks of table files kept in memory. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** What LevelDB gathers in memory before it writes a table and begins another log. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
/** A part of it, after which it is looked whether LevelDB has begun another log. */
const LOOK_EVERY_BYTES = WRITE_BUFFER_BYTES / 8;
/** Of a row in there beside key and value: lengths, a sequence number, a node of a skip list. */
const BUFFER_ROW_BYTES = 48;
/** Up to so much of it is left empty: a quarter of each block. */
const BUFFER_SLACK = 4 / 3;

/**
 * What this process has open. Were LevelDB asked to open it again, it would refuse, but by closing
 * its second handle to the lock file it would lose the lock, and let another process in.
 */
const openPlaces = new Set<string>();

export interface LevelDbOptions {
  readonly directory: string;
  /** Damage was found when the store was open already: every call fails with it from now on. */
  readonly onEnd?: (why: AverError) => void;
  /** Bytes of tables that are checked before it opens, when not those of `limits`. */
  readonly checkBytesMax?: number;
}

/**
 * Opens the store in a directory of its own, which is made if need be. Throws `STORE_LOCKED` when
 * another process (or this one) has it open, `STORE_CORRUPT`, `STORE_VERSION`, `STORE_FULL`, `STORE_FAILED`.
 */
export async function openLevelDb(options: LevelDbOptions): Promise<Store> {
  const { directory, onEnd, checkBytesMax = limits.storeCheckBytes } = options;
  return claimPlace(directory, async (place, release) => {
    const { damage, rest } = await checkUnlocked(place, checkBytesMax);
    if (damage.length > 0) throw damageError(place, damage);
    const store = await openUnchecked(place, release);
    void store.checkRest(rest, onEnd);
    return store;
  });
}

/** `open` gets the real path of a directory that nothing in this process has open, and what gives it free again. */
export async function claimPlace<T>(
  directory: string,
  open: (place: string, release: () => void) => Promise<T>,
): Promise<T> {
  let release = (): void => undefined;
  try {
    await mkdir(directory, { recursive: true });
    const place = await realpath(directory);
    if (openPlaces.has(place)) throw lockedError(directory);
    openPlaces.add(place);
    release = () => void openPlaces.delete(place);
    return await open(place, release);
  } catch (error) {
    release();
    throw toStoreError(error, directory);
  }
}

/**
 * What looks damaged is looked at again, once nobody has the store open: of one in use the files come and go.
 * Throws `STORE_LOCKED` while another process has it.
 */
export async function checkUnlocked(place: string, bytesMax?: number): Promise<FileCheck> {
  const check = await checkFiles(place, bytesMax);
  if (check.damage.length === 0) return check;
  await assertUnlocked(place);
  return checkFiles(place, bytesMax);
}

/** Throws `STORE_LOCKED` while another process has the store open. */
export async function assertUnlocked(place: string): Promise<void> {
  // LevelDB takes the lock before it finds that it may neither open nor make the store.
  const level = new ClassicLevel(place, { createIfMissing: false, errorIfExists: true });
  const error = await level.open().catch((cause: unknown) => toStoreError(cause, place));
  if (isAverError(error, 'STORE_LOCKED')) throw error;
}

/** `onClosed`: it was closed. Throws LevelDB's errors. */
export async function openUnchecked(
  place: string,
  onClosed: () => void | Promise<void>,
): Promise<LevelDbStore> {
  const level: Level = new ClassicLevel(place, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  });
  try {
    await level.open();
    const row = await level.get(VERSION_KEY);
    if (row === undefined) await level.put(VERSION_KEY, VERSION_ROW, { sync: true });
    else if (!equalBytes(row, VERSION_ROW)) {
      throw versionError(place, Number(new TextDecoder().decode(row)));
    }
    return new LevelDbStore(level, await newestLog(place), onClosed);
  } catch (error) {
    await level.close().catch(() => undefined);
    throw error;
  }
}

class LevelDbStore implements Store {
  readonly #level: Level;
  readonly #queue = new WriteQueue(
    (ops, durable) => this.#writeGroup(ops, durable),
    (error) => toStoreError(error, this.#level.location),
  );
  /** After a failed write the end of LevelDB's log is in doubt: the keys of that write. See `#reopen`. */
  #doubtful: readonly Uint8Array[] | undefined;
  /** What was under those keys before. */
  #undo: readonly StoreOp[] | undefined;
  /** Something was written since the last sync. */
  #isDirty = false;
  /** The newest log, as of the last look. */
  #log: string;
  /** At most so much is in LevelDB's buffer, and so much of it came since the last look. */
  #bufferBytes = 0;
  #bytesSinceLook = 0;
  #reopening: Promise<void> | undefined;
  #isClosed = false;
  readonly #onClosed: () => void | Promise<void>;
  /** Why nothing may be read or written any more. */
  #end: AverError | undefined;

  constructor(level: Level, log: string, onClosed: () => void | Promise<void>) {
    this.#level = level;
    this.#log = log;
    this.#onClosed = onClosed;
  }

  /** Checks the files that were too many to be checked before. */
  async checkRest(rest: readonly LiveFile[], onEnd: LevelDbOptions['onEnd']): Promise<void> {
    const place = this.#level.location;
    const room = new ReadingRoom();
    for (const file of rest) {
      if (this.#isClosed) return;
      // What the disk cannot read says so when it is asked for; what is gone went into another table.
      const damage = await checkFile(place, file, room).catch(() => undefined);
      if (damage === undefined || damage.what === MISSING) continue;
      this.#end = damageError(place, [damage]);
      onEnd?.(this.#end);
      return;
    }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    if (key.length === 0) return undefined;
    return toPlainBytes(await this.#read(() => this.#level.get(key)));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#read(() => this.#level.getMany(keys as Uint8Array[]));
    return values.map((value, i) => (keys[i]?.length === 0 ? undefined : toPlainBytes(value)));
  }

  async *range(range: StoreRange): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    let rest = range;
    try {
      for await (const row of this.#rows(range, limits.storePageRowsMax)) {
        const [key] = row;
        rest = range.reverse ? { ...rest, lt: key } : { ...rest, gte: concatBytes(key, Uint8Array.of(0)) };
        if (rest.limit !== undefined) rest = { ...rest, limit: rest.limit - 1 };
        yield row;
      }
    } catch (error) {
      if (!isAverError(error, 'STORE_CORRUPT')) throw error;
      // LevelDB passes over a block that it cannot read and says so at the end; by then a whole page of rows is gone.
      yield* this.#rows(rest, 1);
      throw error;
    }
  }

  async *#rows(range: StoreRange, pageRows: number): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
    const { gte, lt, reverse = false, limit = -1 } = range;
    const iterator = await this.#read(async () =>
      this.#level.iterator({
        ...(gte.length === 0 ? { gt: gte } : { gte }),
        lt,
        reverse,
        limit,
        highWaterMarkBytes: limits.storePageBytes,
      }),
    );
    try {
      for (;;) {
        const page = await this.#read(() => iterator.nextv(pageRows));
        if (page.length === 0) return;
        for (const [key, value] of page) yield [toPlainBytes(key), toPlainBytes(value)];
      }
    } finally {
      // Nobody has to wait for it: LevelDB closes what is open when it is closed itself.
      iterator.close().catch(() => undefined);
    }
  }

  write(batch: readonly StoreOp[], options: { readonly durable: boolean }): Promise<void> {
    return this.#queue.write(batch, options.durable);
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#queue.close();
    await this.#level.close();
    await this.#onClosed();
  }

  async #writeGroup(ops: readonly StoreOp[], sync: boolean): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    if (this.#doubtful !== undefined) await this.#reopen();
    try {
      if (this.#mayLeaveLog()) await this.#leaveLog();
      if (ops.length > 0) await this.#writeOps(ops, sync);
      // LevelDB skips empty batches, so a flush writes the version row again. A synced write takes
      // the log up to its own end to the disk, and `#leaveLog` has seen to those before it.
      else if (sync) await this.#level.put(VERSION_KEY, VERSION_ROW, { sync });
    } catch (error) {
      this.#doubtful = ops.map(({ key }) => key.slice());
      throw error;
    }
    this.#isDirty = !sync;
  }

  /** Where everything is synced, a look now and then tells how much is in the buffer: one each time would hold up each write. */
  #mayLeaveLog(): boolean {
    if (this.#bufferBytes < WRITE_BUFFER_BYTES) return false;
    return this.#isDirty || this.#bytesSinceLook >= LOOK_EVERY_BYTES;
  }

  /**
   * LevelDB goes on in another log once its buffer is full, and never syncs the one before: what is
   * written next might survive a power cut, and what was written before it not.
   */
  async #leaveLog(): Promise<void> {
    const newest = await newestLog(this.#level.location);
    // It began after the last look.
    if (newest !== this.#log) this.#bufferBytes = this.#bytesSinceLook;
    this.#log = newest;
    this.#bytesSinceLook = 0;
    if (!this.#isDirty || this.#bufferBytes < WRITE_BUFFER_BYTES) return;
    await syncFile(join(this.#level.location, newest));
    this.#isDirty = false;
  }

  async #writeOps(ops: readonly StoreOp[], sync: boolean): Promise<void> {
    const chained = this.#level.batch();
    let bytes = 0;
    for (const { key, value } of ops) {
      if (value === undefined) chained.del(key);
      else chained.put(key, value);
      bytes += (key.length + (value?.length ?? 0) + BUFFER_ROW_BYTES) * BUFFER_SLACK;
    }
    this.#bytesSinceLook += bytes;
    this.#bufferBytes += bytes;
    await chained.write({ sync });
  }

  /**
   * A write that failed half-way (a full disk) leaves a torn record at the end of LevelDB's log.
   * What LevelDB would append behind it, it would drop when it next reads the log. Opening again
   * reads the log up to there and starts a new one. A write whose sync failed may be whole in the
   * log, and turn up now: it was refused, so what was there before is put back. Until there is room
   * for that, the store stays as it is, for readers.
   */
  #reopen(): Promise<void> {
    this.#reopening ??= (async () => {
      await assertRoomToReopen(this.#level.location);
      this.#undo ??= await this.#before(this.#doubtful ?? []);
      await this.#level.close();
      await this.#level.open();
      this.#log = await newestLog(this.#level.location);
      this.#bufferBytes = 0;
      if (this.#undo.length > 0) await this.#writeOps(this.#undo, true);
      this.#undo = undefined;
      this.#doubtful = undefined;
    })().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  /** What puts these keys back to what they are now: LevelDB shows nothing of a write that failed. */
  async #before(keys: readonly Uint8Array[]): Promise<StoreOp[]> {
    const values = await this.#level.getMany(keys as Uint8Array[]);
    return keys.map((key, i) => ({ key, value: values[i] }));
  }

  async #read<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw closedError();
    if (this.#end !== undefined) throw this.#end;
    try {
      await this.#reopening?.catch(() => undefined);
      // An attempt to open again that failed leaves it closed.
      if (this.#level.status === 'closed') await this.#reopen();
      return await action();
    } catch (error) {
      if (this.#isClosed) throw closedError();
      throw toStoreError(error, this.#level.location);
    }
  }
}

/** classic-level gives Buffers, whose `slice` shares memory. */
function toPlainBytes<Bytes extends Uint8Array | undefined>(bytes: Bytes): Bytes | Uint8Array {
  return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
