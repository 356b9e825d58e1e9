/**
 * The sync of one space: when to talk to whom, what became of it, and the answers to "did it sync?".
 * Push brings news at once; anti-entropy (on connect, on wake-up, on a gap, after news, every five
 * seconds) makes sure. Either alone converges.
 */
import { equalBytes } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { AverError, isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Network, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { Comparison, type ComparisonResult } from './comparison.ts';
import { abortable, pause, Slots } from './deadline.ts';
import { buildDigest, packDigest, RecentAuthors, showsGap, unpackDigest } from './digest.ts';
import { repeat, type SyncIntervals, type SyncOptions } from './intervals.ts';
import type { Link } from './link.ts';
import type { DigestRequest, FlushedRequest, RootsRequest } from './messages.ts';
import { PeerSync } from './peer-sync.ts';
import type { PeerRelation } from './peer-view.ts';
import { Push } from './push.ts';
import { settled } from './settled.ts';
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
const NONCE_BYTES = 16;
const PULLS_WAITING_MAX = 1024;

export interface SpaceSyncParts {
  readonly replica: Replica;
  readonly network: Network;
  readonly ports: Ports;
  readonly intervals: SyncIntervals;
  readonly options: SyncOptions;
}

export class SpaceSync {
  readonly replica: Replica;
  readonly events = new Emitter<SpaceSyncEvents>();
  readonly #parts: SpaceSyncParts;
  readonly #abort = new AbortController();
  readonly #pulls = new Slots(limits.pullsPerSpaceMax, PULLS_WAITING_MAX);
  readonly #peers = new Map<string, PeerSync>();
  readonly #authors = new RecentAuthors();
  readonly #wanted: Wanted;
  readonly #stops: (() => void)[] = [];
  #cancelQuiet: (() => void) | undefined;
  #cancelRelation: (() => void) | undefined;
  #convergences = 0;
  #lastSyncAtMs: number | undefined;

  constructor(parts: SpaceSyncParts) {
    this.#parts = parts;
    this.replica = parts.replica;
    this.#wanted = new Wanted(parts.replica, parts.ports);
    for (const tip of this.replica.frontier.tips()) this.#authors.note(tip.author);
    this.#listen();
    if (parts.options.push !== false) this.#startPush();
    if (parts.options.pull !== false) this.#startTimers();
  }

  #listen(): void {
    this.#stops.push(
      this.replica.events.on('visible', (runs, source) => {
        for (const run of runs) this.#authors.note(run.author);
        if (source.via === 'file') this.#tellNews(undefined);
        else if (source.via !== 'pull') this.#quietly();
        this.#changed();
      }),
    );
  }

  #startPush(): void {
    const { replica, network, ports, intervals } = this.#parts;
    const push = new Push({
      replica,
      network,
      ports,
      coalesceMs: intervals.pushCoalesceMs,
      onGap: (from) => this.#peers.get(from)?.schedule(0),
      onOverflow: () => this.#tellNews(undefined),
      onFault: (from, { code, message }) => this.#peers.get(from)?.link.fault(code, message),
    });
    this.#stops.push(() => push.stop());
  }

  #startTimers(): void {
    const { intervals, ports } = this.#parts;
    const { clock, random } = ports;
    this.#stops.push(
      repeat(
        clock,
        // A little jitter keeps peers that started together from asking together.
        () => intervals.antiEntropyMs * (0.9 + 0.2 * random.number()),
        () => this.#tick(),
      ),
      repeat(
        clock,
        () => intervals.digestMs + intervals.digestJitterMs * random.number(),
        () => this.emitDigests(),
      ),
    );
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
    return this.#shared().map((peer) => peer.peerId);
  }

  #shared(): PeerSync[] {
    return [...this.#peers.values()].filter((peer) => peer.isShared);
  }

  relations(): readonly PeerRelation[] {
    const mine = { root: this.replica.frontier.trie.root, count: this.replica.count };
    return this.#shared().map((peer) => peer.view.relation(mine));
  }

  /**
   * Compares roots with one peer or all and pulls what is missing. Throws `NO_PEER` when nobody is
   * there, and what went wrong when it went wrong with everybody.
   */
  async sync(options: AbortOptions & { readonly peerId?: string | undefined } = {}): Promise<void> {
    const peers = options.peerId === undefined ? [...this.#peers.values()] : [this.#peer(options.peerId)];
    const asked = peers.filter((peer) => !peer.isDenied);
    if (asked.length === 0) throw new AverError('NO_PEER', 'No connected peer shares this space.');
    const results = await abortable(Promise.allSettled(asked.map((peer) => peer.run())), options.signal);
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failed.length === results.length) {
      const worst = failed.find((error) => !isAverError(error, 'DENIED'));
      throw worst ?? new AverError('NO_PEER', 'No connected peer shares this space.');
    }
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
        peers: () => this.#shared(),
        onPeers: (listener) => this.events.on('peers', listener),
        stopped: this.#abort.signal,
      },
      replicas,
      options,
    );
  }

  /** Where our set and a peer's differ. Throws `NO_PEER`, and what the exchange throws. */
  compare(peerId: string, options: AbortOptions = {}): Promise<ComparisonResult> {
    const { replica, ports } = this.#parts;
    const { link } = this.#peer(peerId);
    return new Comparison({ replica, ports, link, signal: options.signal }).run();
  }

  /** Asks others for payloads that came erased. Returns how many were filled in. */
  async erasedSync(options: AbortOptions = {}): Promise<number> {
    let restored = 0;
    for (const peer of this.#shared()) restored += await this.#wanted.askOf(peer.link, options);
    return restored;
  }

  /** The device woke up, or is online again: look at once. */
  wake(): void {
    for (const peer of this.#sample(limits.newsPeersMax)) peer.schedule(0);
  }

  #peer(peerId: string): PeerSync {
    const peer = this.#peers.get(peerId);
    if (peer === undefined) throw new AverError('NO_PEER', 'That peer is not connected.');
    return peer;
  }

  /** A peer is connected; whether it shares the space shows when it is greeted. */
  addPeer(link: Link): void {
    if (this.#peers.has(link.peerId)) return;
    const { replica, ports, intervals, options } = this.#parts;
    const peer = new PeerSync({
      replica,
      link,
      ports,
      pulls: this.#pulls,
      signal: this.#abort.signal,
      onChange: () => this.#changed(),
      onConverged: (durationMs) => this.#converged(link.peerId, durationMs),
      onNews: (from) => this.#tellNews(from),
    });
    this.#peers.set(link.peerId, peer);
    if (options.pull !== false) peer.schedule(intervals.syncReplyMs * ports.random.number());
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
    if (this.#parts.options.pull !== false) peer?.schedule(this.#parts.intervals.syncReplyMs);
    this.events.emit('peers');
    this.#changed();
  }

  /** A peer told its root: when it is another than ours, we look for what it has and we lack. */
  onRoots(link: Link, request: RootsRequest): void {
    const peer = this.#peers.get(link.peerId);
    if (peer === undefined) return;
    const { ports, intervals } = this.#parts;
    const mine = { root: this.replica.frontier.trie.root, count: this.replica.count };
    const converged = peer.view.noteRoots(mine, request, ports.clock.nowMs());
    this.#lastSyncAtMs = ports.clock.nowMs();
    if (converged !== undefined) this.#converged(peer.peerId, converged);
    this.#changed();
    if (equalBytes(mine.root, request.root)) peer.cancel();
    else if (!peer.view.isExhausted(mine.root, request.root)) peer.schedule(intervals.syncReplyMs);
  }

  async onDigest(link: Link, request: DigestRequest): Promise<void> {
    const peer = this.#peers.get(link.peerId);
    const { ports } = this.#parts;
    const nowMs = ports.clock.nowMs();
    ports.metrics.add('digests_received');
    if (peer === undefined) return;
    if (peer.digests.isEarly(nowMs)) return ports.metrics.add('digests_dropped', 1, { why: 'early' });
    const digest = await unpackDigest(request).catch((error: unknown) => {
      const { code, message } = toAverError(error);
      link.fault(code, message);
      throw error;
    });
    if (peer.digests.isRepeated(digest.nonce, nowMs)) {
      return ports.metrics.add('digests_dropped', 1, { why: 'repeated' });
    }
    if (equalBytes(digest.root, this.replica.frontier.trie.root)) return;
    if (showsGap(this.replica, digest)) peer.schedule(this.#parts.intervals.syncReplyMs);
  }

  /** Answers when our flushed root is another than the one that the peer has seen. */
  async whenFlushed(request: FlushedRequest, signal: AbortSignal): Promise<Uint8Array> {
    const { frontier, events } = this.replica;
    const isNew = () => request.unlike === null || !equalBytes(frontier.flushed.root, request.unlike);
    if (!isNew()) {
      const wake = new AbortController();
      const stop = events.on('flushed', () => {
        if (isNew()) wake.abort();
      });
      const onAbort = () => wake.abort();
      signal.addEventListener('abort', onAbort);
      await pause(this.#parts.ports.clock, request.waitMs, wake.signal).catch(() => undefined);
      signal.removeEventListener('abort', onAbort);
      stop();
    }
    return frontier.flushed.root;
  }

  #tick(): void {
    const peers = this.#shared();
    const peer = peers[Math.floor(this.#parts.ports.random.number() * peers.length)];
    if (peer === undefined) return;
    peer.schedule(0);
    this.#wanted.askOf(peer.link, { signal: this.#abort.signal }).catch(() => undefined);
  }

  /** A digest to a few peers. Public for tests and tools; runs by itself every ten seconds. */
  emitDigests(): void {
    if (this.replica.count === 0) return;
    const n = this.#shared().length;
    const wish = Math.ceil(Math.log2(n) + 1);
    const fanOut = Math.min(limits.digestFanOutMax, Math.max(limits.digestFanOutMin, wish));
    for (const peer of this.#sample(fanOut)) {
      this.#sendDigest(peer).catch((error: unknown) => {
        const { code, message } = toAverError(error);
        this.#parts.ports.log.write('debug', 'could not send a digest', { code, message });
      });
    }
  }

  async #sendDigest(peer: PeerSync): Promise<void> {
    const { ports } = this.#parts;
    const { root } = peer.view;
    const isEqual = root !== undefined && equalBytes(root, this.replica.frontier.trie.root);
    const authors = this.#authors.since(peer.digests.sentChange);
    const { change } = this.#authors;
    const digest = buildDigest(this.replica, authors, ports.random.bytes(NONCE_BYTES), !isEqual);
    ports.metrics.add('digests_sent');
    await peer.link.channel.ask(await packDigest(this.replica.space.tag, digest), {
      signal: this.#abort.signal,
    });
    peer.digests.sentChange = change;
  }

  /** Random peers that share the space, at most so many. */
  #sample(max: number): PeerSync[] {
    const peers = this.#shared();
    const { random } = this.#parts.ports;
    for (let i = peers.length - 1; i > 0; i--) {
      const j = Math.floor(random.number() * (i + 1));
      [peers[i], peers[j]] = [peers[j] as PeerSync, peers[i] as PeerSync];
    }
    return peers.slice(0, max);
  }

  /** Others may lack what a pull or a file brought: compare roots with them soon. */
  #tellNews(from: PeerSync | undefined): void {
    const { ports, intervals } = this.#parts;
    if (this.#parts.options.pull === false) return;
    const nowMs = ports.clock.nowMs();
    for (const peer of this.#sample(limits.newsPeersMax)) {
      if (peer === from) continue;
      const jitterMs = intervals.newsJitterMs * ports.random.number();
      peer.schedule(Math.max(jitterMs, peer.startedMs + intervals.newsIntervalMs - nowMs));
    }
  }

  /** After pushes there is nothing to do where they arrived: look once it is quiet, where roots still differ. */
  #quietly(): void {
    const { ports, intervals, options } = this.#parts;
    if (options.pull === false) return;
    this.#cancelQuiet?.();
    const delayMs = intervals.newsQuietMs + intervals.newsJitterMs * ports.random.number();
    this.#cancelQuiet = ports.clock.setTimer(delayMs, () => {
      const { root } = this.replica.frontier.trie;
      for (const peer of this.#sample(limits.newsPeersMax)) {
        const isEqual = peer.view.root !== undefined && equalBytes(peer.view.root, root);
        if (!isEqual) peer.schedule(intervals.newsJitterMs * ports.random.number());
      }
    });
  }

  #converged(peerId: string, durationMs: number): void {
    this.#convergences++;
    this.#parts.ports.metrics.add('convergence_count');
    this.#parts.ports.metrics.observe('convergence_duration_ms', durationMs);
    this.events.emit('converged', peerId, durationMs);
  }

  #changed(): void {
    this.#cancelRelation ??= this.#parts.ports.clock.setTimer(RELATION_COALESCE_MS, () => {
      this.#cancelRelation = undefined;
      this.events.emit('relation');
    });
  }

  stop(): void {
    this.#abort.abort();
    for (const stop of this.#stops) stop();
    for (const peer of this.#peers.values()) {
      peer.cancel();
      peer.link.unshare(this.replica.space);
    }
    this.#peers.clear();
    this.#cancelQuiet?.();
    this.#cancelRelation?.();
  }
}
