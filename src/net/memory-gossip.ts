/** Publish and subscribe of the network in memory: floods to subscribed neighbours, judges, forwards. */
import { bytesToHex } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, TopicHandler, Verdict } from '../base/ports.ts';
import { messageId } from './gossip-options.ts';

/** As many rejected messages within a short time cost a peer the relation, as over gossipsub. */
const REJECTED_MAX = 3;
const REJECTED_MS = 10_000;

export interface MemoryGossipOptions {
  readonly clock: Clock;
  readonly neighbours: () => readonly string[];
  readonly send: (to: string, topic: string, message: Uint8Array) => void;
  readonly announce: (topic: string, subscribed: boolean) => void;
  readonly onMisbehaviour: (peerId: string) => void;
}

export class MemoryGossip {
  readonly #options: MemoryGossipOptions;
  readonly #handlers = new Map<string, TopicHandler>();
  readonly #topicsByPeer = new Map<string, Set<string>>();
  readonly #seenUntilMs = new Map<string, number>();
  readonly #rejectedAtMs = new Map<string, number[]>();

  constructor(options: MemoryGossipOptions) {
    this.#options = options;
  }

  /** Own topics. */
  topics(): readonly string[] {
    return [...this.#handlers.keys()];
  }

  subscribe(topic: string, handler: TopicHandler): () => void {
    this.#handlers.set(topic, handler);
    this.#options.announce(topic, true);
    return () => {
      if (this.#handlers.get(topic) !== handler) return;
      this.#handlers.delete(topic);
      this.#options.announce(topic, false);
    };
  }

  publish(topic: string, message: Uint8Array): number {
    if (message.length > limits.gossipBytesMax) {
      throw new AverError('OVERSIZE', `A gossip message of ${message.length} bytes was not sent.`);
    }
    if (this.#isKnown(topic, message)) return 0;
    return this.#spread(topic, message.slice(), undefined);
  }

  subscribers(topic: string): readonly string[] {
    const neighbours = this.#options.neighbours();
    return neighbours.filter((peerId) => this.#topicsByPeer.get(peerId)?.has(topic) === true);
  }

  onAnnounce(peerId: string, topic: string, subscribed: boolean): void {
    const topics = this.#topicsByPeer.get(peerId) ?? new Set();
    if (subscribed) topics.add(topic);
    else topics.delete(topic);
    this.#topicsByPeer.set(peerId, topics);
  }

  forget(peerId: string): void {
    this.#topicsByPeer.delete(peerId);
  }

  async onMessage(from: string, topic: string, message: Uint8Array): Promise<void> {
    if (this.#isKnown(topic, message)) return;
    const handler = this.#handlers.get(topic);
    if (handler === undefined) return;
    let verdict: Verdict = 'ignore';
    try {
      verdict = message.length > limits.gossipBytesMax ? 'reject' : await handler(from, message);
    } catch {
      // As over gossipsub: a handler that fails has no opinion.
    }
    if (verdict === 'accept') this.#spread(topic, message, from);
    if (verdict === 'reject') this.#onReject(from);
  }

  #spread(topic: string, message: Uint8Array, from: string | undefined): number {
    const receivers = this.subscribers(topic).filter((peerId) => peerId !== from);
    for (const peerId of receivers) this.#options.send(peerId, topic, message);
    return receivers.length;
  }

  /** Remembers the message, and says whether it was known. */
  #isKnown(topic: string, message: Uint8Array): boolean {
    const nowMs = this.#options.clock.nowMs();
    for (const [id, untilMs] of this.#seenUntilMs) {
      if (untilMs > nowMs) break;
      this.#seenUntilMs.delete(id);
    }
    const id = bytesToHex(messageId(topic, message));
    if (this.#seenUntilMs.has(id)) return true;
    this.#seenUntilMs.set(id, nowMs + limits.gossipSeenMs);
    return false;
  }

  #onReject(from: string): void {
    const nowMs = this.#options.clock.nowMs();
    const recent = (this.#rejectedAtMs.get(from) ?? []).filter((atMs) => nowMs - atMs < REJECTED_MS);
    recent.push(nowMs);
    this.#rejectedAtMs.set(from, recent);
    if (recent.length < REJECTED_MAX) return;
    this.#rejectedAtMs.delete(from);
    this.#options.onMisbehaviour(from);
  }
}
