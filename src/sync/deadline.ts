/** Deadlines and pauses on the Clock port: every wait for another peer has an end. */
import { AverError } from '../base/errors.ts';
import type { AbortOptions, Clock } from '../base/ports.ts';

export interface DeadlineOptions extends AbortOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** What is waited for, for the error's sentence. */
  readonly what: string;
}

/**
 * Runs `action` with a signal that aborts when the time is over or the caller gives up, and settles
 * then even if `action` does not. Throws `TIMEOUT` or `ABORTED`.
 */
export function withDeadline<T>(
  options: DeadlineOptions,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, timeoutMs, signal, what } = options;
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const fail = (error: Error) => {
      reject(error);
      controller.abort(error);
    };
    const onAbort = () => fail(new AverError('ABORTED', `The wait for ${what} was cancelled.`));
    if (signal?.aborted) return onAbort();
    const cancelTimer = clock.setTimer(timeoutMs, () =>
      fail(new AverError('TIMEOUT', `${what} did not come within ${timeoutMs} ms.`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    action(controller.signal)
      .then(resolve, reject)
      .finally(() => {
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
      });
  });
}

/** The promise, or `ABORTED` as soon as the caller gives up waiting. What was begun goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AverError('ABORTED', 'The wait was cancelled.'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves after a time, or throws `ABORTED` at once when the signal says so. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      cancel();
      reject(new AverError('ABORTED', 'The wait was cancelled.'));
    };
    const cancel = clock.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** At most so many sections run at once; the rest wait in order, up to a bound. */
export class Slots {
  #count: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;

  constructor(count: number, waitingMax: number) {
    this.#count = count;
    this.#waitingMax = waitingMax;
  }

  /** Sections that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** From now on so many; sections that run go on. */
  resize(count: number): void {
    this.#count = count;
    this.#admit();
  }

  /** Resolves with the function that frees the slot again. Throws `BUSY` when too many wait. */
  async take(): Promise<() => void> {
    if (this.#taken < this.#count) this.#taken++;
    else {
      if (this.#waiting.length >= this.#waitingMax) throw new AverError('BUSY', 'Too many requests wait.');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#taken--;
      this.#admit();
    };
  }

  #admit(): void {
    while (this.#taken < this.#count) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken++;
      next();
    }
  }
}
