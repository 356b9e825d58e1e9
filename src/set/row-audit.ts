/** The rows beside the stored runs of a space (places, chains, times, claims, tips, counters, filter), held against the runs. */
import { type Assertion, kinds, type Run } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { ClaimFilter, type FilterSegment } from './claim-filter.ts';
import { claimsOf } from './claim-reader.ts';
import type { DamageList } from './damage.ts';
import { Journal } from './journal.ts';
import * as keys from './journal-keys.ts';
import { sturdyRange } from './sturdy-range.ts';

/** Tables whose rows are all told by the runs; those of the filter and of what is wanted are not. */
const TOLD = ['chain', 'time', 'place', 'claim', 'tip'] as const satisfies readonly keys.TableName[];
type Told = (typeof TOLD)[number];

export class RowAudit {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #damage: DamageList;
  /** What places should say whose rows say something else, by id in hex. */
  readonly #places = new Map<string, keys.Place>();
  /** Rows that are where they should be, whatever they say. */
  readonly #found: Record<Told, number> = { chain: 0, time: 0, place: 0, claim: 0, tip: 0 };
  readonly #filter = new ClaimFilter();
  /** Runs below this arrival are whole in the stored filter. */
  #filtered = 0;
  #claims = 0;

  /** The store holds one space alone. */
  constructor(store: Store, space: Uint8Array, damage: DamageList) {
    this.#store = store;
    this.#journal = new Journal(store, space);
    this.#damage = damage;
  }

  async loadFilter(): Promise<void> {
    const segments: FilterSegment[] = [];
    for await (const [key, bytes] of this.#rows('filter'))
      if (key.length === 5) segments.push({ index: keys.filterIndex(key), bytes });
    this.#filtered = this.#filter.load(segments);
    this.#filter.complete();
  }

  checkCounters(found: keys.Counters | undefined, wanted: keys.Counters): void {
    if (wanted.arrivals === 0 && found === undefined) return;
    if (found?.arrivals === wanted.arrivals && found.assertions === wanted.assertions) return;
    const message = `the counters say ${found?.arrivals ?? 'no'} runs with ${found?.assertions ?? 'no'} assertions, and there are ${wanted.arrivals} with ${wanted.assertions}`;
    this.#damage.add({ code: 'ROW_DAMAGED', table: 'counters', message });
  }

  /** Where these are, by the runs that were looked at so far. */
  async places(ids: readonly Uint8Array[]): Promise<(keys.Place | undefined)[]> {
    const values = await this.#values(ids.map(keys.placeKey));
    return ids.map((id, i) => {
      const value = values[i];
      const told = this.#places.get(bytesToHex(id));
      return told ?? (value?.length === 21 ? keys.decodePlace(value) : undefined);
    });
  }

  async find(id: Uint8Array): Promise<Assertion | undefined> {
    const [place] = await this.places([id]);
    if (place === undefined) return undefined;
    const run = await this.#journal.run(place.arrival).catch((error: unknown) => {
      if (isAverError(error)) return undefined;
      throw error;
    });
    const found = run?.assertions[place.index];
    return found !== undefined && equalBytes(found.id, id) ? found : undefined;
  }

  /** All rows that a run has beside it. */
  async checkRun(run: Run, arrival: number): Promise<void> {
    const wanted = this.#journal.opsOf(run, arrival).filter(({ key }) => isTold(keys.tableOf(key)));
    const values = await this.#values(wanted.map(({ key }) => key));
    for (const [i, { key, value }] of wanted.entries()) {
      const table = keys.tableOf(key) as Told;
      const found = values[i];
      if (found !== undefined) this.#found[table]++;
      if (found !== undefined && equalBytes(found, value as Uint8Array)) {
        if (table === 'claim') this.#claims++;
        continue;
      }
      if (table === 'place')
        this.#places.set(bytesToHex(key.slice(1)), keys.decodePlace(value as Uint8Array));
      this.#damaged(table, arrival, found === undefined ? 'is missing' : 'says something else than the run');
    }
    await this.#checkWanted(run, arrival);
    if (arrival < this.#filtered) this.#checkFilter(run, arrival);
  }

  /** What came erased is wanted; what is here is not. */
  async #checkWanted(run: Run, arrival: number): Promise<void> {
    const here = run.assertions.filter(({ payload }) => payload !== undefined);
    const marks = await this.#values(here.map(({ id }) => keys.wantedKey(id)));
    if (marks.some((mark) => mark !== undefined))
      this.#damaged('wanted', arrival, 'asks for a payload that is here');
  }

  #checkFilter(run: Run, arrival: number): void {
    const isLeftOut = run.assertions.some(
      (assertion) =>
        assertion.kind === kinds.claim &&
        claimsOf(assertion).some(({ subject, predicate }) => !this.#filter.mayHave(subject, predicate)),
    );
    if (isLeftOut) this.#damaged('filter', arrival, 'leaves a claim of the run out');
  }

  #damaged(table: string, arrival: number, what: string): void {
    this.#damage.add({ code: 'ROW_DAMAGED', table, arrival, message: `a row of the table ${table} ${what}` });
  }

  /** Says of lost runs whose they were, where the index of chains still tells. */
  async nameLost(isLost: (arrival: number) => boolean): Promise<void> {
    if (this.#damage.count === 0) return;
    for await (const [key, value] of this.#rows('chain')) {
      if (key.length !== 49 || value.length !== 56) continue;
      const { arrival, firstSeq, lastSeq } = keys.decodeChainRow(key, value);
      if (!isLost(arrival)) continue;
      this.#damage.name(arrival, { author: bytesToHex(key.slice(1, 33)), firstSeq, lastSeq });
    }
  }

  /** `tips` by id in hex; undefined where it is not known what they should be. */
  async checkTips(tips: ReadonlyMap<string, keys.TipRecord> | undefined): Promise<void> {
    if (tips === undefined) return;
    const keysOfTips = [...tips.values()].map(keys.tipKey);
    for (const [i, tip] of [...tips.values()].entries()) {
      const [found] = await this.#values([keysOfTips[i] as Uint8Array]);
      if (found !== undefined) this.#found.tip++;
      if (found !== undefined && equalBytes(found, keys.encodeTip(tip))) continue;
      const message = `the tip of ${bytesToHex(tip.author).slice(0, 16)}… at ${tip.seq} ${found === undefined ? 'is missing' : 'says something else than its run'}`;
      this.#damage.add({ code: 'ROW_DAMAGED', table: 'tip', message });
    }
  }

  /** Rows of which no run knows. Returns the claims that are as they should be. */
  async checkStrays(): Promise<number> {
    // Of lost runs the rows are still there: nothing can be said of them.
    const runsLost = this.#damage.list.some(({ code }) => code.startsWith('RUN_'));
    for (const table of runsLost ? [] : TOLD) {
      let rows = 0;
      for await (const _ of this.#rows(table)) rows++;
      const strays = rows - this.#found[table];
      if (strays <= 0) continue;
      const message = `${strays} ${strays === 1 ? 'row' : 'rows'} of the table ${table} that no run explains`;
      this.#damage.add({ code: 'ROW_STRAY', table, message });
    }
    return this.#claims;
  }

  /** Without rows that are damaged: those that runs tell of are found by what should be there. */
  #rows(table: keys.TableName): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return sturdyRange(this.#store, keys.allOf(table), (key, why) => {
      if (key !== undefined) return;
      const message = `the table ${table} cannot be read to its end: ${why}`;
      this.#damage.add({ code: 'TABLE_UNREADABLE', table, message });
    });
  }

  /** Undefined for what is missing, and for what the store cannot read. */
  async #values(wanted: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return await this.#store.getMany(wanted);
    } catch (error) {
      if (!isAverError(error, 'STORE_CORRUPT')) throw error;
    }
    const values: (Uint8Array | undefined)[] = [];
    for (const key of wanted) {
      values.push(
        await this.#store.get(key).catch((error: unknown) => {
          if (isAverError(error, 'STORE_CORRUPT')) return undefined;
          throw error;
        }),
      );
    }
    return values;
  }
}

function isTold(table: keys.TableName | undefined): table is Told {
  return (TOLD as readonly (keys.TableName | undefined)[]).includes(table);
}
