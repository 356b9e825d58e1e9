/**
 * Which tab of a profile is the peer: the first to hold the profile's lock. When that tab closes,
 * the browser hands the lock on; when it freezes, it keeps the lock, so a tab whose pings go
 * unanswered takes it. The store's fence keeps the old one from writing on.
 */
import { limits } from '../../base/limits.ts';

export interface ElectionEvents {
  /** This tab is the peer until the signal aborts. Resolves when it has let go of everything. */
  lead(signal: AbortSignal): Promise<void>;
  ping(): void;
}

export class Election {
  readonly #lock: string;
  readonly #events: ElectionEvents;
  readonly #stopped = new AbortController();
  #unansweredSinceMs: number | undefined;
  #queued: AbortController | undefined;
  #leading: AbortController | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(profile: string, events: ElectionEvents) {
    this.#lock = `aver-peer:${profile}`;
    this.#events = events;
  }

  start(): void {
    void this.#queue();
    this.#timer = setInterval(() => this.#check(), limits.tabHeartbeatMs);
  }

  /** The peer tab answered. */
  answered(): void {
    this.#unansweredSinceMs = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped.abort();
    this.#queued?.abort();
    this.#leading?.abort();
  }

  #check(): void {
    if (this.#leading !== undefined) return;
    const now = performance.now();
    this.#unansweredSinceMs ??= now;
    if (now - this.#unansweredSinceMs > limits.tabTakeoverMs) void this.#steal();
    else this.#events.ping();
  }

  async #queue(): Promise<void> {
    while (!this.#stopped.signal.aborted && this.#leading === undefined) {
      this.#queued = new AbortController();
      await this.#request({ signal: this.#queued.signal });
    }
  }

  async #steal(): Promise<void> {
    this.#unansweredSinceMs = undefined;
    this.#queued?.abort();
    await this.#request({ steal: true });
    await this.#queue();
  }

  async #request(options: { signal: AbortSignal } | { steal: true }): Promise<void> {
    const leading = new AbortController();
    try {
      await navigator.locks.request(this.#lock, options, () => {
        if (this.#stopped.signal.aborted) return undefined;
        this.#leading = leading;
        return this.#events.lead(leading.signal);
      });
    } catch {
      // Queueing was cancelled, or the lock was stolen from us: then we lead no more.
    } finally {
      leading.abort();
      if (this.#leading === leading) this.#leading = undefined;
    }
  }
}
