/** Sees to it that what was written without `durable` is flushed within `limits.flushMs`. */
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';

export class FlushTimer {
  readonly #flush: () => Promise<void>;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(flush: () => Promise<void>, clock: Clock = systemClock) {
    this.#flush = flush;
    this.#clock = clock;
  }

  /** Whether something waits to be flushed. */
  get isPending(): boolean {
    return this.#cancel !== undefined;
  }

  /** A write was made; a durable one took everything before it to the disk. */
  wrote(durable: boolean): void {
    if (durable) this.#clear();
    else if (!this.#isStopped) {
      // Half the time is left for the flush itself.
      this.#cancel ??= this.#clock.setTimer(limits.flushMs / 2, () => this.#due());
    }
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#clear();
  }

  #clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #due(): void {
    this.#cancel = undefined;
    // A full disk says so to the next writer; until then it is tried again.
    this.#flush().catch(() => this.wrote(false));
  }
}
