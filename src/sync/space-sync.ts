/**
 * The sync of one space: when to talk to whom, what became of it, and the answers to "did it sync?".
 * Push brings news at once; anti-entropy (on connect, on wake-up, on a gap, after news, every five
 * seconds) makes sure. Either alone converges.
 */
import { equalBytes } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Network, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { Cadence } from './cadence.ts';
import { Comparison, type ComparisonResult } from './comparison.ts';
import { abortable } from './deadline.ts';
import { Digester } from './digester.ts';
import { DueTimes } from './due-times.ts';
import { Healer } from './healer.ts';
import type { SyncIntervals, SyncOptions } from './intervals.ts';
import type { Link } from './link.ts';
import type { DigestRequest, FlushedRequest, RootsRequest } from './messages.ts';
import { News } from './news.ts';
import { PeerSet } from './peer-set.ts';
import { PeerSync, syncWith } from './peer-sync.ts';
import type { PeerRelation } from './peer-view.ts';
import { Pulls } from './puller.ts';
import { Push } from './push.ts';
import { settled, whenFlushed } from './settled.ts';
import { Wanted } from './wanted.ts';

export interface SpaceSyncEvents {
  /** What `relations()` tells changed; coalesced. */
  relation: () => void;
  /** Our set and a peer's became equal, after they had differed for `durationMs`. */
  converged: (peerId: string, durationMs: number) => void;
  /** A peer shares the space, or no longer does. */
  peers: () => void;
}

const RELATION_COALESCE_MS = 50;

export interface SpaceSyncParts {
  readonly replica: Replica;
  readonly network: Network;
  readonly ports: Ports;
  readonly intervals: SyncIntervals;
  readonly options: SyncOptions;
  /** The space is not quiet. */
  readonly onActive: () => void;
}

export class SpaceSync {
  readonly replica: Replica;
  readonly events = new Emitter<SpaceSyncEvents>();
  readonly #parts: SpaceSyncParts;
  readonly #abort = new AbortController();
  readonly #pulls: Pulls;
  readonly #peers: PeerSet;
  readonly #digester: Digester;
  readonly #news: News;
  readonly #wanted: Wanted;
  readonly #healer: Healer;
  readonly #cadence: Cadence;
  readonly #stops: (() => void)[] = [];
  #push: Push | undefined;
  #healing: Promise<void> | undefined;
  #cancelHeal: (() => void) | undefined;
  #cancelRelation: (() => void) | undefined;
  #convergences = 0;
  #lastSyncAtMs: number | undefined;

  constructor(parts: SpaceSyncParts) {
    this.#parts = parts;
    this.replica = parts.replica;
    const { replica, ports, intervals } = parts;
    this.#peers = new PeerSet(ports.random);
    this.#cadence = new Cadence(ports.clock);
    this.#wanted = new Wanted(replica, ports);
    this.#healer = new Healer(replica, ports);
    this.#pulls = new Pulls(replica, ports.clock, intervals.pullPatienceMs);
    this.#news = new News({ replica, ports, intervals, peers: this.#peers });
    this.#digester = new Digester({
      replica,
      ports,
      peers: this.#peers,
      replyMs: intervals.syncReplyMs,
      onGap: () => this.#active(),
    });
    this.#listen();
    if (parts.options.push !== false) this.#startPush();
    if (parts.options.pull !== false) this.#startTimers();
  }

  #listen(): void {
    const dueTimes = new DueTimes(
      this.#parts.ports.clock,
      () => this.replica.nextDueMs(),
      () => this.#askForDue(),
    );
    this.#stops.push(
      this.replica.events.on('damaged', () => this.#healSoon()),
      this.replica.events.on('held', (dueMs) => dueTimes.note(dueMs)),
      () => dueTimes.stop(),
      this.replica.events.on('visible', (runs, source) => {
        this.#digester.note(runs);
        this.#active();
        if (source.via === 'file') this.#news.tell();
        else if (source.via !== 'pull') this.#news.tellOnceQuiet();
        this.#changed();
      }),
    );
  }

  #startPush(): void {
    const { replica, network, ports, intervals } = this.#parts;
    this.#push = new Push({
      replica,
      network,
      ports,
      coalesceMs: intervals.pushCoalesceMs,
      onGap: (from) => this.#peers.get(from)?.schedule(intervals.syncReplyMs),
      onOverflow: () => this.#news.tell(),
      onFault: (from, { code, message }) => this.#peers.get(from)?.link.fault(code, message),
    });
  }

  #startTimers(): void {
    const { intervals, ports } = this.#parts;
    const { random } = ports;
    this.#stops.push(
      this.#cadence.every({
        baseMs: intervals.antiEntropyMs,
        quietMs: limits.antiEntropyQuietMs,
        jitter: (ms) => ms * (0.9 + 0.2 * random.number()),
        action: () => this.#tick(),
      }),
      this.#cadence.every({
        baseMs: intervals.digestMs,
        quietMs: limits.digestQuietMs,
        jitter: (ms) => ms + intervals.digestJitterMs * random.number(),
        action: () => void this.#digester.emit(),
      }),
    );
  }

  /** Something happened here: what had become rare in quiet is as frequent again as at the start. */
  #active(): void {
    this.#cadence.touch();
    this.#parts.onActive();
  }

  /** Syncs that ended equal after a difference. */
  get convergences(): number {
    return this.#convergences;
  }

  /** When roots were last exchanged with anybody. */
  get lastSyncAtMs(): number | undefined {
    return this.#lastSyncAtMs;
  }

  /** Connected peers that share the space. */
  get peerIds(): readonly string[] {
    return this.#peers.shared().map((peer) => peer.peerId);
  }

  /** Whether this space has digests to send. */
  get isDigestDue(): boolean {
    return this.#digester.isDue;
  }

  relations(): readonly PeerRelation[] {
    const mine = { root: this.replica.frontier.trie.root, count: this.replica.count };
    return this.#peers.shared().map((peer) => peer.view.relation(mine));
  }

  /**
   * Compares roots with one peer or all and pulls what is missing. Throws `NO_PEER` when nobody is
   * there, and what went wrong when it went wrong with everybody.
   */
  async sync(options: AbortOptions & { readonly peerId?: string | undefined } = {}): Promise<void> {
    const { peerId, signal } = options;
    const asked = peerId === undefined ? this.#peers.all() : [this.#peer(peerId)];
    await abortable(syncWith(asked, peerId !== undefined), signal);
  }

  /**
   * Resolves with the ids of at least so many other peers that durably hold what is held here now.
   * Waits for peers that are not connected yet; the signal ends the wait.
   */
  settled(replicas: number, options: AbortOptions = {}): Promise<string[]> {
    return settled(
      {
        replica: this.replica,
        ports: this.#parts.ports,
        peers: () => this.#peers.shared(),
        onPeers: (listener) => this.events.on('peers', listener),
        stopped: this.#abort.signal,
      },
      replicas,
      options,
    );
  }

  /** Where our set and a peer's differ. Throws `NO_PEER`, and what the exchange throws. */
  async compare(peerId: string, options: AbortOptions = {}): Promise<ComparisonResult> {
    const { replica, ports } = this.#parts;
    const { link } = this.#peer(peerId);
    return new Comparison({ replica, ports, link, signal: options.signal }).run();
  }

  /** Asks others for payloads that came erased. Returns how many were filled in. */
  async erasedSync(options: AbortOptions = {}): Promise<number> {
    let restored = 0;
    for (const peer of this.#peers.shared()) restored += await this.#wanted.askOf(peer.link, options);
    return restored;
  }

  /** The device woke up, or is online again: look at once. */
  wake(): void {
    this.#active();
    for (const peer of this.#peers.sample(limits.newsPeersMax)) peer.schedule(0);
  }

  #peer(peerId: string): PeerSync {
    const peer = this.#peers.get(peerId);
    if (peer === undefined) throw new AverError('NO_PEER', 'That peer is not connected.');
    return peer;
  }

  /** A peer is connected; whether it shares the space shows when it is greeted. */
  addPeer(link: Link): void {
    const { replica, ports, intervals, options } = this.#parts;
    if (options.pull === false || this.#peers.get(link.peerId) !== undefined) return;
    const peer = new PeerSync({
      replica,
      link,
      ports,
      pulls: this.#pulls,
      others: (peer) => this.#peers.shared().filter((other) => other !== peer && other.isChoice),
      // One for each peer: a signal that many wait for at once is taken for a leak by Node.
      signal: AbortSignal.any([this.#abort.signal]),
      onExchange: () => {
        // The first exchange shows that the peer shares the space; who waits for peers wants to know.
        this.events.emit('peers');
        this.#exchanged();
      },
      onChange: () => this.#changed(),
      onConverged: (durationMs) => this.#converged(link.peerId, durationMs),
      onNews: (from) => this.#news.tell(from),
    });
    this.#peers.set(link.peerId, peer);
    this.#active();
    // Who has nothing yet does not wait for others to go first.
    peer.schedule(replica.count === 0 ? 0 : intervals.syncReplyMs * ports.random.number());
  }

  removePeer(peerId: string): void {
    const peer = this.#peers.get(peerId);
    if (peer === undefined) return;
    peer.cancel();
    this.#peers.delete(peerId);
    this.events.emit('peers');
    this.#changed();
  }

  /** A peer proved by its own hello that it shares the space. */
  welcome(link: Link): void {
    this.addPeer(link);
    const peer = this.#peers.get(link.peerId);
    peer?.welcomed();
    peer?.schedule(this.#parts.intervals.syncReplyMs);
    this.events.emit('peers');
    this.#changed();
  }

  /** Whether the peer may compare roots now. */
  mayCompare(link: Link): boolean {
    return this.#peers.get(link.peerId)?.mayCompare() ?? true;
  }

  /** The peer pulled something, and compares again when it has taken that in. */
  brought(link: Link): void {
    this.#peers.get(link.peerId)?.brought();
  }

  /** A peer told its root: when it is another than ours, we look for what it has and we lack. */
  onRoots(link: Link, request: RootsRequest): void {
    const peer = this.#peers.get(link.peerId);
    if (peer === undefined) return;
    const { ports, intervals } = this.#parts;
    const mine = { root: this.replica.frontier.trie.root, count: this.replica.count };
    const converged = peer.view.noteRoots(mine, request, ports.clock.nowMs());
    this.#exchanged();
    if (converged !== undefined) this.#converged(peer.peerId, converged);
    if (equalBytes(mine.root, request.root)) peer.metEqual();
    else if (!peer.view.isExhausted(mine.root, request.root)) {
      this.#active();
      peer.schedule(Math.max(intervals.syncReplyMs, peer.patienceMs));
    }
  }

  onDigest(link: Link, request: DigestRequest): Promise<void> {
    return this.#digester.receive(link, request);
  }

  whenFlushed(request: FlushedRequest, signal: AbortSignal): Promise<Uint8Array> {
    return whenFlushed(this.replica, this.#parts.ports.clock, request, signal);
  }

  /** Whoever has another set may have what is due now. */
  #askForDue(): void {
    this.#active();
    for (const peer of this.#peers.shared())
      if (peer.isChoice) peer.schedule(this.#parts.intervals.syncReplyMs * this.#parts.ports.random.number());
  }

  #tick(): void {
    const peers = this.#peers.shared();
    const peer = peers[Math.floor(this.#parts.ports.random.number() * peers.length)];
    if (peer === undefined) return;
    peer.schedule(0);
    this.#wanted.askOf(peer.link, { signal: this.#abort.signal }).catch(() => undefined);
    this.#heal([peer]);
  }

  /** One damaged run is mostly not alone. */
  #healSoon(): void {
    this.#cancelHeal ??= this.#parts.ports.clock.setTimer(RELATION_COALESCE_MS, () => {
      this.#cancelHeal = undefined;
      this.#heal(this.#peers.shared());
    });
  }

  /** Asks one after the other for what the disk damaged. What fails is tried again at a later tick. */
  #heal(peers: readonly PeerSync[]): void {
    const { signal } = this.#abort;
    this.#healing ??= (async () => {
      for (const { link } of peers) await this.#healer.askOf(link, { signal }).catch(() => undefined);
    })().finally(() => {
      this.#healing = undefined;
    });
  }

  #converged(peerId: string, durationMs: number): void {
    this.#convergences++;
    this.#parts.ports.metrics.add('convergence_count');
    this.#parts.ports.metrics.observe('convergence_duration_ms', durationMs);
    this.events.emit('converged', peerId, durationMs);
  }

  #exchanged(): void {
    this.#lastSyncAtMs = this.#parts.ports.clock.nowMs();
    this.#changed();
  }

  #changed(): void {
    this.#cancelRelation ??= this.#parts.ports.clock.setTimer(RELATION_COALESCE_MS, () => {
      this.#cancelRelation = undefined;
      this.events.emit('relation');
    });
  }

  /** Resolves when nothing is under way any more that touches the replica. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const stop of this.#stops) stop();
    this.#news.stop();
    this.#cancelRelation?.();
    this.#cancelHeal?.();
    const peers = this.#peers.all();
    this.#peers.clear();
    for (const peer of peers) peer.link.unshare(this.replica.space);
    await Promise.all([this.#push?.stop(), this.#healing, ...peers.map((peer) => peer.stop())]);
  }
}
