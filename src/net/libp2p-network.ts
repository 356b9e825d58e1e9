/** The Network port over a libp2p node. `node-network.ts` and `browser-network.ts` build the node. */
import type { Connection, IdentifyResult, Libp2p, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { breath } from '../base/breath.ts';
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
import { addressToPeerId, isDirect, isUseful, parseAddress, parsePeerId } from './address.ts';
import { toDialError, toStreamError } from './failures.ts';
import { forgetPeers } from './forget-peers.ts';
import { Libp2pFrameStream } from './frame-stream.ts';
import type { Gater } from './gater.ts';
import { Gossip } from './gossip.ts';
import { INTRODUCTIONS_PROTOCOL } from './introductions.ts';
import type { NetworkPorts, NodeServices } from './libp2p-options.ts';
import { Meeting } from './meeting.ts';
import { PeerTable } from './peer-table.ts';
import { measureRoundTrip } from './ping.ts';
import { Redialer } from './redialer.ts';

export interface Libp2pNetworkOptions {
  readonly libp2p: Libp2p<NodeServices>;
  readonly ports: NetworkPorts;
  readonly gater: Gater;
  /** Peers that hold a relay reservation here; where present, this peer introduces others. */
  readonly hasReservation?: (peerId: string) => boolean;
  /** Whether this peer connects to whom it is introduced to, and by WebRTC, too. */
  readonly meets: boolean;
  readonly webrtc: boolean;
  /** Runs beside the network, from start to stop; woken when a connection comes or goes. */
  readonly companion?: { start(): void; stop(): void; wake(): void };
}

export class Libp2pNetwork implements Network {
  readonly peerId: string;
  readonly #options: Libp2pNetworkOptions;
  readonly #libp2p: Libp2p<NodeServices>;
  readonly #emitter: Emitter<NetworkEvents>;
  readonly #peers: PeerTable;
  readonly #gossip: Gossip;
  readonly #redialer: Redialer;
  readonly #meeting: Meeting;
  readonly #stopping = new AbortController();
  #addresses: readonly string[] = [];
  #started = false;
  #stopForgetting: () => void = () => undefined;

  constructor(options: Libp2pNetworkOptions) {
    const { libp2p, ports, gater } = options;
    this.#options = options;
    this.#libp2p = libp2p;
    this.peerId = libp2p.peerId.toString();
    this.#emitter = new Emitter((error) =>
      ports.log.write('error', 'A network listener failed', { error: String(error) }),
    );
    this.#peers = new PeerTable(libp2p, ports.clock, this.#emitter);
    this.#gossip = new Gossip({
      libp2p,
      pubsub: libp2p.services.pubsub,
      registrar: libp2p.services.inside.registrar,
      clock: ports.clock,
      log: ports.log,
      metrics: ports.metrics,
      onMisbehaviour: (peerId) => void this.disconnect(peerId, { banMs: limits.banMs }),
      onTopics: () => this.#meeting.onChange(),
    });
    const dial = (addresses: readonly string[]) => this.#dial(addresses.map(parseAddress), {});
    this.#redialer = new Redialer({
      clock: ports.clock,
      random: ports.random,
      dial,
      isConnected: (peerId) => this.#peers.isDirect(peerId),
      addressToPeerId: (address) => addressToPeerId(parseAddress(address)),
    });
    this.#meeting = new Meeting({
      libp2p,
      clock: ports.clock,
      random: ports.random,
      metrics: ports.metrics,
      log: ports.log,
      gater,
      gossip: this.#gossip,
      peers: this.#peers,
      dial,
      openStream: (peerId, protocol) => this.openStream(peerId, protocol),
      hasReservation: options.hasReservation,
      meets: options.meets,
      webrtc: options.webrtc,
    });
    this.#listen();
  }

  async start(): Promise<void> {
    try {
      // In a page, frames come between what was done before, this, and what comes after.
      await breath();
      await this.#libp2p.start();
      await breath();
    } catch (cause) {
      await this.#libp2p.stop();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AverError('LISTEN_FAILED', `The network could not start: ${why}`, { cause });
    }
    this.#started = true;
    this.#gossip.start();
    for (const peerId of this.#libp2p.getPeers()) this.#peers.refresh(peerId.toString());
    this.#onAddresses();
    this.#redialer.start();
    this.#stopForgetting = forgetPeers(this.#libp2p, this.#options.ports.clock);
    this.#options.companion?.start();
  }

  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#options.companion?.stop();
    this.#stopForgetting();
    this.#redialer.stop();
    this.#gossip.stop();
    this.#meeting.stop();
    this.#stopping.abort(new AverError('CLOSED', 'The network was stopped.'));
    await this.#libp2p.stop();
    this.#peers.clear();
  }

  addresses(): readonly string[] {
    return this.#addresses;
  }

  peers(): readonly ConnectedPeer[] {
    return this.#peers.all();
  }

  on<K extends keyof NetworkEvents>(event: K, listener: NetworkEvents[K]): () => void {
    return this.#emitter.on(event, listener);
  }

  async dial(address: string, options: AbortOptions = {}): Promise<string> {
    return this.#dial([parseAddress(address)], options);
  }

  /** Adds to the addresses that are kept; throws `BAD_INPUT` when one is no multiaddr. */
  keep(addresses: readonly string[]): void {
    for (const address of addresses) parseAddress(address);
    this.#redialer.keep(addresses);
  }

  /** The machine woke up or is online again: whatever is missing is dialled now. */
  wake(): void {
    if (!this.#started) return;
    this.#redialer.wake();
    this.#options.companion?.wake();
  }

  async disconnect(peerId: string, options: { readonly banMs?: number } = {}): Promise<void> {
    if (options.banMs !== undefined) {
      this.#options.gater.ban(peerId, options.banMs);
      this.#options.ports.metrics.add('network_bans');
    }
    const closing = this.#libp2p.getConnections(parsePeerId(peerId)).map(async (connection) => {
      // Who is banned may not go on talking while it takes its time to say goodbye.
      if (options.banMs !== undefined) connection.abort(new Error('The peer is banned.'));
      else await connection.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) }).catch(() => undefined);
      if (connection.status !== 'closed') connection.abort(new Error('The peer did not close in time.'));
    });
    await Promise.all(closing);
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
    const connection = this.#peers.best(peerId);
    if (connection === undefined || !isDirect(connection)) {
      throw new AverError('STREAM_FAILED', `There is no direct connection to ${peerId}.`);
    }
    try {
      const stream = await connection.newStream(protocol, {
        signal: this.#deadline(limits.requestTimeoutMs, options.signal),
        maxOutboundStreams: limits.streamsPerProtocolMax,
      });
      return new Libp2pFrameStream(stream, peerId);
    } catch (cause) {
      throw toStreamError(cause, protocol, options.signal);
    }
  }

  handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    const onStream = (stream: Stream, connection: Connection) => {
      const frames = new Libp2pFrameStream(stream, connection.remotePeer.toString());
      try {
        handler(frames);
      } catch (cause) {
        frames.abort(toAverError(cause));
      }
    };
    const options = {
      force: true as const,
      maxInboundStreams: limits.streamsPerProtocolMax,
      maxOutboundStreams: limits.streamsPerProtocolMax,
      runOnLimitedConnection: false,
    };
    // libp2p sets the handler at once; only its announcement to other peers takes a moment.
    this.#libp2p
      .handle(protocol, onStream, options)
      .catch((cause) => this.#options.ports.log.write('error', 'A protocol was not announced', { cause }));
    return () => void this.#libp2p.unhandle(protocol).catch(() => undefined);
  }

  async ping(peerId: string, options: AbortOptions = {}): Promise<number> {
    const connection = this.#peers.best(peerId);
    if (connection === undefined) throw new AverError('NO_PEER', `${peerId} is not connected.`);
    return measureRoundTrip(connection, this.#deadline(limits.requestTimeoutMs, options.signal));
  }

  async #dial(addresses: Multiaddr[], options: AbortOptions): Promise<string> {
    const { metrics, log } = this.#options.ports;
    try {
      const signal = this.#deadline(limits.dialTimeoutMs, options.signal);
      const { remotePeer } = await this.#libp2p.dial(addresses, { signal });
      this.#peers.refresh(remotePeer.toString());
      return remotePeer.toString();
    } catch (cause) {
      const error = toDialError(cause, addresses, options.signal);
      metrics.add('network_dials_failed', 1, { code: error.code });
      log.write('debug', 'A dial failed', { message: error.message, cause: String(cause) });
      throw error;
    }
  }

  #deadline(timeoutMs: number, signal: AbortSignal | undefined): AbortSignal {
    const signals = [AbortSignal.timeout(timeoutMs), this.#stopping.signal];
    return AbortSignal.any(signal === undefined ? signals : [...signals, signal]);
  }

  #listen(): void {
    const libp2p = this.#libp2p;
    this.handle(INTRODUCTIONS_PROTOCOL, (stream) => this.#meeting.onStream(stream));
    libp2p.addEventListener('connection:open', (event) => this.#onConnection(event.detail));
    libp2p.addEventListener('connection:close', (event) => this.#onConnection(event.detail));
    libp2p.addEventListener('peer:identify', (event) => this.#onIdentify(event.detail));
    // libp2p itself announces changed addresses with a delay; its listeners know at once.
    for (const event of ['transport:listening', 'transport:close', 'self:peer:update'] as const) {
      libp2p.addEventListener(event, () => queueMicrotask(() => this.#onAddresses()));
    }
    this.#emitter.on('connect', () => this.#meeting.onChange());
    this.#emitter.on('change', () => this.#meeting.onChange());
    this.#emitter.on('disconnect', (peerId) => this.#onDisconnect(peerId));
  }

  #onConnection(connection: Connection): void {
    // libp2p may tell us before it has entered the connection itself.
    queueMicrotask(() => {
      if (!this.#started) return;
      this.#peers.refresh(connection.remotePeer.toString());
      if (connection.status !== 'open') this.#gossip.onConnectionClosed(connection.remotePeer.toString());
      this.#meeting.onConnection(connection);
      this.#options.companion?.wake();
    });
  }

  #onIdentify(result: IdentifyResult): void {
    if (!this.#started) return;
    this.#gossip.onIdentify(result.peerId.toString(), result.protocols);
    this.#meeting.onIdentify(result);
    this.#options.companion?.wake();
  }

  #onDisconnect(peerId: string): void {
    this.#gossip.forget(peerId);
    if (!this.#started) return;
    this.#meeting.onChange();
    this.#meeting.onDisconnect(peerId);
    this.#redialer.onDisconnect(peerId);
  }

  #onAddresses(): void {
    if (!this.#started) return;
    const addresses = this.#libp2p.getMultiaddrs().filter(isUseful).map(String);
    if (addresses.join() === this.#addresses.join()) return;
    this.#addresses = addresses;
    this.#emitter.emit('addresses', addresses);
  }
}

/** A peer that does not answer our goodbye is cut off after this long. */
const CLOSE_TIMEOUT_MS = 1000;
