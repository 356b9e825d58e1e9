/**
 * The ports: everything through which Aver touches the world.
 *
 * Each is a small interface with adapters (`src/net`, `src/store`, `src/base/*-clock`, `src/testing`).
 * Objects behind them are built in composition roots only, so that the simulator runs the real code.
 */
import type { AverError } from './errors.ts';

export interface AbortOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Wall clock and timers. Time is only ever a hint: nothing replicated is decided by it. */
export interface Clock {
  /** Milliseconds since 1970. May jump in either direction. */
  nowMs(): number;
  /** Milliseconds since some start, which jumps of `nowMs` leave alone. Without it a jump shows at the next ping. */
  steadyMs?(): number;
  /** Calls `action` once after `delayMs`; the returned function cancels it. */
  setTimer(delayMs: number, action: () => void): () => void;
  /** Lets other work have its turn, frames of a page too. Virtual time has none: nothing waits there. */
  breathe?(): Promise<void>;
}

export interface Random {
  /** Cryptographically strong bytes in production, seeded bytes in the simulator. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1), for jitter and sampling only. */
  number(): number;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export interface Log {
  write(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
}

/**
 * Raw Ed25519. An adapter answers as its engine does; the one acceptance rule stands in front
 * of it (`assertion/ed25519.ts`), so that every engine gives the same verdict.
 */
export interface Crypto {
  /** 32-byte public key of a 32-byte seed (RFC 8032). */
  publicKey(seed: Uint8Array): Promise<Uint8Array>;
  /** 64-byte signature. */
  sign(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array>;
  /** Verification without cofactor, off the main thread where the engine can. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /**
   * X25519 (RFC 7748) of a clamped scalar and a canonical u, 32 bytes each; undefined where the
   * engine gives none, as for a result of zero. Missing where there is no native one.
   */
  x25519?(scalar: Uint8Array, u: Uint8Array): Promise<Uint8Array | undefined>;
}

export interface StoreOp {
  readonly key: Uint8Array;
  /** `undefined` deletes the key. */
  readonly value: Uint8Array | undefined;
}

export interface StoreRange {
  /** Inclusive lower bound. */
  readonly gte: Uint8Array;
  /** Exclusive upper bound. */
  readonly lt: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Ordered byte keys, compared as unsigned bytes; atomic batches; snapshot-free range reads. */
export interface Store {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** Rows in key order. Rows written while the iteration runs may or may not appear. */
  range(range: StoreRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /**
   * All of the batch or nothing; ops apply in order. With `durable` it resolves when the batch
   * and every batch before it survive a power cut; without, within a second.
   * Throws `STORE_FULL` (disk or quota), `STORE_FENCED` (another writer took over), `STORE_FAILED`.
   */
  write(batch: readonly StoreOp[], options: { readonly durable: boolean }): Promise<void>;
  /** Everything written so far survives a power cut. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** How a connection reaches the other peer. */
export type Transport = 'webrtc' | 'webrtc-direct' | 'websocket' | 'tcp' | 'memory' | 'other';

export interface ConnectedPeer {
  readonly id: string;
  readonly transport: Transport;
  /** True when the only way to this peer leads through a relay. */
  readonly relayed: boolean;
  readonly direction: 'inbound' | 'outbound';
  /** The remote multiaddr of the connection in use. */
  readonly address: string;
  readonly connectedAtMs: number;
}

/** What the topic validator says of a message (design: gossipsub's extended validators). */
export type Verdict = 'accept' | 'ignore' | 'reject';
export type TopicHandler = (from: string, message: Uint8Array) => Promise<Verdict>;

/**
 * A duplex stream of whole frames. The adapter adds and checks the length prefix and refuses
 * a frame over `limits.frameBytesMax` before it allocates anything.
 */
export interface FrameStream {
  readonly peerId: string;
  /** Resolves when the stream took the frame (back-pressure); rejects once the stream is gone. */
  send(frame: Uint8Array, options?: AbortOptions): Promise<void>;
  /** Frames in order; ends when the other side closes, throws when the stream breaks. Read once. */
  readonly frames: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
  abort(cause: Error): void;
}

export interface NetworkEvents {
  /** A peer became reachable over a connection that can carry streams. */
  connect: (peer: ConnectedPeer) => void;
  /** The way to a connected peer changed (relayed → direct, another transport). */
  change: (peer: ConnectedPeer) => void;
  disconnect: (peerId: string) => void;
  /** Own listening addresses changed: reachable addresses, complete with `/p2p/…`. */
  addresses: (addresses: readonly string[]) => void;
}

export interface Network {
  readonly peerId: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Own addresses that others can dial. Empty when nobody can. */
  addresses(): readonly string[];
  peers(): readonly ConnectedPeer[];
  on<K extends keyof NetworkEvents>(event: K, listener: NetworkEvents[K]): () => void;
  /** Connects to one multiaddr; resolves with the peer id. Throws `DIAL_FAILED`, `DIAL_DENIED`. */
  dial(address: string, options?: AbortOptions): Promise<string>;
  /** Addresses that are dialled again, with jittered back-off, whenever the link is gone. */
  keep(addresses: readonly string[]): void;
  /** The machine woke up or is online again: what is kept and not connected is dialled now. */
  wake(): void;
  /** Closes every connection to the peer; with `banMs` refuses it on return for that long. */
  disconnect(peerId: string, options?: { readonly banMs?: number }): Promise<void>;
  /** Joins a topic. The handler's verdict decides whether the message is passed on. */
  subscribe(topic: string, handler: TopicHandler): () => void;
  /** Hands the message to the mesh; resolves with how many peers it was sent to. */
  publish(topic: string, message: Uint8Array): Promise<number>;
  /** Peer ids known to be subscribed to the topic. */
  subscribers(topic: string): readonly string[];
  /** Opens a stream on a direct connection. Throws `STREAM_FAILED`, `PROTOCOL_UNSUPPORTED`. */
  openStream(peerId: string, protocol: string, options?: AbortOptions): Promise<FrameStream>;
  handle(protocol: string, handler: (stream: FrameStream) => void): () => void;
  /** Round-trip time in ms over the connection in use. */
  ping(peerId: string, options?: AbortOptions): Promise<number>;
}

/** Named counters and gauges; names are snake_case, without unit suffix for counts. */
export interface Metrics {
  add(name: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  set(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Forgets one gauge, of something that is gone. */
  unset(name: string, labels: Readonly<Record<string, string>>): void;
  /** All current values, for status pages and tests. */
  snapshot(): readonly MetricSample[];
}
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a composition root hands to the peer. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly crypto: Crypto;
  readonly metrics: Metrics;
}

export type { AverError };
