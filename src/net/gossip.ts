/**
 * Publish and subscribe over gossipsub: the one module that knows which gossipsub.
 *
 * Beyond the library it bounds what waits for a verdict, drops peers whose score fell too low,
 * and opens gossip streams anew where the library has lost them while the peer is still connected:
 * a connection of two was closed, a slow peer's queue overflowed, or a peer came back so quickly that
 * the library handled its leaving after its return.
 */
import { type GossipSub, gossipsub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Log, Metrics, TopicHandler, Verdict } from '../base/ports.ts';
import { bestConnection, isDirect, parsePeerId } from './address.ts';
import { GossipGuard, type GossipReading } from './gossip-guard.ts';
import { GRAYLIST_SCORE, gossipOptions, topicScore } from './gossip-options.ts';

/** What the library has at run time beyond its interface. */
interface GossipSubInside extends GossipSub, GossipReading {
  getScore(peerId: string): number;
  readonly peers: ReadonlyMap<string, unknown>;
  readonly streamsInbound: ReadonlyMap<string, unknown>;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
  readonly opts: { readonly scoreParams: { readonly topics: Record<string, object> } };
}

/** Heartbeats (seconds) after which a missing stream is opened, and after which the others are closed. */
const HEAL_HEARTBEATS = 2;
const ABORT_HEARTBEATS = 4;

export const gossipService = gossipsub(gossipOptions());

export interface GossipOptions {
  readonly libp2p: Libp2p;
  readonly pubsub: GossipSub;
  readonly registrar: Registrar;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Ends the relation with a peer that misbehaves. */
  readonly onMisbehaviour: (peerId: string) => void;
  /** The topics of a connected peer changed. */
  readonly onTopics: (peerId: string) => void;
}

export class Gossip {
  readonly #options: GossipOptions;
  readonly #pubsub: GossipSubInside;
  readonly #guard: GossipGuard;
  readonly #handlers = new Map<string, TopicHandler>();
  /** Connected peers that speak a gossip protocol. */
  readonly #speakers = new Set<string>();
  /** Those of them that miss a stream, and for how many heartbeats. */
  #missing: ReadonlyMap<string, number> = new Map();
  readonly #topicsByPeer = new Map<string, Set<string>>();
  #running = false;
  /** What waits for its verdict, by the peer that passed it on. */
  readonly #pending = new Map<string, { messages: number; bytes: number }>();
  #pendingBytes = 0;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#pubsub = options.pubsub as GossipSubInside;
    const { clock, metrics } = options;
    this.#guard = new GossipGuard(this.#pubsub, {
      clock,
      metrics,
      onOffender: (peerId) => this.#drop(peerId),
    });
    // One validator for every topic. Without it messages on topics that we do not follow would be
    // accepted unseen and kept in the message cache, whose size nothing bounds.
    this.#pubsub.topicValidators.get = (topic) => (peerId, message) =>
      this.#judge(topic, peerId.toString(), plainBytes(message.data)).then(verdictToResult);
    this.#pubsub.addEventListener('gossipsub:heartbeat', () => this.#onHeartbeat());
    this.#pubsub.addEventListener('subscription-change', ({ detail }) => {
      const peerId = detail.peerId.toString();
      if (options.libp2p.getConnections(detail.peerId).length === 0) return;
      const topics = this.#topicsByPeer.get(peerId) ?? new Set();
      for (const { topic, subscribe } of detail.subscriptions) {
        if (subscribe) topics.add(topic);
        else topics.delete(topic);
      }
      this.#topicsByPeer.set(peerId, topics);
      options.onTopics(peerId);
    });
  }

  subscribe(topic: string, handler: TopicHandler): () => void {
    this.#pubsub.opts.scoreParams.topics[topic] = topicScore;
    this.#handlers.set(topic, handler);
    if (this.#running) this.#pubsub.subscribe(topic);
    return () => {
      if (this.#handlers.get(topic) !== handler) return;
      this.#handlers.delete(topic);
      if (this.#running) this.#pubsub.unsubscribe(topic);
    };
  }

  /** libp2p runs: topics that were subscribed before are joined now. */
  start(): void {
    this.#running = true;
    for (const topic of this.#handlers.keys()) this.#pubsub.subscribe(topic);
  }

  stop(): void {
    this.#running = false;
  }

  async publish(topic: string, message: Uint8Array): Promise<number> {
    if (message.length > limits.gossipBytesMax) {
      throw new AverError('OVERSIZE', `A gossip message of ${message.length} bytes was not sent.`, {
        fields: { bytes: message.length, bytesMax: limits.gossipBytesMax },
      });
    }
    if (!this.#running) return 0;
    const { recipients } = await this.#pubsub.publish(topic, message);
    return recipients.length;
  }

  /** Without those to whom our own stream is still being opened: a message would not reach them. */
  subscribers(topic: string): readonly string[] {
    const peerIds = this.#pubsub.getSubscribers(topic).map((peerId) => peerId.toString());
    return peerIds.filter((peerId) => this.#pubsub.streamsOutbound.has(peerId));
  }

  topics(peerId: string): ReadonlySet<string> {
    return this.#topicsByPeer.get(peerId) ?? new Set();
  }

  onIdentify(peerId: string, protocols: readonly string[]): void {
    if (protocols.some((protocol) => this.#pubsub.protocols.includes(protocol))) this.#speakers.add(peerId);
  }

  forget(peerId: string): void {
    this.#speakers.delete(peerId);
    this.#topicsByPeer.delete(peerId);
  }

  async #judge(topic: string, from: string, message: Uint8Array): Promise<Verdict> {
    const handler = this.#handlers.get(topic);
    const verdict =
      handler === undefined
        ? 'ignore'
        : await this.#handle(handler, from, message).catch(() => 'ignore' as const);
    this.#options.metrics.add('gossip_received', 1, { verdict });
    this.#guard.judged(from, verdict === 'accept');
    return verdict;
  }

  async #handle(handler: TopicHandler, from: string, message: Uint8Array): Promise<Verdict> {
    if (message.length > limits.gossipBytesMax) {
      this.#options.metrics.add('gossip_rejected', 1, { code: 'OVERSIZE' });
      return 'reject';
    }
    const pending = this.#pending.get(from) ?? { messages: 0, bytes: 0 };
    const allBytes = this.#pendingBytes + message.length;
    if (
      pending.messages >= limits.gossipPendingMax ||
      pending.bytes + message.length > limits.gossipPendingBytesMax ||
      (pending.messages > 0 && allBytes > limits.gossipPendingAllBytesMax)
    ) {
      this.#options.metrics.add('gossip_shed');
      return 'ignore';
    }
    this.#pending.set(from, pending);
    pending.messages++;
    pending.bytes += message.length;
    this.#pendingBytes += message.length;
    try {
      return await handler(from, message);
    } catch (error) {
      this.#options.log.write('error', 'A topic handler failed', { error: String(error) });
      throw error;
    } finally {
      pending.messages--;
      pending.bytes -= message.length;
      this.#pendingBytes -= message.length;
      if (pending.messages === 0) this.#pending.delete(from);
    }
  }

  #onHeartbeat(): void {
    for (const peerId of this.#pubsub.getPeers()) {
      const id = peerId.toString();
      const score = this.#pubsub.getScore(id);
      if (score < GRAYLIST_SCORE) this.#drop(id);
    }
    this.#heal();
  }

  #drop(peerId: string): void {
    this.#options.metrics.add('gossip_peers_dropped');
    this.#options.log.write('warn', 'A peer sent what must be rejected', { peerId });
    this.#options.onMisbehaviour(peerId);
  }

  /** A connection of the peer was closed, maybe the one that carried its gossip. */
  onConnectionClosed(peerId: string): void {
    const best = this.#directConnection(peerId);
    if (best !== undefined && !this.#hasStreams(peerId)) this.#present(best);
  }

  /**
   * Presents peers that miss a gossip stream to the library again. Presenting one too many costs nothing,
   * streams may just be under way on a busy machine; so what is left of them is only aborted later, to
   * make the other side open its stream anew, too.
   */
  #heal(): void {
    const missing = new Map<string, number>();
    for (const peerId of this.#speakers) {
      const best = this.#directConnection(peerId);
      if (best === undefined || this.#hasStreams(peerId)) continue;
      const heartbeats = (this.#missing.get(peerId) ?? 0) + 1;
      missing.set(peerId, heartbeats);
      if (heartbeats < HEAL_HEARTBEATS) continue;
      this.#options.metrics.add('gossip_streams_healed');
      if (heartbeats % ABORT_HEARTBEATS === 0) {
        for (const stream of this.#streams(peerId))
          stream.abort(new Error('The gossip stream is not in use.'));
      }
      this.#present(best);
    }
    this.#missing = missing;
  }

  #directConnection(peerId: string): Connection | undefined {
    return bestConnection(this.#options.libp2p.getConnections(parsePeerId(peerId)).filter(isDirect));
  }

  #streams(peerId: string): Stream[] {
    return this.#options.libp2p
      .getConnections(parsePeerId(peerId))
      .flatMap((connection) => connection.streams)
      .filter((stream) => this.#pubsub.protocols.includes(stream.protocol) && stream.status === 'open');
  }

  /** Whether the library knows the peer, can write to it, and reads what it sends. */
  #hasStreams(peerId: string): boolean {
    const { streamsInbound, peers } = this.#pubsub;
    const canWrite = this.#streams(peerId).some((stream) => stream.direction === 'outbound');
    return peers.has(peerId) && streamsInbound.has(peerId) && canWrite;
  }

  /** Has the library open its streams to the peer, as after the first identify. */
  #present(connection: Connection): void {
    const [protocol = ''] = this.#pubsub.protocols;
    for (const topology of this.#options.registrar.getTopologies(protocol)) {
      void topology.onConnect?.(connection.remotePeer, connection);
    }
  }
}

/** In Node the library hands out Buffers, whose `slice` shares memory where that of an array copies. */
function plainBytes({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function verdictToResult(verdict: Verdict): TopicValidatorResult {
  if (verdict === 'accept') return TopicValidatorResult.Accept;
  return verdict === 'reject' ? TopicValidatorResult.Reject : TopicValidatorResult.Ignore;
}
