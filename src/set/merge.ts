/**
 * One batch of runs on its way into the set: decides for each what becomes of it, given what is
 * already in and what the batch itself brings, and collects the rows to write. Nothing here writes.
 */

import { compareHlc } from '../assertion/hlc.ts';
import { type Assertion, firstOf, type Hlc, lastOf, type Run } from '../assertion/model.ts';
import { equalBytes, mapKey } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import type { StoreOp } from '../base/ports.ts';
import type { Frontier, FrontierChange } from './frontier.ts';
import type { Journal } from './journal.ts';
import {
  type Counters,
  countersKey,
  encodeCounters,
  encodeTip,
  type Place,
  type TipRecord,
  tipKey,
} from './journal-keys.ts';

/** What becomes of one run. */
export type Placement =
  | { readonly type: 'accepted'; readonly run: Run; readonly known: number }
  | { readonly type: 'known' }
  | { readonly type: 'waits'; readonly run: Run; readonly known: number; readonly missing: Set<string> };

/** Tips of one author that a batch adds and removes, by id: of thousands of forks none is searched for. */
interface TipsChange {
  /** The author's key, as the frontier holds it. */
  readonly author: Uint8Array;
  readonly added: Map<string, TipRecord>;
  readonly removed: Map<string, TipRecord>;
}

export class MergeBatch {
  readonly #frontier: Frontier;
  readonly #journal: Journal;
  /** What the batch brought so far. */
  readonly #runs: Run[] = [];
  /** By id, of as many of the runs as somebody asked after: mostly nobody does. */
  readonly #byId = new Map<string, Assertion>();
  #runsById = 0;
  /** What the batch does to the tips, by author. */
  readonly #tips = new Map<string, TipsChange>();
  readonly #ops: StoreOp[] = [];
  /** Of what runs name outside of the batch, by id: where it is, undefined where it is not stored. */
  readonly #placeById = new Map<string, Place | undefined>();
  /** The batch that is being stored meanwhile: this one goes on from what it will leave. */
  #before: MergeBatch | undefined;
  counters: Counters;

  constructor(frontier: Frontier, journal: Journal, counters: Counters, before?: MergeBatch) {
    this.#frontier = frontier;
    this.#journal = journal;
    this.#before = before;
    this.counters = before?.counters ?? counters;
  }

  /** The batch before this one is stored, or never will be. */
  forgetBefore(): void {
    this.#before = undefined;
  }

  #findTip(author: Uint8Array, id: Uint8Array): TipRecord | undefined {
    const change = this.#tips.get(mapKey(author));
    const key = mapKey(id);
    if (change?.removed.has(key)) return undefined;
    const added = change?.added.get(key);
    if (added !== undefined) return added;
    return this.#before === undefined
      ? this.#frontier.findTip(author, id)
      : this.#before.#findTip(author, id);
  }

  /** The author's key as it is held already; undefined where there is nothing of the author. */
  #keyOf(author: Uint8Array): Uint8Array | undefined {
    const change = this.#tips.get(mapKey(author));
    if (change !== undefined) return change.author;
    return this.#before === undefined ? this.#frontier.tipOf(author)?.author : this.#before.#keyOf(author);
  }

  #addedHere(id: string): Assertion | undefined {
    for (; this.#runsById < this.#runs.length; this.#runsById++) {
      const { assertions } = this.#runs[this.#runsById] as Run;
      for (const assertion of assertions) this.#byId.set(mapKey(assertion.id), assertion);
    }
    const found = this.#byId.get(id);
    return found !== undefined || this.#before === undefined ? found : this.#before.#addedHere(id);
  }

  /** Reads at once where the parents of these runs are, which are about to be placed. */
  async readParents(runs: readonly Run[]): Promise<void> {
    const outside = new Map<string, Uint8Array>();
    for (const { assertions } of runs)
      for (const { parents } of assertions) for (const id of parents) outside.set(mapKey(id), id);
    if (outside.size === 0) return;
    for (const { assertions } of runs) for (const { id } of assertions) outside.delete(mapKey(id));
    // What the batch before this one brings is not stored yet: it is looked at first, later.
    const ids = [...outside.values()];
    const places = await this.#journal.places(ids);
    for (const [i, id] of ids.entries()) this.#placeById.set(mapKey(id), places[i]);
  }

  /** HLC of each id that is visible, in the set or in this batch. */
  async #find(ids: readonly Uint8Array[]): Promise<(Hlc | undefined)[]> {
    const found = ids.map((id) => {
      const key = mapKey(id);
      return this.#addedHere(key)?.hlc ?? this.#placeById.get(key)?.hlc;
    });
    const open = ids.filter((id, i) => found[i] === undefined && !this.#placeById.has(mapKey(id)));
    if (open.length === 0) return found;
    const places = await this.#journal.places(open);
    const hlcOf = new Map(open.map((id, i) => [id, places[i]?.hlc]));
    return found.map((hlc, i) => hlc ?? hlcOf.get(ids[i] as Uint8Array));
  }

  /** Takes the run in, if it can be. Throws `BAD_CHAIN` or `BAD_HLC` when it contradicts what it builds on. */
  async place(whole: Run): Promise<Placement> {
    const placement = await this.judge(whole);
    if (placement.type === 'accepted') this.#accept(placement.run);
    return placement;
  }

  /** What `place` would say; changes nothing. */
  async judge(whole: Run): Promise<Placement> {
    const known = await this.#known(whole);
    if (known === whole.assertions.length) return { type: 'known' };
    const run = known === 0 ? whole : { ...whole, assertions: whole.assertions.slice(known) };
    const missing = new Set<string>();
    await this.#checkBase(run, missing);
    await this.#checkParents(run, missing);
    if (missing.size > 0) return { type: 'waits', run, known, missing };
    return { type: 'accepted', run, known };
  }

  /** How many of the run's first assertions are in the set already. */
  async #known(run: Run): Promise<number> {
    const first = firstOf(run);
    // The usual cases cost no read: it starts the chain, or continues a tip, which nothing follows yet.
    if (this.#keyOf(run.author) === undefined) return 0;
    if (first.prev !== null && this.#findTip(run.author, first.prev) !== undefined) return 0;
    if (this.#findTip(run.author, lastOf(run).id) !== undefined) return run.assertions.length;
    const found = await this.#find(run.assertions.map((assertion) => assertion.id));
    const unknown = found.indexOf(undefined);
    return unknown === -1 ? run.assertions.length : unknown;
  }

  async #checkBase(run: Run, missing: Set<string>): Promise<void> {
    const first = firstOf(run);
    if (first.prev === null) return;
    const base = await this.#base(run.author, first.prev);
    if (base === undefined) {
      missing.add(mapKey(first.prev));
      return;
    }
    if (!equalBytes(base.author, run.author) || base.seq !== first.seq - 1) {
      throw new AverError('BAD_CHAIN', 'The run does not follow what it names as the assertion before.');
    }
    if (compareHlc(first.hlc, base.hlc) <= 0)
      throw new AverError('BAD_HLC', 'The run is older than its chain.');
  }

  async #base(author: Uint8Array, id: Uint8Array): Promise<TipRecord | undefined> {
    return this.#findTip(author, id) ?? this.#addedHere(mapKey(id)) ?? this.#journal.find(id);
  }

  async #checkParents(run: Run, missing: Set<string>): Promise<void> {
    // The clock advances along the run, so the first that names a parent is the one to compare.
    const named = new Map<string, { readonly id: Uint8Array; readonly hlc: Hlc }>();
    for (const { parents, hlc } of run.assertions) {
      for (const id of parents) if (!named.has(mapKey(id))) named.set(mapKey(id), { id, hlc });
    }
    if (named.size === 0) return;
    // Parents inside the run come before what names them: an id cannot name a later one.
    for (const { id } of run.assertions) named.delete(mapKey(id));
    const outside = [...named.values()];
    const found = await this.#find(outside.map(({ id }) => id));
    for (const [i, hlc] of found.entries()) {
      const namer = outside[i] as { readonly id: Uint8Array; readonly hlc: Hlc };
      if (hlc === undefined) missing.add(mapKey(namer.id));
      else if (compareHlc(namer.hlc, hlc) <= 0) {
        throw new AverError('BAD_HLC', 'The assertion is older than one of its parents.');
      }
    }
  }

  #accept(run: Run): void {
    const last = lastOf(run);
    const arrival = this.counters.arrivals;
    this.counters = { arrivals: arrival + 1, assertions: this.counters.assertions + run.assertions.length };
    this.#ops.push(...this.#journal.opsOf(run, arrival));
    this.#runs.push(run);
    const { prev } = firstOf(run);
    const change = this.#changeOf(run.author);
    const continued = prev === null ? undefined : this.#findTip(run.author, prev);
    // A tip that came and goes within the batch is never mentioned.
    if (continued !== undefined && !change.added.delete(mapKey(continued.id)))
      change.removed.set(mapKey(continued.id), continued);
    const tip = { author: change.author, seq: last.seq, id: last.id, hlc: last.hlc };
    change.added.set(mapKey(tip.id), tip);
  }

  #changeOf(author: Uint8Array): TipsChange {
    const known = this.#tips.get(mapKey(author));
    if (known !== undefined) return known;
    // The frontier outlives the run: it must not keep the run's bytes alive for the sake of a key.
    const key = this.#keyOf(author) ?? author.slice();
    const change = { author: key, added: new Map(), removed: new Map() };
    this.#tips.set(mapKey(author), change);
    return change;
  }

  /** All rows of the batch, and what it does to the frontier. Tips that came and went within it are not mentioned. */
  finish(): { readonly ops: readonly StoreOp[]; readonly change: FrontierChange } {
    const changes = [...this.#tips.values()];
    const add = changes.flatMap(({ added }) => [...added.values()]);
    const remove = changes.flatMap(({ removed }) => [...removed.values()]);
    for (const tip of remove) this.#ops.push({ key: tipKey(tip), value: undefined });
    for (const tip of add) this.#ops.push({ key: tipKey(tip), value: encodeTip(tip) });
    this.#ops.push({ key: countersKey, value: encodeCounters(this.counters) });
    return { ops: this.#ops, change: { add, remove } };
  }
}
