/** The syncs of one space with one peer: one at a time, soon when there is reason, later after failures. */
import { Allowance, allowances } from '../base/allowance.ts';
import { equalBytes, mapKey } from '../base/bytes.ts';
import { AverError, isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import type { Replica } from '../set/replica.ts';
import { auditBloom } from './bloom-audit.ts';
import { DigestGate } from './digest.ts';
import type { Link } from './link.ts';
import { PeerView } from './peer-view.ts';
import { PullGate } from './pull-gate.ts';
import type { Pulls } from './puller.ts';
import { Session, type SessionResult } from './session.ts';

const REFUSED_TIPS_MAX = 1000;
/** Syncs in a row that may bring nothing before the next one has to wait. */
const FRUITLESS_FREE = 4;

export interface PeerSyncOptions {
  readonly replica: Replica;
  readonly link: Link;
  readonly ports: Ports;
  readonly pulls: Pulls;
  /** Others of the space that could be pulled from instead of this one. */
  readonly others: (peer: PeerSync) => readonly PeerSync[];
  /** Ends everything when the space is left. */
  readonly signal: AbortSignal;
  /** Roots were exchanged. */
  readonly onExchange: () => void;
  /** Something that `relations()` tells changed. */
  readonly onChange: () => void;
  /** The sets are equal again after `durationMs`. */
  readonly onConverged: (durationMs: number) => void;
  /** A pull brought something. */
  readonly onNews: (from: PeerSync) => void;
}

export class PeerSync {
  readonly link: Link;
  readonly view: PeerView;
  readonly digests: DigestGate;
  readonly #comparisons: Allowance;
  readonly #refusedComparisons: Allowance;
  readonly #gate: PullGate;
  /** When the peer was or will be told of news. */
  toldMs = Number.NEGATIVE_INFINITY;
  readonly #options: PeerSyncOptions;
  /** Tips that were refused when this peer brought them. */
  readonly #refused = recentlyUsed<string, true>(REFUSED_TIPS_MAX);
  #running: Promise<SessionResult> | undefined;
  #next: Promise<SessionResult> | undefined;
  /** There was reason for another sync while one was under way. */
  #isDueAgain = false;
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = 0;
  #retryMs: number = limits.syncRetryMsMin;
  /** After a failure nothing starts a sync of its own accord before then, whatever the peer tells. */
  #notBeforeMs = 0;
  /** The peer said Busy, then, and for so long: not even who asks for a sync gets one, lest the peer take it for a flood. */
  #busy = { sinceMs: 0, forMs: 0 };
  #isDenied = false;
  /** Syncs in a row that ended unequal and brought nothing. */
  #fruitless = 0;

  constructor(options: PeerSyncOptions) {
    this.#options = options;
    this.link = options.link;
    this.view = new PeerView(options.link.peerId);
    const nowMs = options.ports.clock.nowMs();
    this.digests = new DigestGate(nowMs);
    this.#comparisons = new Allowance(allowances.roots, nowMs);
    this.#refusedComparisons = new Allowance(allowances.refusedRoots, nowMs);
    this.#gate = new PullGate({
      account: options.link.account,
      ports: options.ports,
      hint: () => this.view.count,
      hasChoice: () => options.others(this).length > 0,
      onPause: () => {
        for (const other of options.others(this)) other.schedule(0);
      },
    });
  }

  get peerId(): string {
    return this.link.peerId;
  }

  /** Ends everything when the space is left. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** Whether a pull from this peer may bring something, and nothing speaks against one. */
  get isChoice(): boolean {
    const { root } = this.view;
    const differs = root === undefined || !equalBytes(root, this.#options.replica.frontier.trie.root);
    return this.isShared && differs && this.#gate.isOpen;
  }

  get isShared(): boolean {
    return this.link.shares(this.#options.replica.space);
  }

  /** The peer said that it does not share the space. It will greet us when it does. */
  get isDenied(): boolean {
    return this.#isDenied;
  }

  /** How long another root that the peer tells has to wait: longer with each sync that brought nothing. */
  get patienceMs(): number {
    const waits = this.#fruitless - FRUITLESS_FREE;
    return waits <= 0 ? 0 : Math.min(limits.antiEntropyMs, limits.syncReplyMs * 2 ** waits);
  }

  /** Whether the peer may compare roots now. Who goes on and on when it may not is at fault. */
  mayCompare(): boolean {
    const nowMs = this.#options.ports.clock.nowMs();
    if (this.#comparisons.take(nowMs)) return true;
    if (!this.#refusedComparisons.take(nowMs))
      this.link.fault('BUSY', 'The peer compares roots on and on, whatever it is told.');
    return false;
  }

  /** It pulled something: one more comparison, to see what is left. */
  brought(): void {
    this.#comparisons.earn();
  }

  /** The peer told the root that we have. */
  metEqual(): void {
    this.#fruitless = 0;
    // Whoever was denied has to greet once more, also where there is nothing to bring.
    if (this.isShared) this.cancel();
  }

  welcomed(): void {
    this.#isDenied = false;
    this.#retryMs = limits.syncRetryMsMin;
    this.#notBeforeMs = 0;
  }

  /** Syncs in at most so many ms. A sync that is under way does not count: it may have missed the reason. */
  schedule(delayMs: number): void {
    const { ports, signal } = this.#options;
    if (signal.aborted || this.#isDenied || this.link.isClosed) return;
    const nowMs = ports.clock.nowMs();
    const atMs = Math.max(nowMs + delayMs, this.#notBeforeMs);
    if (this.#cancelTimer !== undefined) {
      if (this.#timerAtMs <= atMs) return;
      this.#cancelTimer();
    }
    this.#timerAtMs = atMs;
    this.#cancelTimer = ports.clock.setTimer(atMs - nowMs, () => {
      this.#cancelTimer = undefined;
      // Should the sync that is under way fail, its pause counts.
      if (this.#running !== undefined) this.#isDueAgain = true;
      else this.run().catch(() => undefined);
    });
  }

  cancel(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.toldMs = Math.min(this.toldMs, this.#options.ports.clock.nowMs());
  }

  /** A sync that begins after this call; several callers share the one that waits. Rejects when it fails. */
  run(): Promise<SessionResult> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#start();
    this.#next = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  /** Resolves when the sync that is under way has ended; the signal of the options must have been aborted. */
  async stop(): Promise<void> {
    this.cancel();
    await Promise.allSettled([this.#running, this.#next]);
  }

  #start(): Promise<SessionResult> {
    this.cancel();
    this.#isDueAgain = false;
    const running = this.#session().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #session(): Promise<SessionResult> {
    const { ports, signal } = this.#options;
    if (signal.aborted || this.link.isClosed) throw new AverError('CLOSED', 'The peer is gone.');
    // A clock that was set back makes nobody wait longer.
    const retryAfterMs = this.#busy.forMs - Math.abs(ports.clock.nowMs() - this.#busy.sinceMs);
    if (retryAfterMs > 0)
      throw new AverError('BUSY', 'The peer is at its limit.', { fields: { retryAfterMs } });
    ports.metrics.add('sync_cycles');
    try {
      const result = await this.#newSession().run();
      this.welcomed();
      if (result.equal || result.news > 0) this.#fruitless = 0;
      else this.#noteFruitless();
      this.#options.onChange();
      if (this.#isDueAgain) this.schedule(0);
      return result;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** It need not be tried again before a root changes. */
  #noteFruitless(): void {
    this.#fruitless++;
    this.view.noteExhausted(this.#options.replica.frontier.trie.root);
  }

  #newSession(): Session {
    const { replica, ports, pulls, signal, onChange, onExchange, onConverged, onNews } = this.#options;
    return new Session({
      replica,
      link: this.link,
      ports,
      pulls,
      gate: this.#gate,
      signal,
      isRefused: (tip) => this.#refused.has(mapKey(tip.id)),
      onRefused: (tip) => this.#refused.set(mapKey(tip.id), true),
      onNews: () => onNews(this),
      onExchange: (exchange) => {
        const converged = this.view.noteExchange(exchange, ports.clock.nowMs());
        if (converged !== undefined) onConverged(converged);
        onExchange();
      },
      onDifference: (difference, diff, theirRoot) => {
        const { lastFilter } = this.digests;
        if (lastFilter !== undefined) auditBloom(lastFilter, diff, theirRoot, replica.space, ports.metrics);
        this.digests.lastFilter = undefined;
        this.view.noteDifference(difference, replica.count);
        onChange();
      },
    });
  }

  #failed(error: unknown): void {
    const { replica, ports, signal, onChange } = this.#options;
    if (signal.aborted || this.link.isClosed) return;
    const { code, message, fields } = toAverError(error);
    if (isAverError(error, 'DENIED') || isAverError(error, 'PROTOCOL_UNSUPPORTED')) {
      ports.metrics.add('sync_refused', 1, { code });
      this.#isDenied = !this.isShared;
      this.link.denied(replica.space);
      onChange();
      // It had been shared: the peer may have restarted its side, so greet it once more.
      if (!this.#isDenied) this.schedule(this.#nextRetryMs());
      return;
    }
    ports.metrics.add('sync_failures', 1, { code });
    ports.log.write('debug', 'a sync failed', { peerId: this.peerId, code, message });
    const askedMs = typeof fields.retryAfterMs === 'number' ? fields.retryAfterMs : 0;
    const waitMs = Math.max(askedMs, this.#nextRetryMs());
    if (code === 'BUSY') this.#busy = { sinceMs: ports.clock.nowMs(), forMs: askedMs };
    this.#notBeforeMs = ports.clock.nowMs() + waitMs;
    this.schedule(waitMs);
  }

  /** Doubles with each failure, with jitter, so that nobody hammers a peer in trouble. */
  #nextRetryMs(): number {
    const waitMs = this.#retryMs * (0.5 + this.#options.ports.random.number());
    this.#retryMs = Math.min(limits.syncRetryMsMax, this.#retryMs * 2);
    this.#notBeforeMs = this.#options.ports.clock.nowMs() + waitMs;
    return waitMs;
  }
}

/**
 * Syncs with all of them at once. Throws what went wrong when it went wrong with every one. Who does
 * not share the space is passed over, unless that very peer is meant: then that is what went wrong.
 */
export async function syncWith(peers: readonly PeerSync[], isMeant: boolean): Promise<void> {
  const asked = peers.filter((peer) => isMeant || !peer.isDenied);
  const results = await Promise.allSettled(asked.map((peer) => peer.run()));
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failed.length < results.length) return;
  const worst = failed.find((error) => isMeant || !isAverError(error, 'DENIED'));
  throw worst ?? new AverError('NO_PEER', 'No connected peer shares this space.');
}
