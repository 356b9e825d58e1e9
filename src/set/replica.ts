/**
 * One peer's replica of a space: the set, on disk and in memory. Everything enters by `ingest`:
 * checked, ordered after what it names, stored in one batch, then visible. A run enters whole or
 * not at all, and one bad run in a batch does not touch the others.
 */
import { hashPayload, signedMessage } from '../assertion/codec.ts';
import { verifyStrict } from '../assertion/ed25519.ts';
import { detectClockSkew, type HlcClock, nsToMs } from '../assertion/hlc.ts';
import { type Assertion, firstOf, lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { Mutex } from '../base/mutex.ts';
import type { Ports, Store } from '../base/ports.ts';
import { checkInTurns, Door } from './door.ts';
import { Flusher } from './flusher.ts';
import { Frontier } from './frontier.ts';
import type { SpaceIdentity } from './genesis.ts';
import { HeldAuthors } from './held-authors.ts';
import { Journal } from './journal.ts';
import type { Counters } from './journal-keys.ts';
import { type LostRun, LostRuns } from './lost-runs.ts';
import { MergeBatch } from './merge.ts';
import { emptyReport, type MergeReport, type Refusal, type Source } from './merge-report.ts';
import { Pending } from './pending.ts';
import { type Intake, Placing } from './placing.ts';
import { Quarantine } from './quarantine.ts';
import { RecentIds } from './recent-ids.ts';
import type { Tip } from './trie-entry.ts';

export type { MergeReport, Refusal, Source };
export { emptyReport };

export interface ReplicaEvents {
  /** Runs became visible: stored, in the root, served. In causal order. */
  visible: (runs: readonly Run[], source: Source) => void;
  refused: (refusal: Refusal) => void;
  erased: (id: Uint8Array) => void;
  /** Something came from the future: not worth asking for before then, in ms since 1970. */
  held: (dueMs: number) => void;
  /** A stored run turned out to be damaged: others may have it. */
  damaged: () => void;
  /** A payload that had come erased was found at another peer. */
  restored: (assertion: Assertion) => void;
  /** More of the set survives a power cut than before: `frontier.flushed` moved. */
  flushed: () => void;
}

/** Runs that passed the intrinsic check, on their way to `admit`. */
export interface Screened {
  readonly runs: readonly Run[];
  readonly source: Source;
  readonly report: MergeReport;
}

/** What was decided about runs that are being stored. */
export interface Placed {
  readonly report: MergeReport;
  /** Rejects when the store fails: then nothing of the batch is visible. */
  readonly visible: Promise<MergeReport>;
}

/** A batch on its way to the disk. */
interface Storing {
  readonly batch: MergeBatch;
  /** The one before it. */
  readonly before: Promise<void> | undefined;
  readonly stored: Promise<void>;
}

type ReplicaPorts = Pick<Ports, 'clock' | 'crypto' | 'log' | 'metrics'>;

/** Assertions written in one batch: enough to amortise the sync, small enough to stay responsive. */
const BATCH_ASSERTIONS_MAX = 1024;

export class Replica {
  readonly space: SpaceIdentity;
  readonly journal: Journal;
  readonly frontier: Frontier;
  readonly events: Emitter<ReplicaEvents>;
  readonly quarantine: Quarantine;
  readonly #ports: ReplicaPorts;
  readonly #hlc: HlcClock;
  readonly #pending = new Pending();
  readonly #lost: LostRuns;
  readonly #lock = new Mutex();
  readonly #recent = new RecentIds();
  readonly #held: HeldAuthors;
  readonly #door: Door;
  readonly #flusher: Flusher;
  #counters: Counters;
  #storing: Storing | undefined;

  private constructor(
    space: SpaceIdentity,
    journal: Journal,
    frontier: Frontier,
    counters: Counters,
    ports: ReplicaPorts,
    hlc: HlcClock,
    lost: LostRuns,
  ) {
    this.space = space;
    this.#lost = lost;
    this.journal = journal;
    this.frontier = frontier;
    this.#counters = counters;
    this.#ports = ports;
    this.#hlc = hlc;
    this.quarantine = new Quarantine(ports.clock);
    this.#held = new HeldAuthors(ports.clock);
    this.#door = new Door({
      space,
      ports,
      hlc,
      held: this.#held,
      quarantine: this.quarantine,
      onRefused: (refusal) => this.events.emit('refused', refusal),
      onHeld: (dueMs) => this.events.emit('held', dueMs),
    });
    this.#flusher = new Flusher({
      clock: ports.clock,
      log: ports.log,
      flushStore: () => journal.flush(),
      onFlushed: (trie) => {
        frontier.flushed = trie;
        this.events.emit('flushed');
      },
    });
    this.events = new Emitter((error) =>
      ports.log.write('error', 'a listener of a replica failed', { error: String(error) }),
    );
    lost.onNote = () => this.events.emit('damaged');
  }

  /** Reads the frontier, never all assertions. `store` holds this space alone. */
  static async open(
    space: SpaceIdentity,
    store: Store,
    ports: ReplicaPorts,
    hlc: HlcClock,
  ): Promise<Replica> {
    const lost = new LostRuns();
    const journal = new Journal(store, space.id, (arrival) => {
      lost.note(arrival);
      ports.metrics.add('blocks_damaged');
      ports.log.write('error', 'a stored run is damaged', { space: bytesToHex(space.id), arrival });
    });
    await journal.loadFilter();
    const tips = [];
    for await (const tip of journal.tips()) tips.push(tip);
    const replica = new Replica(
      space,
      journal,
      new Frontier(tips),
      await journal.counters(),
      ports,
      hlc,
      lost,
    );
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
    return this.#held.size;
  }

  /** Whether something of this author is held because it comes from the future: no reason to ask for more. */
  isHeld(author: Uint8Array): boolean {
    return this.#held.has(author);
  }

  /** When the next of what is held is due, in ms since 1970; undefined where nothing is held. */
  nextDueMs(): number | undefined {
    return this.#held.nextDueMs();
  }

  /** Whether a run up to this tip came from the future: not worth asking for yet. */
  isHeldTip({ id }: Pick<Tip, 'id'>): boolean {
    return this.#held.hasTip(id);
  }

  /** Of these tips those that are in the set. Where a chain has no fork, a later seq than its tip’s cannot be: the disk is not asked. */
  async knownOf<T extends Tip>(tips: readonly T[]): Promise<Set<T>> {
    const { frontier } = this;
    const open = tips.filter(
      ({ author, seq }) => frontier.isForked(author) || frontier.highestSeq(author) >= seq,
    );
    const places = await this.journal.places(open.map(({ id }) => id));
    return new Set(open.filter((_, i) => places[i] !== undefined));
  }

  /** Ids that became visible lately, newest first. */
  recentIds(): string[] {
    return this.#recent.list();
  }

  /**
   * Whether a pushed run is worth passing on: something of it is new here, or came by pull so lately
   * that others may lack it. Judged by what is visible now, nothing is changed and the disk is not
   * waited for. Throws `BAD_CHAIN` or `BAD_HLC` when it contradicts what it builds on.
   */
  async isNews(run: Run): Promise<boolean> {
    if (this.#recent.hasAll(run)) {
      return this.#recent.cameByPull(run, this.#ports.clock.nowMs() - limits.pulledRecentlyMs);
    }
    const placement = await new MergeBatch(this.frontier, this.journal, this.#counters).judge(run);
    return placement.type !== 'known';
  }

  /** A pushed message with this run is passed on: in another wrapping it is no news any more. */
  passedOn(run: Run): void {
    this.#recent.passedOn(run);
  }

  async has(id: Uint8Array): Promise<boolean> {
    if (this.#recent.has(id)) return true;
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
    if (source.via === 'own') return { runs, source, report };
    const passed = await checkInTurns(runs, this.#ports.clock, (run) => this.#check(run, source, report));
    return { runs: runs.filter((_, i) => passed[i]), source, report };
  }

  /** The second half of `ingest`, in order of the calls. */
  async admit(screened: Screened): Promise<MergeReport> {
    const { visible } = await this.place(screened);
    return visible;
  }

  /**
   * `admit` in two steps: resolves once it is decided what becomes of the runs, while they are stored.
   * Whoever comes next can be placed meanwhile.
   */
  async place({ runs, source, report }: Screened): Promise<Placed> {
    const intake: Intake = { source, report, waiting: new Set() };
    const stored: Promise<void>[] = [];
    for (let at = 0; at < runs.length; ) {
      const part: Run[] = [];
      for (let size = 0; at < runs.length && size < BATCH_ASSERTIONS_MAX; at++) {
        part.push(runs[at] as Run);
        size += (runs[at] as Run).assertions.length;
      }
      const storing = await this.#lock.run(() => this.#place(part, intake));
      // Whoever waits for the whole hears of it.
      storing?.stored.catch(() => undefined);
      if (storing !== undefined) stored.push(storing.stored);
    }
    const visible = Promise.all(stored).then(() => report);
    // Who gave up after an earlier failure does not listen for this one.
    visible.catch(() => undefined);
    return { report, visible };
  }

  /** The intrinsic half. False when the run was refused, is known, or is held for its time. */
  async #check(run: Run, source: Source, report: MergeReport): Promise<boolean> {
    if (this.#reaches(run) && this.#recent.hasAll(run)) {
      report.known += run.assertions.length;
      return false;
    }
    return this.#door.check(run, source, report);
  }

  /** Whether the author's chain may hold the run: while a peer fills up it mostly is the next part, and no id is looked up. */
  #reaches(run: Run): boolean {
    const { author } = run;
    return this.frontier.isForked(author) || (this.frontier.tipOf(author)?.seq ?? 0) >= lastOf(run).seq;
  }

  /** Undefined when nothing is to be stored. */
  async #place(came: readonly Run[], intake: Intake): Promise<Storing | undefined> {
    const runs = intake.source.via === 'own' ? came : await this.journal.withoutErased(came);
    // One batch is being stored, one waits for it: the next is placed when the first of them is done.
    await this.#storing?.before?.catch(() => undefined);
    const before = this.#storing;
    const batch = new MergeBatch(this.frontier, this.journal, this.#counters, before?.batch);
    const placing = new Placing(batch, this.#pending, intake, ({ run, source, report }, error) =>
      this.#door.refuse(run, source, report, error),
    );
    try {
      await batch.readParents(runs);
      for (const run of runs) await placing.place(run);
    } catch (error) {
      placing.undo();
      throw error;
    }
    if (intake.report.full) this.#ports.metrics.add('pending_full');
    if (placing.accepted.length === 0) return undefined;
    const stored = this.#store(batch, placing, intake.source, before?.stored);
    const storing = { batch, before: before?.stored, stored };
    this.#storing = storing;
    const done = () => {
      batch.forgetBefore();
      if (this.#storing === storing) this.#storing = undefined;
    };
    stored.then(done, done);
    return storing;
  }

  async #store(
    batch: MergeBatch,
    placing: Placing,
    source: Source,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const durable = source.via === 'own' || source.via === 'file';
    const { ops, change } = batch.finish();
    try {
      await before;
      await this.journal.write(ops, durable);
    } catch (error) {
      placing.undo();
      throw error;
    }
    this.#counters = batch.counters;
    this.frontier.apply(change);
    this.#flusher.wrote(this.frontier.trie, durable);
    this.#publish(placing.accepted);
  }

  #publish(accepted: readonly { readonly run: Run; readonly source: Source }[]): void {
    const atMs = this.#ports.clock.nowMs();
    let skewMs = 0;
    for (const { run, source } of accepted) {
      this.#recent.add(run, source.via, atMs);
      const { hlc } = lastOf(run);
      if (this.#hlc.merge(hlc)) this.#ports.metrics.add('hlc_updates');
      // What is old says nothing about its author's clock: only the future does.
      if (source.via !== 'own') skewMs = Math.max(skewMs, detectClockSkew(atMs, nsToMs(hlc.time)));
      this.#ports.metrics.add('assertions_visible', run.assertions.length, { via: source.via });
    }
    if (skewMs > 0) this.#warnOfSkew(skewMs);
    for (let at = 0; at < accepted.length; ) {
      const { source } = accepted[at] as { source: Source };
      const group: Run[] = [];
      for (; accepted[at]?.source === source; at++) group.push((accepted[at] as { run: Run }).run);
      this.events.emit('visible', group, source);
    }
  }

  #warnOfSkew(skewMs: number): void {
    this.#ports.metrics.add('clock_skew_events');
    this.#ports.log.write('warn', 'an author’s clock is ahead of this one', { skewMs });
  }

  /** Forgets a payload here: id, chain and root stay. Throws `NOT_FOUND`. */
  async erase(id: Uint8Array): Promise<void> {
    const erased = await this.#lock.run(() => this.journal.replacePayload(id, undefined));
    if (!erased) throw new AverError('NOT_FOUND', 'There is no such assertion here.');
    this.events.emit('erased', id);
  }

  /**
   * Fills in a payload that came erased from elsewhere; what was erased here stays erased. Returns
   * whether it was the right one and wanted.
   */
  restore({ id, payload }: Assertion): Promise<boolean> {
    return this.#lock.run(async () => {
      if (payload === undefined || !(await this.journal.isWanted(id))) return false;
      const mine = await this.journal.find(id);
      if (mine === undefined || !equalBytes(hashPayload(payload), mine.payloadHash)) return false;
      // What is under way may store a segment of the filter that does not know of this payload.
      await this.#storing?.stored.catch(() => undefined);
      const restored = await this.journal.replacePayload(id, payload);
      if (restored) this.events.emit('restored', { ...mine, payload });
      return restored;
    });
  }

  /** Stored runs that were found damaged. */
  lostRuns(): Promise<readonly LostRun[]> {
    return this.#lost.list(this.journal);
  }

  /** Puts a run in the place of the damaged one; returns whether it is that one. The set stays what it is. */
  heal({ author, row }: LostRun, run: Run): Promise<boolean> {
    return this.#lock.run(async () => {
      const last = lastOf(run);
      if (!this.#lost.has(row.arrival) || firstOf(run).seq !== row.firstSeq) return false;
      if (!equalBytes(run.author, author) || !equalBytes(last.id, row.lastId)) return false;
      const { crypto, metrics } = this.#ports;
      if (!(await verifyStrict(crypto, author, signedMessage(last.id), run.signature))) return false;
      await this.journal.restoreRun(run, row.arrival);
      this.#lost.forget(row.arrival);
      metrics.add('blocks_restored');
      return true;
    });
  }

  /** Resolves when what is under way is stored and flushed. */
  async close(): Promise<void> {
    await this.#lock.idle();
    await this.#storing?.stored.catch(() => undefined);
    await this.journal.close(this.#counters.arrivals);
    await this.#flusher.close();
  }
}
