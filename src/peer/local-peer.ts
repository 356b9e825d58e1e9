/** The peer itself: network, sync, store and spaces put together, and their lifecycle. */

import { HlcClock } from '../assertion/hlc.ts';
import { bytesToHex } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { ADVICE, AverError, throwIfAborted } from '../base/errors.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { Mutex } from '../base/mutex.ts';
import type { AbortOptions, MetricSample, Network, Ports, Store } from '../base/ports.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import { Replica } from '../set/replica.ts';
import type { AuthorKey } from '../set/writer.ts';
import { watchedStore } from '../store/watched.ts';
import { SyncEngine } from '../sync/engine.ts';
import type {
  CreateSpaceOptions,
  ImportReport,
  Peer,
  PeerEvents,
  PeerInfo,
  Space,
  StorageStatus,
} from './api.ts';
import { Author } from './author.ts';
import { countErrors } from './count-errors.ts';
import { importFile } from './export-file.ts';
import { decodeInvite, type OpenedInvite } from './invite.ts';
import { makeInvite } from './invite-maker.ts';
import type { Keyring } from './keyring.ts';
import { isSpaceId, LocalSpace } from './local-space.ts';
import { newSpace } from './new-space.ts';
import { clockProblem, type Problem, Problems } from './problems.ts';
import { RoundTrips } from './round-trips.ts';
import { connectionStatus } from './status.ts';
import { keyringOf, spaceStore } from './store-layout.ts';

export type { Problem };
export { keyringOf };

export interface LocalPeerParts {
  readonly store: Store;
  readonly network: Network;
  readonly ports: Ports;
  readonly keyring: Keyring;
  /** Addresses that are dialled and kept, beside those that invites bring. */
  readonly bootstrap: readonly string[];
  readonly version: string;
  readonly storage: () => Promise<StorageStatus>;
  /** What this platform cannot do. */
  readonly problems?: readonly Problem[];
}

/** The peer's clock against the others': worth a word beyond this. */
const SKEW_PROBLEM_MS = limits.hlcWriteAheadMsMax;

export class LocalPeer implements Peer {
  readonly #parts: LocalPeerParts;
  readonly #hlc: HlcClock;
  readonly #engine: SyncEngine;
  readonly #roundTrips: RoundTrips;
  readonly #problems: Problems;
  readonly #events: Emitter<PeerEvents>;
  readonly #spaces = new Map<string, LocalSpace>();
  /** By space, as those. */
  readonly #authors = new Map<string, Author>();
  readonly #opening = new Mutex();
  readonly #startedAtMs: number;
  readonly #addresses: Set<string>;
  readonly #whenStopping: (() => void)[] = [];
  #stopping: Promise<void> | undefined;

  private constructor(parts: LocalPeerParts) {
    const { network, ports, problems = [] } = parts;
    const store = watchedStore(parts.store, ports.metrics);
    store.onChange = () => void this.#infoChanged();
    this.#parts = { ...parts, store };
    this.#problems = new Problems(ports.metrics, [
      ...problems.map((problem) => () => problem),
      () => clockProblem(this.#skewMs(), SKEW_PROBLEM_MS),
      () => store.failure,
    ]);
    this.#startedAtMs = ports.clock.nowMs();
    this.#hlc = new HlcClock(ports.clock);
    this.#engine = new SyncEngine(network, ports);
    this.#events = new Emitter((error) =>
      ports.log.write('error', 'a listener failed', { error: String(error) }),
    );
    this.#addresses = new Set(parts.bootstrap);
    this.#roundTrips = new RoundTrips(network, ports.clock, () => this.#peersChanged());
  }

  /** Opens every saved space and joins the mesh. Unreachable addresses are no error: they are tried again. */
  static async start(parts: LocalPeerParts): Promise<LocalPeer> {
    await loadFastHash();
    const peer = new LocalPeer(parts);
    const { network } = parts;
    for (const event of ['connect', 'change', 'disconnect'] as const)
      network.on(event, () => peer.#peersChanged());
    network.on('addresses', () => void peer.#infoChanged());
    try {
      await network.start();
      peer.#engine.start();
      for await (const saved of parts.keyring.spaces()) {
        for (const address of saved.addresses) peer.#addresses.add(address);
        await peer.#openSpace(saved.space);
      }
    } catch (error) {
      // Its timers and sockets would keep a process from ending.
      await peer.stop().catch(() => undefined);
      throw error;
    }
    network.keep([...peer.#addresses]);
    return countErrors(peer, parts.ports.metrics);
  }

  #peersChanged(): void {
    void this.peers().then((peers) => this.#events.emit('peers', peers));
    for (const space of this.#spaces.values()) space.touch();
  }

  async #infoChanged(): Promise<void> {
    // On a failing disk there may be no info to tell.
    const info = await this.info().catch(() => undefined);
    if (info !== undefined) this.#events.emit('info', info);
  }

  #assertRunning(): void {
    if (this.#stopping !== undefined) throw new AverError('CLOSED', 'The peer was stopped.');
  }

  async info(options: AbortOptions = {}): Promise<PeerInfo> {
    throwIfAborted(options.signal);
    const { network, storage, version, keyring } = this.#parts;
    return {
      peerId: network.peerId,
      author: bytesToHex((await keyring.defaultAuthor()).publicKey),
      version,
      startedAtMs: this.#startedAtMs,
      addresses: network.addresses(),
      storage: await storage(),
      spaces: [...this.#spaces.keys()],
      clock: { skewMs: this.#skewMs() },
      problems: this.#problems.list().map((problem) => ({ ...problem, advice: ADVICE[problem.code] })),
      role: 'peer',
    };
  }

  #skewMs(): number | undefined {
    const median = this.#engine.peersMedianMs();
    return median === undefined ? undefined : this.#parts.ports.clock.nowMs() - median;
  }

  async peers(options: AbortOptions = {}): ReturnType<Peer['peers']> {
    throwIfAborted(options.signal);
    return this.#parts.network.peers().map((peer) => connectionStatus(peer, this.#roundTrips.of(peer.id)));
  }

  async metrics(options: AbortOptions = {}): Promise<readonly MetricSample[]> {
    throwIfAborted(options.signal);
    this.#problems.measure();
    return this.#parts.ports.metrics.snapshot();
  }

  async create(options: CreateSpaceOptions): Promise<Space> {
    this.#assertRunning();
    throwIfAborted(options.signal);
    const { keyring, ports } = this.#parts;
    return this.#openSpace(await newSpace(options, keyring, ports));
  }

  async open(inviteOrId: string, options: AbortOptions = {}): Promise<Space> {
    this.#assertRunning();
    throwIfAborted(options.signal);
    if (isSpaceId(inviteOrId)) {
      const space = this.#spaces.get(inviteOrId.toLowerCase());
      if (space === undefined) throw new AverError('UNKNOWN_SPACE', 'This space is not here.');
      return space;
    }
    return this.#join(decodeInvite(inviteOrId, this.#parts.ports.clock.nowMs()));
  }

  async #join(invite: OpenedInvite): Promise<Space> {
    const { keyring, network, ports } = this.#parts;
    const { space, addresses } = invite;
    const mine = await keyring.authorOf(space.id);
    let key: AuthorKey | undefined;
    // A key that is admitted here already is kept: one writer, one chain.
    if (invite.admit !== null && mine.admit === null) {
      const seed = invite.authorSeed ?? mine.seed;
      const author = await ports.crypto.publicKey(seed);
      if (invite.author !== null && bytesToHex(invite.author) !== bytesToHex(author)) {
        throw new AverError('NOT_ADMITTED', 'The invite admits another author key than this peer’s.');
      }
      key = await keyring.saveAuthor(space.id, seed, invite.admit);
    }
    await keyring.saveSpace({ space, addresses });
    for (const address of addresses) this.#addresses.add(address);
    network.keep([...this.#addresses]);
    const opened = await this.#openSpace(space);
    // It may have been open, for reading alone.
    if (key !== undefined) await this.#authors.get(opened.id)?.use(key);
    return opened;
  }

  #openSpace(space: SpaceIdentity): Promise<LocalSpace> {
    return this.#opening.run(async () => {
      const id = bytesToHex(space.id);
      const open = this.#spaces.get(id);
      if (open !== undefined) return open;
      if (this.#spaces.size >= limits.spacesMax)
        throw new AverError('BUSY', `A peer serves ${limits.spacesMax} spaces.`);
      const opened = await this.#buildSpace(space);
      this.#spaces.set(id, opened);
      this.#events.emit('space', id);
      return opened;
    });
  }

  async #buildSpace(space: SpaceIdentity): Promise<LocalSpace> {
    const { store, ports, keyring, network } = this.#parts;
    const replica = await Replica.open(space, spaceStore(store, space.id), ports, this.#hlc);
    const author = await Author.open(replica, keyring, ports, this.#hlc);
    this.#authors.set(bytesToHex(space.id), author);
    const opened = new LocalSpace({
      replica,
      sync: this.#engine.add(replica),
      network,
      ports,
      hlc: this.#hlc,
      roundTrips: this.#roundTrips,
      writer: () => author.writer,
      peersMedianMs: () => this.#engine.peersMedianMs(),
      checkClock: () => this.#engine.checkClock(),
      invite: (options) =>
        makeInvite({ space, keyring, network, ports, kept: [...this.#addresses] }, options),
    });
    return countErrors(opened, ports.metrics);
  }

  async spaces(options: AbortOptions = {}): Promise<readonly Space[]> {
    throwIfAborted(options.signal);
    return [...this.#spaces.values()];
  }

  async import(
    file: AsyncIterable<Uint8Array>,
    options: AbortOptions = {},
  ): Promise<{ readonly space: string } & ImportReport> {
    this.#assertRunning();
    const open = async (space: SpaceIdentity): Promise<Replica> => {
      if (!this.#spaces.has(bytesToHex(space.id)))
        await this.#parts.keyring.saveSpace({ space, addresses: [] });
      return (await this.#openSpace(space)).replica;
    };
    const { space, runs, report } = await importFile(file, open, options);
    const { accepted, known, refused, pending, held } = report;
    const refusals = report.refusals.map(({ code, message }) => ({ code, message }));
    return { space: bytesToHex(space.id), runs, accepted, known, refused, refusals, pending: pending + held };
  }

  async connect(address: string, options: AbortOptions = {}): Promise<string> {
    this.#assertRunning();
    const peerId = await this.#parts.network.dial(address, options);
    this.#addresses.add(address);
    this.#parts.network.keep([...this.#addresses]);
    return peerId;
  }

  /** The page became visible or the machine came online: dial who is missing and compare roots now. */
  wake(): void {
    this.#parts.network.wake();
    this.#engine.wake();
  }

  /** Calls `action` when the peer has begun to stop. */
  onStop(action: () => void): void {
    this.#whenStopping.push(action);
  }

  on<K extends keyof PeerEvents>(event: K, listener: PeerEvents[K]): () => void {
    return this.#events.on(event, listener);
  }

  /** Stops, as nothing in the store can be relied on any more. */
  async end(why: AverError): Promise<void> {
    if (this.#stopping !== undefined) return;
    // What is closed cannot be written any more.
    await this.stop().catch(() => undefined);
    this.#events.emit('ended', why);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Sync first, then what writes, then the network; the store closes only after all of them [LEV-28]. */
  async #stop(): Promise<void> {
    for (const action of this.#whenStopping) action();
    this.#roundTrips.stop();
    const steps = [
      () => this.#engine.stop(),
      ...[...this.#spaces.values()].map((space) => () => space.close()),
      () => this.#parts.network.stop(),
      () => this.#parts.store.close(),
    ];
    // A step that fails (a store that was taken over) does not leave the others running.
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
