/** `watch`: a snapshot of a query, then its changes, for readers of any speed. */

import { limits } from '../base/limits.ts';
import type { Journal } from '../set/journal.ts';
import type { Fact, Hex, Query, WatchEvent } from './api.ts';
import { factKey, queryFacts } from './fact.ts';
import type { VisibleFacts } from './visible-facts.ts';

/** Facts of one snapshot event: a page that a browser renders without a blocked frame. */
const SNAPSHOT_FACTS = 500;

/**
 * Changes are gathered from before the snapshot starts, so nothing falls between the two, and what
 * is in both is told once. A reader that falls behind by `limits.watchQueueMax` facts gets a new
 * snapshot instead of an endless queue.
 */
export async function* watchFacts(
  journal: Journal,
  visible: VisibleFacts,
  query: Query,
  signal?: AbortSignal,
): AsyncIterable<WatchEvent> {
  const changes = new Changes(visible, query, signal);
  try {
    while (!signal?.aborted) {
      changes.reset();
      let page: Fact[] = [];
      for await (const fact of queryFacts(journal, query)) {
        if (signal?.aborted) return;
        changes.told(fact);
        page.push(fact);
        if (page.length < SNAPSHOT_FACTS) continue;
        yield { type: 'snapshot', facts: page, complete: false };
        page = [];
      }
      yield { type: 'snapshot', facts: page, complete: true };
      for (let events = await changes.next(); events.length > 0; events = await changes.next())
        for (const event of events) yield event;
    }
  } finally {
    changes.close();
  }
}

class Changes {
  readonly #signal: AbortSignal | undefined;
  readonly #stop: readonly (() => void)[];
  #facts = new Map<string, Fact>();
  #erased: Hex[] = [];
  #overflow = false;
  #wake: () => void = () => undefined;

  constructor(visible: VisibleFacts, query: Query, signal: AbortSignal | undefined) {
    this.#signal = signal;
    const onAbort = (): void => this.#wake();
    const stopWatching = visible.watch(query, {
      fact: (fact, key) => this.#add(fact, key),
      erased: (id) => {
        this.#erased.push(id);
        this.#wake();
      },
    });
    signal?.addEventListener('abort', onAbort);
    this.#stop = [stopWatching, () => signal?.removeEventListener('abort', onAbort)];
  }

  #add(fact: Fact, key: string): void {
    if (this.#facts.size >= limits.watchQueueMax) this.#overflow = true;
    else this.#facts.set(key, fact);
    this.#wake();
  }

  /** The snapshot told this fact already. */
  told(fact: Fact): void {
    if (this.#facts.size > 0) this.#facts.delete(factKey(fact));
  }

  reset(): void {
    this.#facts = new Map();
    this.#erased = [];
    this.#overflow = false;
  }

  /** What changed since the last call, once there is something; nothing when the signal aborts or too many wait. */
  async next(): Promise<readonly WatchEvent[]> {
    while (!this.#signal?.aborted && !this.#overflow) {
      if (this.#facts.size > 0 || this.#erased.length > 0) return this.#take();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return [];
  }

  #take(): WatchEvent[] {
    const events: WatchEvent[] = [];
    if (this.#facts.size > 0) events.push({ type: 'facts', facts: [...this.#facts.values()] });
    if (this.#erased.length > 0) events.push({ type: 'erased', ids: this.#erased });
    this.#facts = new Map();
    this.#erased = [];
    return events;
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#wake();
  }
}
