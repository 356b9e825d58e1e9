/** The Network port within one process. See `memory-hub.ts`. */
import { Emitter } from '../base/emitter.ts';
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type {
  AbortOptions,
  ConnectedPeer,
  FrameStream,
  Network,
  NetworkEvents,
  TopicHandler,
} from '../base/ports.ts';
import { MemoryGossip } from './memory-gossip.ts';
import type { MemoryHub } from './memory-hub.ts';
import { MemoryFrameStream } from './memory-stream.ts';
import { Redialer } from './redialer.ts';

interface Link {
  readonly peer: ConnectedPeer;
  readonly other: MemoryNetwork;
  readonly streams: Set<MemoryFrameStream>;
}

export class MemoryNetwork implements Network {
  readonly peerId: string;
  readonly #hub: MemoryHub;
  readonly #emitter = new Emitter<NetworkEvents>();
  readonly #gossip: MemoryGossip;
  readonly #redialer: Redialer;
  readonly #links = new Map<string, Link>();
  readonly #handlers = new Map<string, (stream: FrameStream) => void>();
  readonly #bannedUntilMs = new Map<string, number>();
  #started = false;

  /** A peer that comes back after `stop` is a new network with the same id. */
  constructor(hub: MemoryHub, peerId: string) {
    this.#hub = hub;
    this.peerId = peerId;
    this.#gossip = new MemoryGossip({
      clock: hub.clock,
      neighbours: () => [...this.#links.keys()],
      send: (to, topic, message) => {
        const action = this.#atNeighbour(to, (other) => {
          void other.#gossip.onMessage(this.peerId, topic, message);
        });
        hub.deliverGossip(peerId, to, action, message.length);
      },
      announce: (topic, subscribed) => {
        for (const to of this.#links.keys()) this.#announce(to, topic, subscribed);
      },
      onMisbehaviour: (from) => void this.disconnect(from, { banMs: limits.banMs }),
    });
    this.#redialer = new Redialer({
      clock: hub.clock,
      random: hub.random,
      dial: ([address = '']) => this.dial(address),
      isConnected: (id) => this.#links.has(id),
      addressToPeerId,
    });
  }

  async start(): Promise<void> {
    this.#started = true;
    this.#hub.add(this);
    this.#emitter.emit('addresses', this.addresses());
    this.#redialer.start();
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#redialer.stop();
    this.#hub.remove(this);
    for (const peerId of [...this.#links.keys()]) this.cut(peerId);
  }

  addresses(): readonly string[] {
    return this.#started ? [`/memory/0/p2p/${this.peerId}`] : [];
  }

  peers(): readonly ConnectedPeer[] {
    return [...this.#links.values()].map((link) => link.peer);
  }

  on<K extends keyof NetworkEvents>(event: K, listener: NetworkEvents[K]): () => void {
    return this.#emitter.on(event, listener);
  }

  async dial(address: string, options: AbortOptions = {}): Promise<string> {
    const peerId = addressToPeerId(address);
    if (peerId === undefined) throw new AverError('BAD_INPUT', `"${address}" is no memory address.`);
    if (this.#isBanned(peerId)) throw new AverError('DIAL_DENIED', `${peerId} is banned.`);
    await this.#wait(peerId, options.signal);
    const other = this.#hub.find(peerId);
    const isReachable = other !== undefined && this.#hub.isReachable(this.peerId, peerId);
    if (!this.#started || !isReachable || peerId === this.peerId || other.#isBanned(this.peerId)) {
      throw new AverError('DIAL_FAILED', `${address} could not be reached.`);
    }
    this.#connect(other, 'outbound');
    other.#connect(this, 'inbound');
    return peerId;
  }

  keep(addresses: readonly string[]): void {
    this.#redialer.keep(addresses);
  }

  wake(): void {
    this.#redialer.wake();
  }

  async disconnect(peerId: string, options: { readonly banMs?: number } = {}): Promise<void> {
    if (options.banMs !== undefined) {
      this.#bannedUntilMs.set(peerId, this.#hub.clock.nowMs() + options.banMs);
    }
    this.cut(peerId);
  }

  subscribe(topic: string, handler: TopicHandler): () => void {
    return this.#gossip.subscribe(topic, handler);
  }

  async publish(topic: string, message: Uint8Array): Promise<number> {
    return this.#gossip.publish(topic, message);
  }

  subscribers(topic: string): readonly string[] {
    return this.#gossip.subscribers(topic);
  }

  async openStream(peerId: string, protocol: string, options: AbortOptions = {}): Promise<FrameStream> {
    const link = this.#links.get(peerId);
    if (link === undefined) throw new AverError('STREAM_FAILED', `${peerId} is not connected.`);
    await this.#wait(peerId, options.signal);
    const back = link.other.#links.get(this.peerId);
    if (this.#links.get(peerId) !== link || back === undefined) {
      throw new AverError('STREAM_FAILED', `The link to ${peerId} broke.`);
    }
    const handler = link.other.#handlers.get(protocol);
    if (handler === undefined) {
      throw new AverError('PROTOCOL_UNSUPPORTED', `The other peer does not speak ${protocol}.`);
    }
    const hub = this.#hub;
    const [mine, theirs] = MemoryFrameStream.pair(
      this.peerId,
      peerId,
      (action, bytes) => hub.deliver(peerId, this.peerId, action, bytes),
      (action, bytes) => hub.deliver(this.peerId, peerId, action, bytes),
    );
    addStream(link, mine);
    addStream(back, theirs);
    try {
      handler(theirs);
    } catch (cause) {
      theirs.abort(toAverError(cause));
    }
    return mine;
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    this.#handlers.set(protocol, handler);
    return () => {
      if (this.#handlers.get(protocol) === handler) this.#handlers.delete(protocol);
    };
  }

  async ping(peerId: string, options: AbortOptions = {}): Promise<number> {
    if (!this.#links.has(peerId)) throw new AverError('NO_PEER', `${peerId} is not connected.`);
    const startMs = this.#hub.clock.nowMs();
    await this.#wait(peerId, options.signal);
    return this.#hub.clock.nowMs() - startMs;
  }

  /** Breaks the link at both ends at once, as a killed process or a cut cable does once it is noticed. */
  cut(peerId: string): void {
    const link = this.#links.get(peerId);
    if (link === undefined) return;
    this.#drop(peerId);
    link.other.#drop(this.peerId);
  }

  #connect(other: MemoryNetwork, direction: 'inbound' | 'outbound'): void {
    if (this.#links.has(other.peerId)) return;
    const peer: ConnectedPeer = {
      id: other.peerId,
      transport: 'memory',
      relayed: false,
      direction,
      address: `/memory/0/p2p/${other.peerId}`,
      connectedAtMs: this.#hub.clock.nowMs(),
    };
    this.#links.set(other.peerId, { peer, other, streams: new Set() });
    for (const topic of this.#gossip.topics()) this.#announce(other.peerId, topic, true);
    this.#emitter.emit('connect', peer);
  }

  #drop(peerId: string): void {
    const link = this.#links.get(peerId);
    if (link === undefined) return;
    this.#links.delete(peerId);
    this.#gossip.forget(peerId);
    for (const stream of link.streams) stream.fail(new AverError('STREAM_FAILED', 'The link broke.'));
    this.#emitter.emit('disconnect', peerId);
    this.#redialer.onDisconnect(peerId);
  }

  #announce(to: string, topic: string, subscribed: boolean): void {
    const action = this.#atNeighbour(to, (other) => other.#gossip.onAnnounce(this.peerId, topic, subscribed));
    this.#hub.deliver(this.peerId, to, action);
  }

  /** Does something at a neighbour if the link of now still stands then. */
  #atNeighbour(to: string, action: (other: MemoryNetwork) => void): () => void {
    const link = this.#links.get(to);
    return () => {
      if (link !== undefined && this.#links.get(to) === link) action(link.other);
    };
  }

  /** One round trip. */
  #wait(peerId: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(new AverError('ABORTED', 'The caller cancelled.'));
      if (signal?.aborted === true) return abort();
      signal?.addEventListener('abort', abort, { once: true });
      this.#hub.roundTrip(this.peerId, peerId, resolve);
    });
  }

  #isBanned(peerId: string): boolean {
    return this.#hub.clock.nowMs() < (this.#bannedUntilMs.get(peerId) ?? 0);
  }
}

function addStream(link: Link, stream: MemoryFrameStream): void {
  for (const old of link.streams) if (old.isOver) link.streams.delete(old);
  link.streams.add(stream);
}

function addressToPeerId(address: string): string | undefined {
  return /^\/memory\/\d+\/p2p\/([^/]+)$/.exec(address)?.[1];
}
