/**
 * One peer's replica of a space: the set, on disk and in memory. Everything enters by `ingest`:
 * checked, ordered after what it names, stored in one batch, then visible. A run enters whole or
 * not at all, and one bad run in a batch does not touch the others.
 */
import { LRUCache } from 'lru-cache';
import { hashPayload } from '../assertion/codec.ts';
import { type HlcClock, nsToMs } from '../assertion/hlc.ts';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { AverError, type ErrorCode, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { Mutex } from '../base/mutex.ts';
import type { Ports, Store } from '../base/ports.ts';
import { Frontier } from './frontier.ts';
import type { SpaceIdentity } from './genesis.ts';
import { Journal } from './journal.ts';
import type { Counters } from './journal-keys.ts';
import { checkRun } from './membership.ts';
import { MergeBatch } from './merge.ts';
import { Pending } from './pending.ts';
import type { Trie } from './trie.ts';

/** How runs came here. What we asked for is never evicted for what others push. */
export type Via = 'own' | 'push' | 'pull' | 'file';

export interface Source {
  /** Peer id of the connection, or a name for what is no peer. Blame and shares go by it. */
  readonly from: string;
  readonly via: Via;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly author: Uint8Array;
  readonly from: string;
}

/** What became of a batch. accepted + known + refused + held + pending = all assertions of the batch. */
export interface MergeReport {
  accepted: number;
  known: number;
  pending: number;
  held: number;
  refused: number;
  readonly refusals: Refusal[];
  /** The pending set is full: stop reading and come back. */
  full: boolean;
}

export interface ReplicaEvents {
  /** Runs became visible: stored, in the root, served. In causal order. */
  visible: (runs: readonly Run[], source: Source) => void;
  refused: (refusal: Refusal) => void;
  erased: (id: Uint8Array) => void;
  /** More of the set survives a power cut than before: `frontier.flushed` moved. */
  flushed: () => void;
}

/** Runs that passed the intrinsic check, on their way to `admit`. */
export interface Screened {
  readonly runs: readonly Run[];
  readonly source: Source;
  readonly report: MergeReport;
}

type ReplicaPorts = Pick<Ports, 'clock' | 'crypto' | 'log' | 'metrics'>;

/** Assertions written in one batch: enough to amortise the sync, small enough to stay responsive. */
const BATCH_ASSERTIONS_MAX = 1024;

export class Replica {
  readonly space: SpaceIdentity;
  readonly journal: Journal;
  readonly frontier: Frontier;
  readonly events = new Emitter<ReplicaEvents>();
  readonly #ports: ReplicaPorts;
  readonly #hlc: HlcClock;
  readonly #pending = new Pending();
  readonly #lock = new Mutex();
  /** Ids in hex that became visible lately, with how and when they came. */
  readonly #recent = new LRUCache<string, { readonly via: Via; readonly atMs: number }>({
    max: limits.recentIdsMax,
  });
  /** When the assertions of an author from the future are due, by author in hex. */
  readonly #dueMs = new LRUCache<string, number>({ max: limits.heldAuthorsMax });
  #counters: Counters;
  /** Batches applied, and how many of them are known to be flushed. */
  #changes = 0;
  #changesFlushed = 0;
  #dirtySinceMs: number | undefined;
  #cancelFlush: () => void = () => undefined;

  private constructor(
    space: SpaceIdentity,
    journal: Journal,
    frontier: Frontier,
    counters: Counters,
    ports: ReplicaPorts,
    hlc: HlcClock,
  ) {
    this.space = space;
    this.journal = journal;
    this.frontier = frontier;
    this.#counters = counters;
    this.#ports = ports;
    this.#hlc = hlc;
  }

  /** Reads the frontier, never all assertions. `store` holds this space alone. */
  static async open(
    space: SpaceIdentity,
    store: Store,
    ports: ReplicaPorts,
    hlc: HlcClock,
  ): Promise<Replica> {
    const journal = new Journal(store, space.id);
    const tips = [];
    for await (const tip of journal.tips()) tips.push(tip);
    const replica = new Replica(space, journal, new Frontier(tips), await journal.counters(), ports, hlc);
    for (const tip of tips) hlc.merge(tip.hlc);
    return replica;
  }

  /** Visible assertions. */
  get count(): number {
    return this.#counters.assertions;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get heldAuthors(): number {
    this.#dueMs.forEach((due, author) => {
      if (due <= this.#ports.clock.nowMs()) this.#dueMs.delete(author);
    });
    return this.#dueMs.size;
  }

  /** Whether what this author wrote is held because it comes from the future: not worth asking for yet. */
  isHeld(author: Uint8Array): boolean {
    return (this.#dueMs.get(bytesToHex(author)) ?? 0) > this.#ports.clock.nowMs();
  }

  /** Ids that became visible lately, newest first. */
  recentIds(): string[] {
    return [...this.#recent.keys()];
  }

  /**
   * Whether a pushed run is worth passing on: something of it is new here, or came by pull so lately
   * that others may lack it. Judged by what is visible now, nothing is changed and the disk is not
   * waited for. Throws `BAD_CHAIN` or `BAD_HLC` when it contradicts what it builds on.
   */
  async isNews(run: Run): Promise<boolean> {
    const recent = run.assertions.map((assertion) => this.#recent.peek(bytesToHex(assertion.id)));
    if (recent.includes(undefined)) {
      const placement = await new MergeBatch(this.frontier, this.journal, this.#counters).judge(run);
      return placement.type !== 'known';
    }
    const now = this.#ports.clock.nowMs();
    return recent.some((each) => each?.via === 'pull' && now - each.atMs <= limits.pulledRecentlyMs);
  }

  async has(id: Uint8Array): Promise<boolean> {
    if (this.#recent.has(bytesToHex(id))) return true;
    return (await this.journal.places([id]))[0] !== undefined;
  }

  /**
   * Takes runs in. Resolves when they are visible (or refused, or waiting); own ones and those of
   * a file are durable by then. Throws only when the store fails: then nothing of the batch is visible.
   */
  async ingest(runs: readonly Run[], source: Source): Promise<MergeReport> {
    return this.admit(await this.screen(runs, source));
  }

  /** The first half of `ingest`: the intrinsic check, which touches neither the set nor the disk. */
  async screen(runs: readonly Run[], source: Source): Promise<Screened> {
    const report = emptyReport();
    const checks = await Promise.all(runs.map((run) => this.#check(run, source, report)));
    return { runs: runs.filter((_, i) => checks[i]), source, report };
  }

  /** The second half of `ingest`, in order of the calls. */
  async admit({ runs, source, report }: Screened): Promise<MergeReport> {
    for (let at = 0; at < runs.length; ) {
      const batch: Run[] = [];
      for (let size = 0; at < runs.length && size < BATCH_ASSERTIONS_MAX; at++) {
        batch.push(runs[at] as Run);
        size += (runs[at] as Run).assertions.length;
      }
      await this.#lock.run(() => this.#merge(batch, source, report));
    }
    return report;
  }

  /** The intrinsic half. False when the run was refused, is known, or is held for its time. */
  async #check(run: Run, source: Source, report: MergeReport): Promise<boolean> {
    if (run.assertions.every((assertion) => this.#recent.has(bytesToHex(assertion.id)))) {
      report.known += run.assertions.length;
      return false;
    }
    try {
      if (source.via !== 'own') await checkRun(run, this.space, this.#ports.crypto);
    } catch (error) {
      this.#refuse(run, source, report, error);
      return false;
    }
    return !this.#hold(run, report);
  }

  #refuse(run: Run, source: Source, report: MergeReport, error: unknown): void {
    const { code, message } = toAverError(error);
    if (code === 'INTERNAL') throw error;
    const refusal = { code, message, author: run.author, from: source.from };
    report.refused += run.assertions.length;
    report.refusals.push(refusal);
    this.#ports.metrics.add('assertions_refused', run.assertions.length, { code });
    this.#ports.log.write('warn', 'refused a run', { code, message, from: source.from });
    this.events.emit('refused', refusal);
  }

  #hold(run: Run, report: MergeReport): boolean {
    const aheadMs = this.#hlc.aheadMs(lastOf(run).hlc);
    if (aheadMs <= limits.hlcHoldAheadMsMin) return false;
    const author = bytesToHex(run.author);
    const dueMs = nsToMs(lastOf(run).hlc.time) - limits.hlcHoldAheadMsMin;
    this.#dueMs.set(author, Math.min(dueMs, this.#dueMs.get(author) ?? dueMs));
    report.held += run.assertions.length;
    this.#ports.metrics.add('assertions_held', run.assertions.length);
    return true;
  }

  async #merge(runs: readonly Run[], source: Source, report: MergeReport): Promise<void> {
    const batch = new MergeBatch(this.frontier, this.journal, this.#counters);
    const accepted: { readonly run: Run; readonly source: Source }[] = [];
    const queue = runs.map((run) => ({ run, source, report }));
    // The queue grows only by pending runs that become free, each once.
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const run = await this.#place(batch, next.run, next.source, next.report);
      if (run === undefined) continue;
      accepted.push({ run, source: next.source });
      for (const { id } of run.assertions) {
        for (const { run: free, from, pulled } of this.#pending.release(id)) {
          // It was counted as pending in the report of its own batch.
          queue.push({ run: free, source: { from, via: pulled ? 'pull' : 'push' }, report: emptyReport() });
        }
      }
    }
    if (batch.accepted.length === 0) return;
    const durable = source.via === 'own' || source.via === 'file';
    await this.journal.write(batch.finish(), durable);
    this.#counters = batch.counters;
    this.frontier.apply(batch.change());
    this.#changes++;
    if (durable) this.#markFlushed(this.frontier.trie, this.#changes);
    else this.#flushSoon();
    this.#publish(accepted);
  }

  async #place(batch: MergeBatch, whole: Run, source: Source, report: MergeReport): Promise<Run | undefined> {
    try {
      const placement = await batch.place(whole);
      if (placement.type === 'known') {
        report.known += whole.assertions.length;
        return undefined;
      }
      report.known += placement.known;
      if (placement.type === 'accepted') {
        report.accepted += placement.run.assertions.length;
        return placement.run;
      }
      report.pending += placement.run.assertions.length;
      const pulled = source.via === 'pull' || source.via === 'file';
      const fits = this.#pending.add({
        run: placement.run,
        from: source.from,
        pulled,
        missing: placement.missing,
      });
      if (!fits) {
        report.full = true;
        this.#ports.metrics.add('pending_full');
      }
    } catch (error) {
      this.#refuse(whole, source, report, error);
    }
    return undefined;
  }

  #publish(accepted: readonly { readonly run: Run; readonly source: Source }[]): void {
    const atMs = this.#ports.clock.nowMs();
    for (const { run, source } of accepted) {
      for (const { id } of run.assertions) this.#recent.set(bytesToHex(id), { via: source.via, atMs });
      this.#advanceClock(run);
      this.#ports.metrics.add('assertions_visible', run.assertions.length, { via: source.via });
    }
    for (let at = 0; at < accepted.length; ) {
      const { source } = accepted[at] as { source: Source };
      const runs: Run[] = [];
      for (; accepted[at]?.source === source; at++) runs.push((accepted[at] as { run: Run }).run);
      this.events.emit('visible', runs, source);
    }
  }

  #advanceClock(run: Run): void {
    const { hlc } = lastOf(run);
    if (this.#hlc.merge(hlc)) this.#ports.metrics.add('hlc_updates');
    if (Math.abs(this.#hlc.aheadMs(hlc)) > limits.clockSkewWarnMs && this.#hlc.aheadMs(hlc) > 0) {
      this.#ports.metrics.add('clock_skew_events');
    }
  }

  /** Flushes once the writes pause, and in any case within `limits.flushMs`. */
  #flushSoon(): void {
    const now = this.#ports.clock.nowMs();
    this.#dirtySinceMs ??= now;
    const leftMs = Math.max(0, this.#dirtySinceMs + limits.flushMs - now);
    this.#cancelFlush();
    this.#cancelFlush = this.#ports.clock.setTimer(Math.min(leftMs, limits.flushQuietMs), () => {
      this.#flush().catch((error: unknown) => {
        this.#ports.log.write('warn', 'could not flush', { message: String(error) });
      });
    });
  }

  async #flush(): Promise<void> {
    this.#cancelFlush();
    this.#dirtySinceMs = undefined;
    const { trie } = this.frontier;
    const changes = this.#changes;
    await this.journal.flush();
    this.#markFlushed(trie, changes);
  }

  #markFlushed(trie: Trie, changes: number): void {
    if (changes <= this.#changesFlushed) return;
    this.#changesFlushed = changes;
    this.frontier.flushed = trie;
    this.events.emit('flushed');
  }

  /** Forgets a payload here: id, chain and root stay. Throws `NOT_FOUND`. */
  async erase(id: Uint8Array): Promise<void> {
    const erased = await this.#lock.run(() => this.journal.replacePayload(id, undefined));
    if (!erased) throw new AverError('NOT_FOUND', 'There is no such assertion here.');
    this.events.emit('erased', id);
  }

  /** Fills in a payload that came erased from elsewhere. Returns whether it was the right one and wanted. */
  async restore(assertion: Assertion): Promise<boolean> {
    const { payload } = assertion;
    const mine = await this.journal.find(assertion.id);
    if (payload === undefined || mine === undefined || mine.payload !== undefined) return false;
    if (bytesToHex(hashPayload(payload)) !== bytesToHex(mine.payloadHash)) return false;
    await this.#lock.run(() => this.journal.replacePayload(assertion.id, payload));
    return true;
  }

  /** Resolves when what is under way is stored and flushed. */
  async close(): Promise<void> {
    await this.#lock.idle();
    await this.#flush();
  }
}

export function emptyReport(): MergeReport {
  return { accepted: 0, known: 0, pending: 0, held: 0, refused: 0, refusals: [], full: false };
}
