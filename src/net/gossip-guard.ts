/**
 * Stands between gossip streams and the library: what cannot be read, and promises in a flood, count as
 * faults of the peer. The library itself drops both without a word, at no cost but to us.
 */
import type { RPC } from '@libp2p/gossipsub/message';
import type { PeerId } from '@libp2p/interface';
import { Faults } from '../base/faults.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Metrics } from '../base/ports.ts';
import { recentlyUsed } from '../base/recently-used.ts';

type Source = AsyncIterable<{ subarray(): Uint8Array }>;

/** Methods of the library's that it calls on itself, so that they can be wrapped. */
export interface GossipReading {
  pipePeerReadStream(peerId: PeerId, source: Source): Promise<void>;
  handlePeerReadStreamError(error: Error, peerId: PeerId): void;
  decodeRpc(bytes: Uint8Array): RPC;
  handleReceivedRpc(from: PeerId, rpc: RPC): Promise<void>;
}

export interface GossipGuardOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** The peer has done too much of it. */
  readonly onOffender: (peerId: string) => void;
}

interface Record {
  readonly faults: Faults;
  secondMs: number;
  promises: number;
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
      if (this.#isFlood(from.toString(), rpc)) return;
      await handle(from, rpc);
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

  /** Counts promises of messages (IHAVE). Beyond what honest peers make in a second they are not looked at. */
  #isFlood(peerId: string, rpc: RPC): boolean {
    if ((rpc.control?.ihave.length ?? 0) === 0) return false;
    const record = this.#record(peerId);
    const nowMs = this.#options.clock.nowMs();
    if (Math.abs(nowMs - record.secondMs) >= 1000) {
      record.secondMs = nowMs;
      record.promises = 0;
    }
    const beyond = record.promises++ - limits.gossipPromisesPerSecondMax;
    if (beyond < 0) return false;
    if (beyond % limits.gossipPromisesPerSecondMax === 0) this.#fault(peerId, 'flood');
    return true;
  }

  #fault(peerId: string, why: 'undecodable' | 'flood'): void {
    const { clock, metrics, onOffender } = this.#options;
    metrics.add('gossip_faults', 1, { why });
    if (this.#record(peerId).faults.add(clock.nowMs())) onOffender(peerId);
  }

  #record(peerId: string): Record {
    const known = this.#records.get(peerId);
    if (known !== undefined) return known;
    const record = { faults: new Faults(), secondMs: 0, promises: 0 };
    this.#records.set(peerId, record);
    return record;
  }
}
