/** The sync engine: links to connected peers, the spaces to sync with them, and the protocol's handler. */
import { bytesToHex } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, ConnectedPeer, FrameStream, Network, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { Cadence } from './cadence.ts';
import { withDeadline } from './deadline.ts';
import { repeat, type SyncIntervals, type SyncOptions, toIntervals } from './intervals.ts';
import { Link } from './link.ts';
import { SYNC_PROTOCOL } from './messages.ts';
import { PeerAccounts } from './peer-accounts.ts';
import { Responder } from './responder.ts';
import { SpaceSync } from './space-sync.ts';

export class SyncEngine {
  readonly #network: Network;
  readonly #ports: Ports;
  readonly #options: SyncOptions;
  readonly #intervals: SyncIntervals;
  readonly #accounts: PeerAccounts;
  readonly #links = new Map<string, Link>();
  /** By tag in hex. */
  readonly #spaces = new Map<string, SpaceSync>();
  readonly #responder: Responder;
  readonly #cadence: Cadence;
  readonly #stops: (() => void)[] = [];
  readonly #serving = new Set<Promise<void>>();
  /** What this machine's clock was ahead of a steady one when it was last looked at. */
  #clockLeadMs: number;
  #askingClocks: Promise<void> | undefined;

  constructor(network: Network, ports: Ports, options: SyncOptions = {}) {
    this.#network = network;
    this.#ports = ports;
    this.#options = options;
    this.#intervals = toIntervals(options);
    const { clock, metrics } = ports;
    this.#cadence = new Cadence(clock);
    this.#clockLeadMs = clockLeadMs(clock);
    this.#accounts = new PeerAccounts({ clock, metrics, trustOf: options.trustOf ?? (() => 0) });
    this.#responder = new Responder({
      ports,
      timeoutMs: this.#intervals.requestTimeoutMs,
      linkOf: (peerId) => this.#linkOf(peerId),
      spaceOf: (tag) => this.#spaces.get(bytesToHex(tag)),
      onWelcome: (link, space) => space.welcome(link),
    });
  }

  start(): void {
    const network = this.#network;
    this.#stops.push(
      network.handle(SYNC_PROTOCOL, (stream) => this.#serve(stream)),
      network.on('connect', (peer) => this.#meet(peer)),
      network.on('change', (peer) => this.#meet(peer)),
      network.on('disconnect', (peerId) => this.#drop(peerId)),
      this.#cadence.every({
        baseMs: this.#intervals.pingMs,
        quietMs: limits.pingQuietMs,
        jitter: (ms) => ms * (0.9 + 0.2 * this.#ports.random.number()),
        action: () => void this.#pingAll(),
      }),
      repeat(
        this.#ports.clock,
        () => limits.reportMs,
        () => this.#report(),
      ),
    );
    for (const peer of network.peers()) this.#meet(peer);
  }

  /** Resolves when nothing is under way any more that touches a replica. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    const stopping = [...this.#spaces.values()].map((space) => space.stop());
    this.#spaces.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#responder.stop();
    await Promise.all([...stopping, ...this.#serving]);
  }

  /** Starts to sync a space. Throws `BAD_INPUT` when it is synced already or there are too many. */
  add(replica: Replica): SpaceSync {
    const key = bytesToHex(replica.space.tag);
    if (this.#spaces.has(key)) throw new AverError('BAD_INPUT', 'The space is synced already.');
    if (this.#spaces.size >= limits.spacesMax) {
      throw new AverError('BAD_INPUT', `One peer serves at most ${limits.spacesMax} spaces.`);
    }
    const space = new SpaceSync({
      replica,
      network: this.#network,
      ports: this.#ports,
      intervals: this.#intervals,
      options: this.#options,
      onActive: () => this.#cadence.touch(),
    });
    this.#spaces.set(key, space);
    for (const link of this.#links.values()) space.addPeer(link);
    return space;
  }

  /** Resolves when the sync no longer touches the replica. */
  async remove(space: SpaceSync): Promise<void> {
    this.#spaces.delete(bytesToHex(space.replica.space.tag));
    await space.stop();
  }

  /** The device woke up, the page is visible again, or the network is back. */
  wake(): void {
    this.#cadence.touch();
    for (const space of this.#spaces.values()) space.wake();
    void this.#pingAll();
  }

  /**
   * Asks the peers for their clocks anew when this machine's has jumped, or the machine slept, since the
   * last look: what is known of theirs is told by ours.
   */
  checkClock(): Promise<void> {
    const leadMs = clockLeadMs(this.#ports.clock);
    if (Math.abs(leadMs - this.#clockLeadMs) > limits.clockSkewWarnMs)
      this.#askingClocks ??= this.#askClocks().finally(() => {
        this.#askingClocks = undefined;
      });
    this.#clockLeadMs = leadMs;
    return this.#askingClocks ?? Promise.resolve();
  }

  /** Who does not answer in time keeps nobody from writing. */
  async #askClocks(): Promise<void> {
    const { clock } = this.#ports;
    const options = { clock, timeoutMs: limits.clockAskMsMax, what: 'the clocks of the peers' };
    await withDeadline(options, () => this.#pingAll()).catch(() => undefined);
  }

  /** The median of the peers' clocks now, in ms since 1970; undefined as long as nobody told. */
  peersMedianMs(): number | undefined {
    const offsets = [...this.#links.values()].flatMap((link) =>
      link.clockOffsetMs === undefined ? [] : [link.clockOffsetMs],
    );
    if (offsets.length === 0) return undefined;
    offsets.sort((a, b) => a - b);
    const middle = offsets.length >> 1;
    const upper = offsets[middle] as number;
    const offset = offsets.length % 2 === 1 ? upper : ((offsets[middle - 1] as number) + upper) / 2;
    return this.#ports.clock.nowMs() + offset;
  }

  #meet(peer: ConnectedPeer): void {
    // A relayed connection carries signalling only; the direct one follows.
    if (peer.relayed) return;
    const link = this.#linkOf(peer.id);
    for (const space of this.#spaces.values()) space.addPeer(link);
  }

  /** A stream may come before the news of its connection: the link is made by whichever is first. */
  #linkOf(peerId: string): Link {
    const known = this.#links.get(peerId);
    if (known !== undefined && !known.isClosed) return known;
    const { requestTimeoutMs: timeoutMs } = this.#intervals;
    const account = this.#accounts.of(peerId);
    const link = new Link({ network: this.#network, ports: this.#ports, peerId, timeoutMs, account });
    this.#links.set(peerId, link);
    this.#cadence.touch();
    return link;
  }

  #drop(peerId: string): void {
    this.#links.get(peerId)?.close();
    this.#links.delete(peerId);
    for (const space of this.#spaces.values()) space.removePeer(peerId);
  }

  #serve(stream: FrameStream): void {
    const { peerId } = stream;
    const serving = this.#responder.serve(stream).finally(() => {
      this.#serving.delete(serving);
      const isConnected = this.#network.peers().some((peer) => peer.id === peerId);
      if (!isConnected && this.#links.has(peerId)) this.#drop(peerId);
    });
    this.#serving.add(serving);
  }

  /** Gauges that time alone changes. */
  #report(): void {
    const due = [...this.#spaces.values()].filter((space) => space.isDigestDue).length;
    this.#ports.metrics.set('digest_spaces_due', due);
    this.#accounts.report(this.#links.keys());
    this.#responder.report();
  }

  async #pingAll(): Promise<void> {
    const known = [...this.#links.values()].filter((link) => link.clockOffsetMs !== undefined);
    await Promise.all(known.map((link) => link.ping().catch(() => undefined)));
  }
}

function clockLeadMs(clock: Clock): number {
  return clock.steadyMs === undefined ? 0 : clock.nowMs() - clock.steadyMs();
}
