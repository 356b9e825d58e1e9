/**
 * The audit of one space in a store: every run is hashed and verified anew, its chain is followed, and
 * every row beside the runs is held against what they say. Nothing is changed. What it keeps in memory
 * grows with the tips, as a replica does, and with the damage.
 */
import { compareHlc } from '../assertion/hlc.ts';
import { firstOf, type Hlc, lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { throwIfAborted } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Crypto, Store } from '../base/ports.ts';
import { type Damage, DamageList, type SpaceAudit } from './damage.ts';
import { Frontier } from './frontier.ts';
import type { SpaceIdentity } from './genesis.ts';
import type * as keys from './journal-keys.ts';
import { checkRun, isRefusal } from './membership.ts';
import { RowAudit } from './row-audit.ts';
import { type FoundRun, readCounters, type SoundRun, storedRuns } from './stored-runs.ts';

export interface AuditOptions {
  readonly space: SpaceIdentity;
  /** Holds this space alone. */
  readonly store: Store;
  readonly crypto: Crypto;
  /** Runs that were looked at, of so many that there are to be. */
  readonly onProgress?: ((runs: number, all: number | undefined) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Throws what the store throws, but for what says that it is damaged, and `ABORTED`. */
export function auditSpace(options: AuditOptions): Promise<SpaceAudit> {
  return new Audit(options).run();
}

class Audit {
  readonly #options: AuditOptions;
  readonly #rows: RowAudit;
  readonly #damage = new DamageList();
  /** Tips of what was found sound so far, by id in hex. */
  readonly #tips = new Map<string, keys.TipRecord>();
  /** Arrivals of the runs that are not sound, one by one; what is missing in one piece is not in here. */
  readonly #lost = new Set<number>();
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  #runs = 0;
  #assertions = 0;
  #seen = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#rows = new RowAudit(options.store, options.space.id, this.#damage);
  }

  async run(): Promise<SpaceAudit> {
    const { space, store, onProgress, signal } = this.#options;
    await this.#rows.loadFilter();
    const counters = await readCounters(store);
    const arrivals = counters?.arrivals;
    let page: FoundRun[] = [];
    for await (const found of storedRuns(store, space.id, arrivals)) {
      page.push(found);
      if (page.length < limits.auditRunsMax) continue;
      throwIfAborted(signal, 'The audit');
      await this.#checkPage(page);
      onProgress?.(this.#seen, arrivals);
      page = [];
    }
    await this.#checkPage(page);
    await this.#rows.nameLost((arrival) => this.#isLost(arrival));
    const tips = [...this.#tips.values()];
    // Of what is lost nobody knows here what it continued.
    const isWhole = this.#lost.size === 0 && this.#gaps.length === 0;
    await this.#rows.checkTips(isWhole ? this.#tips : undefined);
    if (isWhole) this.#rows.checkCounters(counters, { arrivals: this.#seen, assertions: this.#assertions });
    const claims = await this.#rows.checkStrays();
    return {
      space: bytesToHex(space.id),
      name: space.genesis.name,
      runs: this.#runs,
      assertions: this.#assertions,
      claims,
      root: bytesToHex(new Frontier(tips).trie.root),
      damaged: this.#damage.count,
      damage: this.#damage.list,
    };
  }

  #isLost(arrival: number): boolean {
    return this.#lost.has(arrival) || this.#gaps.some(({ from, to }) => arrival >= from && arrival <= to);
  }

  async #checkPage(page: readonly FoundRun[]): Promise<void> {
    const { space, crypto } = this.#options;
    // All at once: the crypto port checks together what is asked for together.
    const faults = await Promise.all(
      page.map(async (found) => {
        if (found.type === 'lost') return undefined;
        try {
          await checkRun(found.run, space, crypto);
          return undefined;
        } catch (error) {
          if (isRefusal(error)) return `${error.code}: ${error.message}`;
          throw error;
        }
      }),
    );
    for (const [i, found] of page.entries()) {
      this.#seen = (found.type === 'run' ? found.arrival : found.lastArrival) + 1;
      if (found.type === 'run') await this.#checkRun(found, faults[i]);
      else if (found.lastArrival > found.arrival) {
        this.#gaps.push({ from: found.arrival, to: found.lastArrival });
        const runs = found.lastArrival - found.arrival + 1;
        this.#damage.add({ code: found.code, arrival: found.arrival, runs, message: found.message });
      } else this.#lose(found.code, found.arrival, found.message);
    }
  }

  #lose(code: Damage['code'], arrival: number, message: string): void {
    this.#lost.add(arrival);
    this.#damage.add({ code, arrival, runs: 1, message });
  }

  async #checkRun({ run, arrival }: SoundRun, fault: string | undefined): Promise<void> {
    const order = fault === undefined ? await this.#orderFault(run, arrival) : undefined;
    if (fault !== undefined) this.#lose('RUN_INVALID', arrival, fault);
    else if (order !== undefined) this.#lose('RUN_ORPHANED', arrival, order);
    else this.#take(run);
    await this.#rows.checkRun(run, arrival);
  }

  #take(run: Run): void {
    const [{ prev }, last] = [firstOf(run), lastOf(run)];
    this.#runs++;
    this.#assertions += run.assertions.length;
    if (prev !== null) this.#tips.delete(bytesToHex(prev));
    const tip = { author: run.author.slice(), seq: last.seq, id: last.id.slice(), hlc: last.hlc };
    this.#tips.set(bytesToHex(last.id), tip);
  }

  /** Why the run cannot stand after the runs before it, in words. */
  async #orderFault(run: Run, arrival: number): Promise<string | undefined> {
    const first = firstOf(run);
    const outside = new Map<string, { readonly id: Uint8Array; readonly hlc: Hlc }>();
    if (first.prev !== null) outside.set(bytesToHex(first.prev), { id: first.prev, hlc: first.hlc });
    for (const { parents, hlc } of run.assertions)
      for (const id of parents) if (!outside.has(bytesToHex(id))) outside.set(bytesToHex(id), { id, hlc });
    for (const { id } of run.assertions) outside.delete(bytesToHex(id));
    const named = [...outside.values()];
    const places = await this.#rows.places(named.map(({ id }) => id));
    for (const [i, { id, hlc }] of named.entries()) {
      const place = places[i];
      if (place === undefined || place.arrival >= arrival || this.#isLost(place.arrival))
        return `it builds on ${bytesToHex(id).slice(0, 16)}…, which is not sound here`;
      if (compareHlc(hlc, place.hlc) <= 0) return `it is older than ${bytesToHex(id).slice(0, 16)}…`;
    }
    return first.prev === null ? undefined : this.#chainFault(run, first.prev);
  }

  async #chainFault(run: Run, prev: Uint8Array): Promise<string | undefined> {
    const before = this.#tips.get(bytesToHex(prev)) ?? (await this.#rows.find(prev));
    const follows =
      before !== undefined && equalBytes(before.author, run.author) && before.seq === firstOf(run).seq - 1;
    return follows ? undefined : 'it does not follow what it names as the assertion before';
  }
}
