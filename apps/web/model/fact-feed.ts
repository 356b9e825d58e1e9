/**
 * The live table of one space: watches the space with the filter that is set and applies what
 * arrives once per animation frame.
 */
import { batch, computed, signal } from '@preact/signals';
import { limits } from '../../../src/base/limits.ts';
import type { Fact, Query, Resolution, Space, WatchEvent } from '../../../src/peer/api.ts';
import { FactTable, groupKey, type TableOrder } from './fact-table.ts';
import { debounced, frameTask } from './frames.ts';
import { tableRows } from './table-rows.ts';

/** Claims that one frame takes in: a few milliseconds of work. */
const FRAME_FACTS_MAX = 2000;
/** Typing pauses this long before the query changes. */
const TYPING_MS = 150;

export class FactFeed {
  readonly subject = signal('');
  readonly predicate = signal('');
  readonly order = signal<TableOrder>('newest');
  readonly expanded = signal<ReadonlySet<string>>(new Set());
  readonly resolutions = signal<ReadonlyMap<string, Resolution>>(new Map());
  /** False until the first snapshot is on the screen. */
  readonly loaded = signal(false);
  /** False when the space has more claims than the table takes. */
  readonly complete = signal(true);
  readonly size = signal(0);
  /** The last claims that came in while one was looking, for a live region. */
  readonly news = signal<readonly Fact[]>([]);
  readonly error = signal<unknown>(undefined);

  readonly groups;
  readonly rows;
  /** Predicates seen so far, for suggestions. */
  readonly predicates = signal<readonly string[]>([]);

  readonly #space: Space;
  readonly #version = signal(0);
  readonly #queue: WatchEvent[] = [];
  readonly #apply = frameTask(() => this.#applyQueue());
  readonly #requery = debounced(() => this.start(), TYPING_MS);
  readonly #known = new Set<string>();
  #table = new FactTable('newest');
  #watching = new AbortController();

  constructor(space: Space) {
    this.#space = space;
    this.groups = computed(() => {
      this.#version.value;
      return this.#table.rows();
    });
    this.rows = computed(() => tableRows(this.groups.value, this.expanded.value, this.resolutions.value));
  }

  /** Begins, or begins again with the filter that is set now. */
  start(): void {
    this.stop();
    this.#watching = new AbortController();
    this.#table = new FactTable(this.order.value);
    this.loaded.value = false;
    this.complete.value = true;
    void this.#watch(this.#watching.signal);
  }

  stop(): void {
    this.#watching.abort();
    this.#apply.cancel();
    this.#requery.cancel();
    this.#queue.length = 0;
  }

  filter(change: { readonly subject?: string; readonly predicate?: string }): void {
    if (change.subject !== undefined) this.subject.value = change.subject;
    if (change.predicate !== undefined) this.predicate.value = change.predicate;
    this.#requery.request();
  }

  sort(order: TableOrder): void {
    this.order.value = order;
    this.start();
  }

  get filtered(): boolean {
    return this.subject.value !== '' || this.predicate.value !== '';
  }

  async toggle(key: string): Promise<void> {
    const expanded = new Set(this.expanded.value);
    const resolutions = new Map(this.resolutions.value);
    if (!expanded.delete(key)) expanded.add(key);
    // A closed group is not kept up to date.
    if (!expanded.has(key)) resolutions.delete(key);
    this.expanded.value = expanded;
    this.resolutions.value = resolutions;
    if (expanded.has(key)) await this.#resolve(key);
  }

  async #resolve(key: string): Promise<void> {
    const group = this.#table.group(key);
    if (group === undefined) return;
    try {
      const resolution = await this.#space.get(group.subject, group.predicate);
      // It may have been closed meanwhile.
      if (!this.expanded.value.has(key)) return;
      this.resolutions.value = new Map(this.resolutions.value).set(key, resolution);
    } catch (error) {
      this.error.value = error;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#space.watch(this.#query(), { signal })) {
        if (signal.aborted) return;
        this.#queue.push(event);
        this.#apply.request();
      }
    } catch (error) {
      if (!signal.aborted) this.error.value = error;
    }
  }

  #query(): Query {
    const subject = this.subject.value;
    const predicate = this.predicate.value.trim();
    const newest = this.order.value === 'newest';
    return {
      ...(subject !== '' && { subject: subject.endsWith('*') ? subject : `${subject}*` }),
      ...(predicate !== '' && { predicate }),
      order: newest ? 'hlc' : 'subject',
      reverse: newest,
      limit: limits.tableClaimsMax,
    };
  }

  /** One frame's share of what waits; big snapshots are spread over several frames. */
  #applyQueue(): void {
    let room = FRAME_FACTS_MAX;
    batch(() => {
      while (room > 0) {
        const event = this.#queue.shift();
        if (event === undefined) break;
        room -= this.#applyEvent(event, room);
      }
      this.#version.value++;
      this.size.value = this.#table.size;
    });
    if (this.#table.size > 2 * limits.tableClaimsMax) this.start();
    else if (this.#queue.length > 0) this.#apply.request();
  }

  #applyEvent(event: WatchEvent, room: number): number {
    if (event.type === 'erased') {
      this.#table.remove(event.ids);
      // Until the lens has answered again, the claims stand in the table's own order.
      this.resolutions.value = new Map();
      for (const key of this.expanded.value) void this.#resolve(key);
      return 1;
    }
    const now = event.facts.slice(0, room);
    const later = event.facts.slice(room);
    if (later.length > 0) this.#queue.unshift({ ...event, facts: later });
    if (event.type === 'snapshot') this.#applySnapshot(event, now, later.length === 0);
    else this.#applyNews(now);
    return now.length + 1;
  }

  #applySnapshot(event: { readonly complete: boolean }, facts: readonly Fact[], last: boolean): void {
    // A watcher that fell behind gets a snapshot again: what it then lacks is gone. After an
    // incomplete one this is more of the same.
    if (this.loaded.value && this.complete.value) {
      this.#table = new FactTable(this.order.value);
      this.loaded.value = false;
    }
    this.#table.add(facts);
    this.#notePredicates(facts);
    if (!last) return;
    this.loaded.value = true;
    this.complete.value = event.complete;
  }

  #applyNews(facts: readonly Fact[]): void {
    if (this.#table.add(facts, Date.now()) === 0) return;
    this.#notePredicates(facts);
    this.news.value = facts;
    const touched = new Set(facts.map((fact) => groupKey(fact.subject, fact.predicate)));
    for (const key of touched) if (this.expanded.value.has(key)) void this.#resolve(key);
  }

  #notePredicates(facts: readonly Fact[]): void {
    const before = this.#known.size;
    for (const fact of facts) if (this.#known.size < 50) this.#known.add(fact.predicate);
    if (this.#known.size > before) this.predicates.value = [...this.#known].sort();
  }
}
