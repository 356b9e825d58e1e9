/**
 * The answering side of sync streams. Each peer has so many requests served at a time and so many a
 * second; beyond that it is told when to come again. What costs goes through one fair queue. Nothing
 * of a space is told before a good hello.
 */
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream } from '../base/ports.ts';
import { isGarbage } from './channel.ts';
import { FairQueue } from './fair-queue.ts';
import type { Link } from './link.ts';
import { type Load, newLoad, RequestLoad } from './request-load.ts';
import { Served, type ServedOptions } from './served.ts';

export interface ResponderOptions extends Omit<ServedOptions, 'queue' | 'all'> {
  readonly linkOf: (peerId: string) => Link;
}

export class Responder {
  readonly #options: ResponderOptions;
  readonly #queue: FairQueue;
  readonly #all = new RequestLoad();
  readonly #loads = new Map<string, Load>();
  /** The oldest first. */
  readonly #streams = new Map<FrameStream, Served>();

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options.ports.clock, options.ports.random);
  }

  /** Serves one stream until it ends. */
  async serve(stream: FrameStream): Promise<void> {
    const load = this.#loads.get(stream.peerId) ?? newLoad();
    const link = this.#options.linkOf(stream.peerId);
    if (load.streams >= limits.streamsServedPerPeerMax) {
      if (!link.account.streamsBeyond.take(this.#options.ports.clock.nowMs()))
        link.fault('BUSY', 'The peer opens streams on and on.');
      // Of a peer whose connections broke, the older streams are dead, which nobody here has noticed yet.
      const victim = this.#idleStream(stream.peerId);
      (victim ?? stream).abort(new AverError('BUSY', 'The peer has too many streams.'));
      if (victim === undefined) return;
    }
    this.#loads.set(stream.peerId, load);
    load.streams++;
    const served = new Served(stream, load, link, { ...this.#options, queue: this.#queue, all: this.#all });
    this.#streams.set(stream, served);
    try {
      for await (const frame of stream.frames) await served.take(frame);
      await stream.close();
    } catch (error) {
      const cause = toAverError(error);
      this.#options.ports.metrics.add('sync_streams_failed', 1, { code: cause.code });
      if (isGarbage(cause)) link.fault(cause.code, cause.message, limits.offencesPerBadFrame);
      stream.abort(cause);
    } finally {
      served.end();
      this.#streams.delete(stream);
      load.streams--;
      if (load.streams === 0) this.#loads.delete(stream.peerId);
    }
  }

  /** The oldest stream of the peer on which nothing is being answered. */
  #idleStream(peerId: string): FrameStream | undefined {
    const idle = [...this.#streams].find(([stream, { isIdle }]) => isIdle && stream.peerId === peerId);
    return idle?.[0];
  }

  /** Shows what waits, for the metrics. */
  report(): void {
    const { metrics } = this.#options.ports;
    metrics.set('queue_waiting', this.#queue.waiting);
    metrics.set('queue_seats', this.#queue.seats);
    metrics.set('bulk_open', this.#all.open);
  }

  stop(): void {
    for (const stream of this.#streams.keys()) stream.abort(new AverError('CLOSED', 'The peer stops.'));
  }
}
