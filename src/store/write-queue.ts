/**
 * Group commit: batches that arrive while one is being written are written together as the next one,
 * in order, so that concurrent durable writes share one sync. What was written without `durable` is
 * flushed in time.
 */
import type { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, StoreOp } from '../base/ports.ts';
import { checkBatch, closedError } from './batch.ts';
import { FlushTimer } from './flush-timer.ts';

/**
 * Writes all ops or none. With `durable`, they and everything before survive a power cut, which
 * holds for no ops at all, too.
 */
type WriteGroup = (ops: readonly StoreOp[], durable: boolean) => Promise<void>;

interface Waiting {
  readonly batch: readonly StoreOp[];
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: AverError) => void;
}

export class WriteQueue {
  readonly #writeGroup: WriteGroup;
  readonly #toError: (error: unknown) => AverError;
  readonly #flushTimer: FlushTimer;
  /** Batches in order of their arrival. Bounded by the callers: each waits for its own. */
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(writeGroup: WriteGroup, toError: (error: unknown) => AverError, clock?: Clock) {
    this.#writeGroup = writeGroup;
    this.#toError = toError;
    this.#flushTimer = new FlushTimer(() => this.flush(), clock);
  }

  /** The bytes of the batch are the queue's until the promise is settled: they are not copied. */
  async write(batch: readonly StoreOp[], durable: boolean): Promise<void> {
    if (this.#isClosed) throw closedError();
    checkBatch(batch);
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ batch, durable, resolve, reject });
    });
    this.#writing ??= this.#writeWaiting();
    return written;
  }

  flush(): Promise<void> {
    return this.write([], true);
  }

  /** Takes no more, and resolves when what it took is written and flushed, or was refused. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const isDirty = this.#writing !== undefined || this.#flushTimer.isPending;
    const flushed = isDirty ? this.flush() : undefined;
    this.#isClosed = true;
    // Whoever wrote was told what could not be written; closing has nothing to add.
    await flushed?.catch(() => undefined);
    await this.#writing;
    this.#flushTimer.stop();
  }

  async #writeWaiting(): Promise<void> {
    // Whatever is written in the same turn of the event loop travels together.
    await undefined;
    while (this.#waiting.length > 0) {
      const group = takeGroup(this.#waiting);
      const durable = group.some((waiting) => waiting.durable);
      try {
        await this.#writeGroup(
          group.flatMap(({ batch }) => batch),
          durable,
        );
        this.#flushTimer.wrote(durable);
        for (const { resolve } of group) resolve();
      } catch (error) {
        const refusal = this.#toError(error);
        for (const { reject } of group) reject(refusal);
      }
    }
    this.#writing = undefined;
  }
}

/** Removes from the queue what one group may hold, at least one batch. */
function takeGroup(waiting: Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { batch } of waiting) {
    for (const { key, value } of batch) bytes += key.length + (value?.length ?? 0);
    if (count > 0 && bytes > limits.storeGroupBytesMax) break;
    count++;
  }
  return waiting.splice(0, count);
}
