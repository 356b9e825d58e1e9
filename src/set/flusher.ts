/**
 * How much of a replica survives a power cut. What was not written durably is flushed once the writes
 * pause, and in any case within `limits.flushMs`; where that fails it is tried again.
 */
import { limits } from '../base/limits.ts';
import type { Clock, Log } from '../base/ports.ts';
import type { Trie } from './trie.ts';

interface FlusherParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly flushStore: () => Promise<void>;
  /** The state that survives a power cut moved on. */
  readonly onFlushed: (trie: Trie) => void;
}

export class Flusher {
  readonly #parts: FlusherParts;
  #latest: Trie | undefined;
  /** Writes, and how many of them are known to be flushed. */
  #writes = 0;
  #flushed = 0;
  #dirtySinceMs: number | undefined;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(parts: FlusherParts) {
    this.#parts = parts;
  }

  /** A write, durable or not, led to this state. */
  wrote(trie: Trie, durable: boolean): void {
    this.#writes++;
    this.#latest = trie;
    if (durable) this.#reached(this.#writes, trie);
    else this.#flushIn(limits.flushQuietMs);
  }

  /** Resolves when everything written before survives a power cut. */
  async flush(): Promise<void> {
    this.#cancel();
    this.#dirtySinceMs = undefined;
    const [writes, trie] = [this.#writes, this.#latest];
    await this.#parts.flushStore();
    if (trie !== undefined) this.#reached(writes, trie);
  }

  /** The last flush; there is none by itself afterwards. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  #flushIn(delayMs: number): void {
    const { clock, log } = this.#parts;
    const nowMs = clock.nowMs();
    this.#dirtySinceMs ??= nowMs;
    const leftMs = Math.max(0, this.#dirtySinceMs + limits.flushMs - nowMs);
    this.#cancel();
    this.#cancel = clock.setTimer(Math.min(leftMs, delayMs), () => {
      this.flush().catch((error: unknown) => {
        log.write('warn', 'could not flush', { message: String(error) });
        if (!this.#isClosed) this.#flushIn(limits.flushMs);
      });
    });
  }

  #reached(writes: number, trie: Trie): void {
    if (writes <= this.#flushed) return;
    this.#flushed = writes;
    this.#parts.onFlushed(trie);
  }
}
