/**
 * The answering side of sync streams. Each peer has so many requests served at a time and so many a
 * second; beyond that it is told when to come again. Nothing of a space is told before a good hello.
 */
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream } from '../base/ports.ts';
import { isGarbage } from './channel.ts';
import type { Link } from './link.ts';
import { type Load, Served, type ServedOptions } from './served.ts';

export interface ResponderOptions extends ServedOptions {
  readonly linkOf: (peerId: string) => Link;
}

export class Responder {
  readonly #options: ResponderOptions;
  readonly #loads = new Map<string, Load>();
  readonly #streams = new Set<FrameStream>();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Serves one stream until it ends. */
  async serve(stream: FrameStream): Promise<void> {
    const load = this.#loads.get(stream.peerId) ?? { streams: 0, served: 0, secondMs: 0, inSecond: 0 };
    if (load.streams >= limits.streamsServedPerPeerMax) {
      stream.abort(new AverError('BUSY', 'The peer has too many streams.'));
      return;
    }
    this.#loads.set(stream.peerId, load);
    this.#streams.add(stream);
    load.streams++;
    const link = this.#options.linkOf(stream.peerId);
    const served = new Served(stream, load, link, this.#options);
    try {
      for await (const frame of stream.frames) await served.take(frame);
      await stream.close();
    } catch (error) {
      const cause = toAverError(error);
      this.#options.ports.metrics.add('sync_streams_failed', 1, { code: cause.code });
      if (isGarbage(cause)) link.fault(cause.code, cause.message);
      stream.abort(cause);
    } finally {
      served.end();
      this.#streams.delete(stream);
      load.streams--;
      if (load.streams === 0) this.#loads.delete(stream.peerId);
    }
  }

  stop(): void {
    for (const stream of this.#streams) stream.abort(new AverError('CLOSED', 'The peer stops.'));
  }
}
