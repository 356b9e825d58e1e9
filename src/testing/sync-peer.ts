/** A replica that syncs: the real engine over a network and a store in memory, and an author to write with. */
import { HlcClock } from '../assertion/hlc.ts';
import type { Assertion, Run } from '../assertion/model.ts';
import { bytesToHex, utf8 } from '../base/bytes.ts';
import { MemoryMetrics } from '../base/counters.ts';
import { silentLog } from '../base/log.ts';
import type { Clock, Crypto, Log, Network, Store } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import type { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import { Replica } from '../set/replica.ts';
import { memoryStore } from '../store/memory.ts';
import { SyncEngine } from '../sync/engine.ts';
import type { SyncOptions } from '../sync/intervals.ts';
import type { SpaceSync } from '../sync/space-sync.ts';
import { TestAuthor } from './chains.ts';

export interface SyncPeerOptions extends SyncOptions {
  readonly hub: MemoryHub;
  readonly space: SpaceIdentity;
  /** Names the peer and its author. */
  readonly number: number;
  readonly store?: Store;
  readonly clock?: Clock;
  /** Node's when absent; the one in plain JavaScript keeps virtual time exact. */
  readonly crypto?: Crypto;
  readonly log?: Log;
  /** Wraps or replaces the network, for peers that misbehave. */
  readonly network?: Network;
}

export class SyncPeer {
  readonly network: Network;
  readonly replica: Replica;
  readonly engine: SyncEngine;
  readonly sync: SpaceSync;
  readonly author: TestAuthor;
  readonly metrics: MemoryMetrics;
  readonly crypto: Crypto;
  #last: Assertion | undefined;

  private constructor(
    network: Network,
    replica: Replica,
    engine: SyncEngine,
    sync: SpaceSync,
    author: TestAuthor,
    metrics: MemoryMetrics,
    crypto: Crypto,
  ) {
    this.crypto = crypto;
    this.network = network;
    this.replica = replica;
    this.engine = engine;
    this.sync = sync;
    this.author = author;
    this.metrics = metrics;
  }

  static async start(options: SyncPeerOptions): Promise<SyncPeer> {
    const { hub, space, number, store = memoryStore(), clock = hub.clock, crypto = nodeCrypto() } = options;
    const { log = silentLog } = options;
    const metrics = new MemoryMetrics();
    const ports = { clock, random: hub.random, log, crypto, metrics };
    const network = options.network ?? new MemoryNetwork(hub, `peer-${number}`);
    const replica = await Replica.open(space, store, ports, new HlcClock(clock));
    const engine = new SyncEngine(network, ports, options);
    const sync = engine.add(replica);
    engine.start();
    await network.start();
    const author = await TestAuthor.create(space, ports.crypto, number);
    return new SyncPeer(network, replica, engine, sync, author, metrics, ports.crypto);
  }

  get id(): string {
    return this.network.peerId;
  }

  get root(): string {
    return bytesToHex(this.replica.frontier.trie.root);
  }

  connect(other: SyncPeer): Promise<string> {
    return this.network.dial(`/memory/0/p2p/${other.id}`);
  }

  /** Writes one run of so many assertions under the peer's own author. */
  async write(count = 1, payload?: Uint8Array): Promise<Run> {
    const assertions = this.author.chain(count, this.#last, (i) => ({
      payload: payload ?? utf8(`${this.id} ${i}`),
    }));
    this.#last = assertions.at(-1);
    return this.take(await this.author.run(assertions));
  }

  /** Takes a run in as if it had been written here. */
  async take(run: Run): Promise<Run> {
    await this.replica.ingest([run], { from: 'self', via: 'own' });
    return run;
  }

  metric(name: string, labels: Record<string, string> = {}): number {
    return this.metrics.value(name, labels);
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    await this.network.stop();
    await this.replica.close();
  }
}

/** Resolves as soon as all hold so many assertions and one root. Looks again whenever one of them changes. */
export function converged(peers: readonly SyncPeer[], count: number): Promise<void> {
  return when(
    () => peers.every((peer) => peer.replica.count === count && peer.root === peers[0]?.root),
    (look) => peers.map((peer) => peer.replica.events.on('visible', look)),
  );
}

/** Resolves as soon as the condition holds; `listen` says what may make it true. */
export function when(
  condition: () => boolean,
  listen: (look: () => void) => readonly (() => void)[],
): Promise<void> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = [];
    const look = () => {
      if (!condition()) return;
      for (const stop of stops.splice(0)) stop();
      resolve();
    };
    stops.push(...listen(look));
    look();
  });
}
