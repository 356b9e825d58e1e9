/**
 * The journal: a space's assertions in the store. A run's bytes are stored once, as a block under
 * its arrival number; everything else (by id, by author and seq, by time, by subject and predicate)
 * points at blocks. All rows of a batch are written together or not at all.
 */
import type { Assertion, Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { bytesToHex, concatBytes } from '../base/bytes.ts';
import type { Store, StoreOp } from '../base/ports.ts';
import { type Block, Blocks } from './blocks.ts';
import { ClaimFilter, type FilterSegment } from './claim-filter.ts';
import { type ClaimQuery, ClaimReader, type ClaimRecord, claimsOf } from './claim-reader.ts';
import * as keys from './journal-keys.ts';

const NOTHING = new Uint8Array(0);
/** Runs read at once for the filter of claims: few enough to let other work in between. */
const FILTER_RUNS = 16;

export class Journal {
  readonly #store: Store;
  readonly #space: Uint8Array;
  readonly #blocks: Blocks;
  readonly #claims: ClaimReader;
  readonly #filter = new ClaimFilter();
  /** Something that was erased here may have been lost since. */
  #mayComeErased = false;
  /** Of what came again, ids in hex: erased here once, and not wanted. */
  readonly #erasedAgain = new Set<string>();
  #filling: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** `onDamage` hears once of each stored run that turns out to be damaged or missing. */
  constructor(store: Store, space: Uint8Array, onDamage: (arrival: number) => void = () => undefined) {
    this.#store = store;
    this.#space = space;
    this.#blocks = new Blocks(store, space, onDamage);
    this.#claims = new ClaimReader(store, this.#blocks);
  }

  /** Read once, when the replica opens. */
  async counters(): Promise<keys.Counters> {
    const [value, rebuilt] = await this.#store.getMany([keys.countersKey, keys.rebuiltKey]);
    this.#mayComeErased = rebuilt !== undefined;
    return value === undefined ? { arrivals: 0, assertions: 0 } : keys.decodeCounters(value);
  }

  /** Takes up what is stored of the filter of claims. Runs that it lacks are read meanwhile, and not waited for. */
  async loadFilter(): Promise<void> {
    const stored: FilterSegment[] = [];
    for await (const [key, bytes] of this.#store.range(keys.allFilters))
      stored.push({ index: keys.filterIndex(key), bytes });
    const from = this.#filter.load(stored);
    // Without it every look-up goes to the disk, and nothing else is lost.
    this.#filling = this.#fillFilter(from).catch(() => undefined);
  }

  async #fillFilter(from: number): Promise<void> {
    for (let arrival = from; !this.#isClosed; ) {
      let runs = 0;
      for await (const stored of this.#blocks.all(arrival, FILTER_RUNS)) {
        for (const assertion of decodeRun(stored.bytes, this.#space).assertions) this.#addToFilter(assertion);
        arrival = stored.arrival + 1;
        this.#filter.noteRead(arrival);
        runs++;
      }
      if (runs < FILTER_RUNS) return this.#filter.complete();
    }
  }

  /** The runs as they are to be stored: without what was erased before they were lost. */
  async withoutErased(runs: readonly Run[]): Promise<readonly Run[]> {
    if (!this.#mayComeErased) return runs;
    const ids = runs.flatMap(({ assertions }) => assertions.map(({ id }) => id));
    const marks = await this.#store.getMany(ids.map(keys.erasedKey));
    const erased = new Set(ids.filter((_, i) => marks[i] !== undefined).map(bytesToHex));
    if (erased.size === 0) return runs;
    for (const id of erased) this.#erasedAgain.add(id);
    const strip = (assertion: Assertion): Assertion =>
      erased.has(bytesToHex(assertion.id)) ? { ...assertion, payload: undefined } : assertion;
    return runs.map((run) => ({ ...run, assertions: run.assertions.map(strip) }));
  }

  /** Remembers that these were erased before the store was made anew. */
  async writeErased(ids: readonly Uint8Array[]): Promise<void> {
    if (ids.length === 0) return;
    this.#mayComeErased = true;
    const ops = [keys.rebuiltKey, ...ids.map(keys.erasedKey)].map((key) => ({ key, value: NOTHING }));
    await this.#store.write(ops, { durable: false });
  }

  #addToFilter(assertion: Assertion): void {
    for (const { subject, predicate } of claimsOf(assertion)) this.#filter.add(subject, predicate);
  }

  /** False only if there certainly is no claim of this subject and predicate here. */
  mayHave(subject: string, predicate: string): boolean {
    return this.#filter.mayHave(subject, predicate);
  }

  async *tips(): AsyncIterable<keys.TipRecord> {
    for await (const [key, value] of this.#store.range(keys.allTips)) yield keys.decodeTip(key, value);
  }

  async places(ids: readonly Uint8Array[]): Promise<(keys.Place | undefined)[]> {
    if (ids.length === 0) return [];
    const values = await this.#store.getMany(ids.map(keys.placeKey));
    return values.map((value) => (value === undefined ? undefined : keys.decodePlace(value)));
  }

  /** Throws `STORE_CORRUPT` when it is missing or damaged. */
  run(arrival: number): Promise<Run> {
    return this.#blocks.run(arrival);
  }

  async find(id: Uint8Array): Promise<Assertion | undefined> {
    const [place] = await this.places([id]);
    return place === undefined ? undefined : (await this.run(place.arrival)).assertions[place.index];
  }

  /** Stored bytes of some runs, not decoded; undefined for each that is missing or damaged. */
  blocks(arrivals: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#blocks.bytes(arrivals);
  }

  /** Rows of a chain whose last seq is from `fromSeq` to `toSeq`, in its order. */
  async *chain(
    author: Uint8Array,
    fromSeq: number,
    toSeq: number,
    page: {
      readonly limit?: number;
      readonly reverse?: boolean;
      readonly after?: keys.ChainRow | undefined;
    } = {},
  ): AsyncIterable<keys.ChainRow> {
    const { after, ...order } = page;
    const { gte, lt } = keys.chainRange(author, fromSeq, toSeq);
    const from = after === undefined ? gte : keys.afterChainKey(author, after);
    for await (const [key, value] of this.#store.range({ gte: from, lt, ...order })) {
      yield keys.decodeChainRow(key, value);
    }
  }

  /** All rows of all chains. */
  async *chains(): AsyncIterable<{ readonly author: Uint8Array; readonly row: keys.ChainRow }> {
    for await (const [key, value] of this.#store.range(keys.allOf('chain')))
      yield { author: key.slice(1, 33), row: keys.decodeChainRow(key, value) };
  }

  /** Every stored run in order of arrival: a run's ancestors come before it. Throws `STORE_CORRUPT`. */
  runs(fromArrival = 0): AsyncIterable<Block> {
    return this.#blocks.all(fromArrival);
  }

  claims(query: ClaimQuery): AsyncIterable<ClaimRecord> {
    return this.#claims.claims(query);
  }

  /** Ids of the assertions that made the newest claims of a subject and predicate before a time. */
  async newestClaims(
    subject: string,
    predicate: string,
    beforeNs: bigint,
    limit: number,
  ): Promise<Uint8Array[]> {
    return this.mayHave(subject, predicate) ? this.#claims.newest(subject, predicate, beforeNs, limit) : [];
  }

  /** The rows that store a run whose assertions are all new. */
  opsOf(run: Run, arrival: number): StoreOp[] {
    const row = keys.chainRow(run, arrival);
    const ops: StoreOp[] = [
      this.#blocks.op(run, arrival),
      { key: keys.chainKey(run.author, row), value: keys.encodeChainRow(row) },
      { key: keys.timeKey(row.lastHlc, arrival), value: NOTHING },
    ];
    for (const [index, assertion] of run.assertions.entries()) {
      const place = { arrival, index, hlc: assertion.hlc };
      ops.push({ key: keys.placeKey(assertion.id), value: keys.encodePlace(place) });
      if (assertion.payload !== undefined) ops.push(...this.#claimOps(assertion, place));
      else if (!this.#erasedAgain.has(bytesToHex(assertion.id)))
        ops.push({ key: keys.wantedKey(assertion.id), value: NOTHING });
    }
    // The run that filled a segment may go on in the next one, so it is to be read again.
    for (const segment of this.#filter.takeFull(arrival)) ops.push(filterOp(segment));
    return ops;
  }

  #claimOps(assertion: Assertion, place: keys.Place): StoreOp[] {
    return claimsOf(assertion).map(({ subject, predicate }, claimIndex) => {
      this.#filter.add(subject, predicate);
      return { key: keys.claimKey(subject, predicate, { ...place, claimIndex }), value: assertion.id };
    });
  }

  write(ops: readonly StoreOp[], durable: boolean): Promise<void> {
    return this.#store.write(ops, { durable });
  }

  flush(): Promise<void> {
    return this.#store.flush();
  }

  /** Stores what is quicker to read than to make again. `arrivals`: the runs that are stored. */
  async close(arrivals: number): Promise<void> {
    this.#isClosed = true;
    await this.#filling;
    const segments = this.#filter.takeFull(arrivals);
    const open = this.#filter.open(arrivals);
    if (open !== undefined) segments.push(open);
    if (segments.length === 0) return;
    // On a full disk, or where another tab took over, they are made again from the runs.
    await this.#store.write(segments.map(filterOp), { durable: false }).catch(() => undefined);
  }

  /**
   * Replaces the payload of one stored assertion: by nothing (erased), or by the bytes that its hash
   * names (restored). Either way it is wanted no more. Returns whether it was here.
   */
  async replacePayload(id: Uint8Array, payload: Uint8Array | undefined): Promise<boolean> {
    const [place] = await this.places([id]);
    if (place === undefined) return false;
    const run = await this.run(place.arrival);
    const before = run.assertions[place.index] as Assertion;
    const after: Assertion = { ...before, payload };
    const assertions = run.assertions.with(place.index, after);
    const ops: StoreOp[] = [
      this.#blocks.op({ ...run, assertions }, place.arrival),
      ...this.#claimOps(before, place).map(({ key }) => ({ key, value: undefined })),
      ...this.#claimOps(after, place),
      { key: keys.wantedKey(id), value: undefined },
    ];
    if (payload === undefined) ops.push({ key: keys.erasedKey(id), value: NOTHING });
    else {
      // What is stored of the filter says that it holds all of this run.
      this.#filter.reopen();
      ops.push(...(await this.#filterRemovals()));
    }
    await this.#store.write(ops, { durable: true });
    this.#blocks.replaced(place.arrival);
    return true;
  }

  /** Stores a run again whose bytes were damaged. What was erased here has no rows of claims, and stays erased. */
  async restoreRun(run: Run, arrival: number): Promise<void> {
    const assertions = await Promise.all(
      run.assertions.map(async (assertion, index) => {
        const [row] = this.#claimOps(assertion, { arrival, index, hlc: assertion.hlc });
        const isErased = row !== undefined && (await this.#store.get(row.key)) === undefined;
        return isErased ? { ...assertion, payload: undefined } : assertion;
      }),
    );
    await this.#store.write([this.#blocks.op({ ...run, assertions }, arrival)], { durable: true });
    this.#blocks.replaced(arrival);
  }

  async #filterRemovals(): Promise<StoreOp[]> {
    const ops: StoreOp[] = [];
    for await (const [key] of this.#store.range(keys.allFilters)) ops.push({ key, value: undefined });
    return ops;
  }

  async isWanted(id: Uint8Array): Promise<boolean> {
    return (await this.#store.get(keys.wantedKey(id))) !== undefined;
  }

  /** Ids of assertions whose payload never came here, in their order, from the one after `after` on. */
  async wanted(limit: number, after?: Uint8Array): Promise<Uint8Array[]> {
    const { gte, lt } = keys.allWanted;
    const from = after === undefined ? gte : concatBytes(keys.wantedKey(after), Uint8Array.of(0));
    const ids: Uint8Array[] = [];
    for await (const [key] of this.#store.range({ gte: from, lt, limit })) ids.push(key.slice(1));
    return ids;
  }
}

function filterOp({ index, bytes }: FilterSegment): StoreOp {
  return { key: keys.filterKey(index), value: bytes };
}
