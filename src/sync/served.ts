/** One sync stream that is being answered: requests come in, answers go out in any order. */

import { AverError, isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream, Ports } from '../base/ports.ts';
import { encodeAnswer, errorAnswer } from './answers.ts';
import { withDeadline } from './deadline.ts';
import { nodeViews } from './descent.ts';
import { type Link, toWireMs } from './link.ts';
import type { Answer, Request, RunsAnswer, UnknownRequest } from './messages.ts';
import { decodeRequest } from './requests.ts';
import { runsOfIds, runsOfRanges, toChunks } from './runs-source.ts';
import { answerCells, answerDiff, sketchHead } from './sketch-diff.ts';
import type { SpaceSync } from './space-sync.ts';

export interface ServedOptions {
  readonly ports: Ports;
  readonly timeoutMs: number;
  readonly spaceOf: (tag: Uint8Array) => SpaceSync | undefined;
  /** A peer that had not been known to share a space proved that it does. */
  readonly onWelcome: (link: Link, space: SpaceSync) => void;
}

/** What one peer takes of this one, on all its streams. */
export interface Load {
  streams: number;
  served: number;
  secondMs: number;
  inSecond: number;
}

/** A request that is being answered. */
interface Outgoing {
  credit: number;
  wake: () => void;
  readonly abort: AbortController;
}

export class Served {
  readonly #stream: FrameStream;
  readonly #load: Load;
  readonly #link: Link;
  readonly #options: ServedOptions;
  readonly #outgoing = new Map<number, Outgoing>();

  constructor(stream: FrameStream, load: Load, link: Link, options: ServedOptions) {
    this.#stream = stream;
    this.#load = load;
    this.#link = link;
    this.#options = options;
  }

  /** Starts to answer one frame. Throws for what cannot be answered at all. */
  async take(frame: Uint8Array): Promise<void> {
    let id: number;
    let request: Request | UnknownRequest;
    try {
      ({ id, request } = decodeRequest(frame));
    } catch (error) {
      if (!isAverError(error) || typeof error.fields.request !== 'number') throw error;
      this.#link.fault(error.code, error.message);
      return this.#send(error.fields.request, errorAnswer(error.code, error.message));
    }
    if (request.type === 'more' || request.type === 'cancel') {
      const outgoing = this.#outgoing.get(id);
      if (request.type === 'cancel') outgoing?.abort.abort();
      else if (outgoing !== undefined) {
        outgoing.credit = Math.min(limits.chunksAheadMax, outgoing.credit + request.chunks);
        outgoing.wake();
      }
      return;
    }
    if (request.type === 'unknown') {
      return this.#send(
        id,
        errorAnswer('PROTOCOL_UNSUPPORTED', `There is no request of type ${request.number}.`),
      );
    }
    const retryAfterMs = this.#retryAfterMs();
    // Awaited: a flood is read no faster than its refusals are.
    if (retryAfterMs > 0 || this.#outgoing.has(id))
      return this.#send(id, { type: 'busy', retryAfterMs: Math.ceil(retryAfterMs) });
    this.#start(id, request);
  }

  #retryAfterMs(): number {
    const load = this.#load;
    const now = this.#options.ports.clock.nowMs();
    if (Math.abs(now - load.secondMs) >= 1000) {
      load.secondMs = now;
      load.inSecond = 0;
    }
    if (++load.inSecond > limits.requestsPerSecondMax) return Math.max(1, load.secondMs + 1000 - now);
    return load.served >= limits.requestsServedPerPeerMax ? 250 : 0;
  }

  #start(id: number, request: Request): void {
    const abort = new AbortController();
    const outgoing: Outgoing = { credit: limits.chunksAheadMax, wake: () => undefined, abort };
    this.#outgoing.set(id, outgoing);
    this.#load.served++;
    this.#answer(id, request, outgoing)
      .catch((error: unknown) => this.#fail(id, error, abort.signal))
      .catch((error: unknown) => this.#stream.abort(toAverError(error)))
      .finally(() => {
        this.#outgoing.delete(id);
        this.#load.served--;
      });
  }

  async #fail(id: number, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { code, message } = toAverError(error);
    const { log } = this.#options.ports;
    log.write('debug', 'a sync request failed', { peerId: this.#stream.peerId, code, message });
    const answer: Answer =
      code === 'DENIED' ? { type: 'denied', code } : errorAnswer(code, code === 'INTERNAL' ? '' : message);
    await this.#send(id, answer);
  }

  async #answer(id: number, request: Request, outgoing: Outgoing): Promise<void> {
    switch (request.type) {
      case 'hello':
        return this.#hello(id, request);
      case 'ping': {
        const count = request.tag === null ? null : this.#space(request.tag).replica.count;
        return this.#send(id, { type: 'ping', clockMs: toWireMs(this.#options.ports.clock.nowMs()), count });
      }
      case 'roots': {
        const space = this.#space(request.tag);
        const { frontier, count } = space.replica;
        const root = frontier.root();
        space.onRoots(this.#link, request);
        const sketch = sketchHead(frontier, root, request.root);
        return this.#send(id, { type: 'roots', root, count, flushed: frontier.flushed.root, sketch });
      }
      case 'cells':
        return this.#send(id, answerCells(this.#space(request.tag).replica.frontier, request));
      case 'diff':
        return this.#send(id, answerDiff(this.#space(request.tag).replica.frontier, request));
      case 'nodes': {
        const trie = this.#space(request.tag).replica.frontier.at(request.root);
        if (trie === undefined) return this.#send(id, { type: 'stale' });
        const nodes = nodeViews(trie, request.salt, request.prefixes);
        this.#options.ports.metrics.add('trie_nodes_served', nodes.length);
        return this.#send(id, { type: 'nodes', nodes });
      }
      case 'digest':
        await this.#space(request.tag).onDigest(this.#link, request);
        return this.#send(id, { type: 'ok' });
      case 'flushed': {
        const root = await this.#space(request.tag).whenFlushed(request, outgoing.abort.signal);
        return this.#send(id, { type: 'flushed', root });
      }
      case 'pull': {
        const space = this.#space(request.tag);
        this.#options.ports.metrics.add('pull_requests_received');
        const maxBytes = Math.min(request.maxBytes, limits.pullBytesMax);
        const nowMs = this.#options.ports.clock.nowMs();
        const runs = runsOfRanges(space.replica, request, nowMs, outgoing.abort.signal);
        const bounds = { chunkBytes: Math.min(maxBytes, this.#link.limits.chunkBytes), maxBytes };
        return this.#sendChunks(id, toChunks(runs, bounds), outgoing);
      }
      case 'fetch': {
        const runs = runsOfIds(this.#space(request.tag).replica, request.ids);
        const bounds = { chunkBytes: this.#link.limits.chunkBytes, maxBytes: Number.MAX_SAFE_INTEGER };
        return this.#sendChunks(id, toChunks(runs, bounds), outgoing);
      }
    }
  }

  async #hello(id: number, request: Request & { type: 'hello' }): Promise<void> {
    const space = this.#options.spaceOf(request.tag);
    const link = this.#link;
    const isNew = space !== undefined && !link.hasProved(space.replica.space);
    const answer = space === undefined ? undefined : link.welcome(space.replica.space, request);
    if (space === undefined || answer === undefined) {
      this.#options.ports.metrics.add('sync_denied');
      return this.#send(id, { type: 'denied', code: 'UNKNOWN_SPACE' });
    }
    await this.#send(id, answer);
    if (isNew) this.#options.onWelcome(link, space);
  }

  /** The space, for a peer that proved to share it. Throws `DENIED`. */
  #space(tag: Uint8Array): SpaceSync {
    const space = this.#options.spaceOf(tag);
    if (space !== undefined && this.#link.hasProved(space.replica.space)) return space;
    this.#options.ports.metrics.add('sync_denied');
    throw new AverError('DENIED', 'There was no hello for this space.');
  }

  /** Sends chunks as far as the other side allows; waits for its word at most as long as a request may take. */
  async #sendChunks(id: number, chunks: AsyncGenerator<RunsAnswer>, outgoing: Outgoing): Promise<void> {
    const { signal } = outgoing.abort;
    for await (const chunk of chunks) {
      while (outgoing.credit === 0 && !signal.aborted) await this.#credit(outgoing);
      if (signal.aborted) return;
      outgoing.credit--;
      this.#options.ports.metrics.add('pull_responses_sent');
      for (const run of chunk.runs) this.#options.ports.metrics.add('bytes_pushed', run.length);
      await this.#send(id, chunk);
    }
  }

  #credit(outgoing: Outgoing): Promise<void> {
    const { ports, timeoutMs } = this.#options;
    // Taking in a chunk may take the requester longer than an answer may take us.
    const what = 'Room for another chunk';
    const options = { clock: ports.clock, timeoutMs: 3 * timeoutMs, what, signal: outgoing.abort.signal };
    return withDeadline(
      options,
      () =>
        new Promise<void>((resolve) => {
          outgoing.wake = resolve;
        }),
    );
  }

  #send(id: number, answer: Answer): Promise<void> {
    const { ports, timeoutMs } = this.#options;
    return withDeadline({ clock: ports.clock, timeoutMs: 3 * timeoutMs, what: 'A reader' }, (signal) =>
      this.#stream.send(encodeAnswer(id, answer), { signal }),
    );
  }

  /** The stream is gone: nothing more is sent. */
  end(): void {
    for (const outgoing of this.#outgoing.values()) outgoing.abort.abort();
  }
}
