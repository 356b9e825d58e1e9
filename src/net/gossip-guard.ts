/**
 * Stands between gossip streams and the library: what cannot be read, promises and refused grafts in a flood, and
 * ever new streams count as faults of the peer; messages of who brings nothing new are passed over. The library
 * itself bears all of that without a word, at no cost but to us.
 */
import type { RPC } from '@libp2p/gossipsub/message';
import type { PeerId, Stream } from '@libp2p/interface';
import { Allowance, allowances } from '../base/allowance.ts';
import { Faults } from '../base/faults.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Metrics } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';

type Source = AsyncIterable<{ subarray(): Uint8Array }>;

/** Methods of the library's that it calls on itself, so that they can be wrapped. */
export interface GossipReading {
  createInboundStream(peerId: PeerId, stream: Stream): void;
  pipePeerReadStream(peerId: PeerId, source: Source): Promise<void>;
  handlePeerReadStreamError(error: Error, peerId: PeerId): void;
  decodeRpc(bytes: Uint8Array): RPC;
  handleReceivedRpc(from: PeerId, rpc: RPC): Promise<void>;
  /** Resolves with what is pruned again. */
  handleGraft(peerId: string, grafts: readonly RPC.ControlGraft[]): Promise<readonly unknown[]>;
}

export interface GossipGuardOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The peer has done too much of it. */
  readonly onOffender: (peerId: string) => void;
}

type Fault = 'undecodable' | 'promises' | 'grafts' | 'streams';

interface Record {
  readonly faults: Faults;
  readonly promises: Allowance;
  readonly refusedGrafts: Allowance;
  readonly stale: Allowance;
  readonly streams: Allowance;
}

/** What the length in front of an envelope can be wrong about. */
const BAD_LENGTHS: ReadonlySet<string> = new Set(['InvalidDataLengthError', 'InvalidDataLengthLengthError']);

export class GossipGuard {
  readonly #options: GossipGuardOptions;
  /** Kept across connections. Peers that did nothing wrong are here too; the longest silent goes first. */
  readonly #records = recentlyUsed<string, Record>(limits.accountsMax);
  /** Whose envelope it is, between reading and decoding. */
  readonly #senders = new WeakMap<Uint8Array, string>();

  constructor(reading: GossipReading, options: GossipGuardOptions) {
    this.#options = options;
    const pipe = reading.pipePeerReadStream.bind(reading);
    const decode = reading.decodeRpc.bind(reading);
    const handle = reading.handleReceivedRpc.bind(reading);
    const graft = reading.handleGraft.bind(reading);
    const open = reading.createInboundStream.bind(reading);
    const onError = reading.handlePeerReadStreamError.bind(reading);
    reading.pipePeerReadStream = (peerId, source) => pipe(peerId, this.#signed(peerId.toString(), source));
    reading.decodeRpc = (bytes) => {
      try {
        return decode(bytes);
      } catch (error) {
        const sender = this.#senders.get(bytes);
        if (sender !== undefined) this.#fault(sender, 'undecodable');
        throw error;
      }
    };
    reading.handleReceivedRpc = async (from, rpc) => {
      const peerId = from.toString();
      if (this.#breaksPromises(peerId, rpc)) return;
      if (rpc.messages.length > 0 && !this.#mayBring(peerId)) {
        rpc.messages = [];
        // What is asked for and then passed over would count as a broken promise.
        if (rpc.control !== undefined && rpc.control !== null) rpc.control.ihave = [];
      }
      await handle(from, rpc);
    };
    reading.handleGraft = async (peerId, grafts) => {
      const pruned = await graft(peerId, grafts);
      if (pruned.length > 0 && !this.#record(peerId).refusedGrafts.take(this.#nowMs))
        this.#fault(peerId, 'grafts');
      return pruned;
    };
    reading.createInboundStream = (peerId, stream) => {
      const id = peerId.toString();
      if (this.#record(id).streams.take(this.#nowMs)) return open(peerId, stream);
      stream.abort(new Error('The peer opens ever new streams.'));
      this.#fault(id, 'streams');
    };
    reading.handlePeerReadStreamError = (error, peerId) => {
      if (BAD_LENGTHS.has(error.name)) this.#fault(peerId.toString(), 'undecodable');
      onError(error, peerId);
    };
  }

  async *#signed(peerId: string, source: Source): Source {
    for await (const data of source) {
      const bytes = data.subarray();
      this.#senders.set(bytes, peerId);
      yield { subarray: () => bytes };
    }
  }

  /** What became of a message that had not been seen. */
  judged(peerId: string, isNews: boolean): void {
    const { stale } = this.#record(peerId);
    if (isNews) stale.earn();
    else stale.take(this.#nowMs);
  }

  get #nowMs(): number {
    return this.#options.clock.nowMs();
  }

  /** Promises of messages (IHAVE) beyond what honest peers make are not looked at. */
  #breaksPromises(peerId: string, rpc: RPC): boolean {
    if ((rpc.control?.ihave.length ?? 0) === 0 || this.#record(peerId).promises.take(this.#nowMs))
      return false;
    this.#fault(peerId, 'promises');
    return true;
  }

  #mayBring(peerId: string): boolean {
    const mayBring = this.#record(peerId).stale.has(this.#nowMs);
    if (!mayBring) this.#options.metrics.add('gossip_passed_over');
    return mayBring;
  }

  #fault(peerId: string, why: Fault): void {
    const { metrics, onOffender } = this.#options;
    metrics.add('gossip_faults', 1, { why });
    if (this.#record(peerId).faults.add(this.#nowMs)) onOffender(peerId);
  }

  #record(peerId: string): Record {
    const known = this.#records.get(peerId);
    if (known !== undefined) return known;
    const nowMs = this.#nowMs;
    const record = {
      faults: new Faults(),
      promises: new Allowance(allowances.promises, nowMs),
      refusedGrafts: new Allowance(allowances.refusedGrafts, nowMs),
      stale: new Allowance(allowances.staleMessages, nowMs),
      streams: new Allowance(allowances.gossipStreams, nowMs),
    };
    this.#records.set(peerId, record);
    return record;
  }
}
