/** `watch`: a snapshot of a query, then its changes, for readers of any speed. */

import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Replica } from '../set/replica.ts';
import type { Fact, Query, WatchEvent } from './api.ts';
import { factsOf, matches, queryFacts } from './fact.ts';

/** Facts of one snapshot event: a page that a browser renders without a blocked frame. */
const SNAPSHOT_FACTS = 500;

/**
 * Changes are gathered from before the snapshot starts, so nothing falls between the two, and what
 * is in both is told once. A reader that falls behind by `limits.watchQueueMax` facts gets a new
 * snapshot instead of an endless queue.
 */
export async function* watchFacts(
  replica: Replica,
  query: Query,
  signal?: AbortSignal,
): AsyncIterable<WatchEvent> {
  const changes = new Changes(replica, query, signal);
  try {
    while (!signal?.aborted) {
      changes.reset();
      let page: Fact[] = [];
      for await (const fact of queryFacts(replica.journal, query)) {
        if (signal?.aborted) return;
        changes.told(fact);
        page.push(fact);
        if (page.length < SNAPSHOT_FACTS) continue;
        yield { type: 'snapshot', facts: page, complete: false };
        page = [];
      }
      yield { type: 'snapshot', facts: page, complete: true };
      yield* changes.read();
    }
  } finally {
    changes.close();
  }
}

class Changes {
  readonly #signal: AbortSignal | undefined;
  readonly #stop: (() => void)[] = [];
  #facts = new Map<string, Fact>();
  #erased: string[] = [];
  #overflow = false;
  #wake: () => void = () => undefined;

  constructor(replica: Replica, query: Query, signal: AbortSignal | undefined) {
    this.#signal = signal;
    const onAbort = (): void => this.#wake();
    signal?.addEventListener('abort', onAbort);
    this.#stop.push(
      () => signal?.removeEventListener('abort', onAbort),
      replica.events.on('visible', (runs) => {
        for (const run of runs)
          for (const fact of factsOf(run.assertions)) if (matches(query, fact)) this.#add(fact);
      }),
      replica.events.on('restored', (assertion) => {
        for (const fact of factsOf([assertion])) if (matches(query, fact)) this.#add(fact);
      }),
      replica.events.on('erased', (id) => {
        this.#erased.push(bytesToHex(id));
        this.#wake();
      }),
    );
  }

  #add(fact: Fact): void {
    if (this.#facts.size >= limits.watchQueueMax) this.#overflow = true;
    else this.#facts.set(`${fact.id}/${fact.index}`, fact);
    this.#wake();
  }

  /** The snapshot told this fact already. */
  told(fact: Fact): void {
    this.#facts.delete(`${fact.id}/${fact.index}`);
  }

  reset(): void {
    this.#facts = new Map();
    this.#erased = [];
    this.#overflow = false;
  }

  /** Changes until the signal aborts or too many wait. */
  async *read(): AsyncIterable<WatchEvent> {
    while (!this.#signal?.aborted && !this.#overflow) {
      const facts = [...this.#facts.values()];
      const ids = this.#erased;
      this.#facts = new Map();
      this.#erased = [];
      if (facts.length > 0) yield { type: 'facts', facts };
      if (ids.length > 0) yield { type: 'erased', ids };
      await this.#change();
    }
  }

  async #change(): Promise<void> {
    if (this.#facts.size > 0 || this.#erased.length > 0 || this.#overflow || this.#signal?.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#wake();
  }
}
