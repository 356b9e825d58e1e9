/** A space of the peer itself: what `Space` promises, over the replica, its writer and its sync. */

import { encodeClaims } from '../assertion/claims.ts';
import { type HlcClock, hlcToText } from '../assertion/hlc.ts';
import { kinds } from '../assertion/model.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { throwIfAborted } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Network, Ports } from '../base/ports.ts';
import { lensNamed, resolve } from '../rules/lens.ts';
import type { Replica } from '../set/replica.ts';
import type { Writer } from '../set/writer.ts';
import type { SpaceSync } from '../sync/space-sync.ts';
import type {
  AssertReceipt,
  ClaimInput,
  Fact,
  Invite,
  InviteOptions,
  Query,
  Resolution,
  SettledOptions,
  Space,
  SpaceEvents,
  SpaceStatus,
  TrieComparison,
  TrieNodeView,
  WatchEvent,
} from './api.ts';
import { exportFile } from './export-file.ts';
import { claimOf, factOf, queryFacts } from './fact.ts';
import { clockProblem } from './problems.ts';
import type { RoundTrips } from './round-trips.ts';
import { spaceStatus } from './status.ts';
import { trieNodeView } from './trie-view.ts';
import { VisibleFacts } from './visible-facts.ts';
import { watchFacts } from './watch.ts';

export interface LocalSpaceParts {
  readonly replica: Replica;
  readonly sync: SpaceSync;
  readonly network: Network;
  readonly ports: Ports;
  readonly hlc: HlcClock;
  readonly roundTrips: RoundTrips;
  /** The writer of now: another one once its author key is retired. */
  readonly writer: () => Writer;
  /** Median of the peers' clocks in ms; undefined without peers. */
  readonly peersMedianMs: () => number | undefined;
  /** Learns the peers' clocks anew when this one has jumped. */
  readonly checkClock: () => Promise<void>;
  readonly invite: (options: InviteOptions) => Promise<Invite>;
}

/** Subjects of one assertion whose earlier claims become its parents; bulk writes stay cheap. */
const PARENT_LOOKUPS_MAX = 16;
/** Newest claims of one subject and predicate whose assertions become parents. */
const PARENTS_EACH_MAX = 2;
/** `status` events at most so often. */
const STATUS_EVERY_MS = 200;

export class LocalSpace implements Space {
  readonly id: string;
  readonly name: string;
  readonly #parts: LocalSpaceParts;
  readonly #events: Emitter<SpaceEvents>;
  readonly #visible: VisibleFacts;
  readonly #stop: (() => void)[];
  #cancelStatus: (() => void) | undefined;

  constructor(parts: LocalSpaceParts) {
    const { replica, sync, ports } = parts;
    this.#parts = parts;
    this.id = bytesToHex(replica.space.id);
    this.name = replica.space.genesis.name;
    this.#events = new Emitter((error) =>
      ports.log.write('error', 'a listener failed', { error: String(error) }),
    );
    this.#visible = new VisibleFacts(replica, this.#events);
    this.#stop = [
      () => this.#visible.close(),
      replica.events.on('visible', () => this.touch()),
      replica.events.on('refused', ({ code, from, message }) => {
        this.#events.emit('refused', { code, from, message });
        this.touch();
      }),
      sync.events.on('relation', () => this.touch()),
    ];
  }

  /** Something in the status changed: tell it soon, once. */
  touch(): void {
    this.#cancelStatus ??= this.#parts.ports.clock.setTimer(STATUS_EVERY_MS, () => {
      this.#cancelStatus = undefined;
      void this.status().then((status) => this.#events.emit('status', status));
    });
  }

  async assert(
    claims: ClaimInput | readonly ClaimInput[],
    options: AbortOptions = {},
  ): Promise<AssertReceipt> {
    const { checkClock, hlc, peersMedianMs, ports, writer } = this.#parts;
    const list = (Array.isArray(claims) ? claims : [claims]) as readonly ClaimInput[];
    const inputs = list.map(claimOf);
    const payload = encodeClaims(inputs);
    await checkClock();
    hlc.assertWritable(peersMedianMs());
    const parents = await this.#seen(inputs);
    throwIfAborted(options.signal);
    const assertion = await writer().write({ kind: kinds.claim, payload, parents }, options);
    const warning = clockProblem(this.#skewMs(), limits.clockSkewWarnMs);
    if (warning !== undefined) ports.metrics.add('writes_warned', 1, { code: warning.code });
    return {
      id: bytesToHex(assertion.id),
      author: bytesToHex(assertion.author),
      seq: assertion.seq,
      hlc: hlcToText(assertion.hlc),
      durable: true,
      claims: inputs.length,
      ...(warning === undefined ? {} : { warning }),
    };
  }

  #skewMs(): number | undefined {
    const median = this.#parts.peersMedianMs();
    return median === undefined ? undefined : this.#parts.ports.clock.nowMs() - median;
  }

  /** What the writer saw of the same subjects and predicates: the new assertion's parents. */
  async #seen(
    claims: readonly { readonly subject: string; readonly predicate: string }[],
  ): Promise<Uint8Array[]> {
    const { hlc, replica } = this.#parts;
    const byId = new Map<string, Uint8Array>();
    // To build on what comes from the future would drag this writer's clock there.
    const endNs = hlc.mergeEndNs;
    for (const { subject, predicate } of claims.slice(0, PARENT_LOOKUPS_MAX)) {
      const ids = await replica.journal.newestClaims(subject, predicate, endNs, PARENTS_EACH_MAX);
      for (const id of ids) byId.set(bytesToHex(id), id);
      if (byId.size >= limits.parentsMax) break;
    }
    return [...byId.values()].slice(0, limits.parentsMax);
  }

  async get(
    subject: string,
    predicate: string,
    options: AbortOptions & { readonly lens?: string } = {},
  ): Promise<Resolution> {
    const lens = lensNamed(options.lens);
    const query = {
      subject: { exact: subject.normalize('NFC') },
      predicate,
      order: 'subject',
      reverse: true,
    } as const;
    const candidates = [];
    for await (const record of this.#parts.replica.journal.claims(query)) {
      throwIfAborted(options.signal);
      candidates.push(record);
      if (candidates.length >= limits.pageRowsMax) break;
    }
    const facts = resolve(lens, candidates).map(factOf);
    return { winner: facts[0], candidates: facts, lens: lens.name };
  }

  query(query: Query = {}, options: AbortOptions = {}): AsyncIterable<Fact> {
    return queryFacts(this.#parts.replica.journal, query, options.signal);
  }

  watch(query: Query = {}, options: AbortOptions = {}): AsyncIterable<WatchEvent> {
    return watchFacts(this.#parts.replica.journal, this.#visible, query, options.signal);
  }

  async status(options: AbortOptions = {}): Promise<SpaceStatus> {
    throwIfAborted(options.signal);
    return spaceStatus(this.#parts);
  }

  async settled(options: SettledOptions = {}): Promise<{ readonly replicas: readonly string[] }> {
    return { replicas: await this.#parts.sync.settled(options.replicas ?? 1, options) };
  }

  async invite(options: InviteOptions = {}): Promise<Invite> {
    throwIfAborted(options.signal);
    return this.#parts.invite(options);
  }

  async erase(id: string, options: AbortOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    return this.#parts.replica.erase(hexToBytes(id, 32));
  }

  export(options: AbortOptions = {}): AsyncIterable<Uint8Array> {
    return exportFile(this.#parts.replica, options);
  }

  async trie(prefix: string, options: AbortOptions = {}): Promise<TrieNodeView> {
    throwIfAborted(options.signal);
    return trieNodeView(this.#parts.replica.frontier.trie, prefix);
  }

  async compare(peerId: string, options: AbortOptions = {}): Promise<TrieComparison> {
    throwIfAborted(options.signal);
    const result = await this.#parts.sync.compare(peerId, options);
    return {
      peerId,
      equal: result.equal,
      mine: bytesToHex(result.mine),
      theirs: bytesToHex(result.theirs),
      differing: result.differing,
      authors: result.authors.map(({ author, mine, theirs }) => ({
        author: bytesToHex(author),
        mine,
        theirs,
      })),
    };
  }

  sync(options: AbortOptions = {}): Promise<void> {
    return this.#parts.sync.sync(options);
  }

  on<K extends keyof SpaceEvents>(event: K, listener: SpaceEvents[K]): () => void {
    return this.#events.on(event, listener);
  }

  /** The replica, for the peer's own import. */
  get replica(): Replica {
    return this.#parts.replica;
  }

  async close(): Promise<void> {
    for (const stop of this.#stop) stop();
    this.#cancelStatus?.();
    await this.#parts.writer().close();
    await this.#parts.replica.close();
  }
}

/** Throws `BAD_INPUT` unless the text is 32 bytes in hex. */
export function isSpaceId(text: string): boolean {
  return /^[0-9a-f]{64}$/i.test(text);
}
