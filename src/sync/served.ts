/** One sync stream that is being answered: requests come in, answers go out in any order. */

import { AverError, isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { FrameStream, Ports } from '../base/ports.ts';
import { encodeAnswer, errorAnswer } from './answers.ts';
import { withDeadline } from './deadline.ts';
import { nodeViews } from './descent.ts';
import type { FairQueue } from './fair-queue.ts';
import { type Link, toWireMs } from './link.ts';
import type { Answer, Request, UnknownRequest } from './messages.ts';
import { Outflow } from './outflow.ts';
import { outlineOf } from './outline.ts';
import { bulkRefusal, isIgnoringBusy, type Load, type RequestLoad } from './request-load.ts';
import { decodeRequest } from './requests.ts';
import { runsOfIds, runsOfRanges } from './runs-source.ts';
import { answerCells, answerDiff, sketchHead } from './sketch-diff.ts';
import type { SpaceSync } from './space-sync.ts';

/** What answers cost beside their bytes, as time to read so many bytes of runs: hashing, and taking sketches apart. */
const NODE_COST_BYTES = 1536;
/** An outline reads some thousand small rows. */
const OUTLINE_COST_BYTES = 64 * 1024;
const CELLS_COST_BYTES = 64 * 1024;
const DIFF_COST_BYTES = 16 * 1024;

export interface ServedOptions {
  readonly ports: Ports;
  readonly timeoutMs: number;
  /** Of all peers together. */
  readonly queue: FairQueue;
  readonly all: RequestLoad;
  readonly spaceOf: (tag: Uint8Array) => SpaceSync | undefined;
  /** A peer that had not been known to share a space proved that it does. */
  readonly onWelcome: (link: Link, space: SpaceSync) => void;
}

/** A request that is being answered. */
interface Outgoing {
  readonly abort: AbortController;
  /** Where it streams runs. */
  outflow?: Outflow;
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

  /** Nothing is being answered. */
  get isIdle(): boolean {
    return this.#outgoing.size === 0;
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
      else outgoing?.outflow?.grant(request.chunks);
      return;
    }
    if (request.type === 'unknown') {
      return this.#send(
        id,
        errorAnswer('PROTOCOL_UNSUPPORTED', `There is no request of type ${request.number}.`),
      );
    }
    const retryAfterMs = this.#retryAfterMs(request, frame.length);
    // Awaited: a flood is read no faster than its refusals are.
    if (retryAfterMs > 0 || this.#outgoing.has(id))
      return this.#send(id, { type: 'busy', retryAfterMs: Math.ceil(retryAfterMs) });
    this.#start(id, request, frame.length);
  }

  /** How long the peer is to wait before it asks this again; 0 when it is answered now. */
  #retryAfterMs(request: Request, bytes: number): number {
    const { ports, queue, all } = this.#options;
    const load = this.#load;
    const waitMs = all.admit(load, ports.clock.nowMs());
    if (waitMs > 0) {
      ports.metrics.add('requests_refused', 1, { why: 'rate' });
      if (load.inSecond === limits.requestsPerSecondMax + 1) this.#link.overload();
      if (isIgnoringBusy(load)) this.#link.fault('BUSY', 'The peer asks on and on, whatever it is told.');
      return waitMs;
    }
    if (load.served >= limits.requestsServedPerPeerMax) {
      ports.metrics.add('requests_refused', 1, { why: 'served' });
      return 250;
    }
    if (!isBulk(request)) return 0;
    const { account } = this.#link;
    const isContended = queue.isContended(account.peerId);
    const { open, openBytes } = all;
    const refusal = bulkRefusal({
      class: account.class,
      own: load.bulk,
      isContended,
      open,
      openBytes,
      bytes,
    });
    if (refusal === undefined) return 0;
    ports.metrics.add('requests_refused', 1, { why: refusal });
    return Number(queue.busy(account).fields.retryAfterMs);
  }

  #start(id: number, request: Request, bytes: number): void {
    const { all } = this.#options;
    const outgoing: Outgoing = { abort: new AbortController() };
    const bulk = isBulk(request) ? 1 : 0;
    const count = (by: 1 | -1) => {
      this.#load.served += by;
      this.#load.bulk += by * bulk;
      all.open += by * bulk;
      all.openBytes += by * bulk * bytes;
    };
    this.#outgoing.set(id, outgoing);
    count(1);
    this.#answer(id, request, outgoing)
      .catch((error: unknown) => this.#fail(id, error, outgoing.abort.signal))
      .catch((error: unknown) => this.#stream.abort(toAverError(error)))
      .finally(() => {
        this.#outgoing.delete(id);
        count(-1);
      });
  }

  async #fail(id: number, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { code, message, fields } = toAverError(error);
    const { log, metrics } = this.#options.ports;
    if (code === 'BUSY' && typeof fields.retryAfterMs === 'number') {
      metrics.add('requests_refused', 1, { why: 'turn' });
      return this.#send(id, { type: 'busy', retryAfterMs: fields.retryAfterMs });
    }
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
        if (!space.mayCompare(this.#link)) return this.#refuseRoots(id);
        const { frontier, count } = space.replica;
        const root = frontier.root();
        space.onRoots(this.#link, request);
        const sketch = sketchHead(frontier, root, request.root);
        return this.#send(id, { type: 'roots', root, count, flushed: frontier.flushed.root, sketch });
      }
      case 'cells': {
        const { frontier } = this.#space(request.tag).replica;
        return this.#inTurn(id, outgoing, CELLS_COST_BYTES, () => answerCells(frontier, request));
      }
      case 'diff': {
        const { frontier } = this.#space(request.tag).replica;
        return this.#inTurn(id, outgoing, DIFF_COST_BYTES, () => answerDiff(frontier, request));
      }
      case 'nodes': {
        const trie = this.#space(request.tag).replica.frontier.at(request.root);
        if (trie === undefined) return this.#send(id, { type: 'stale' });
        return this.#inTurn(id, outgoing, NODE_COST_BYTES * request.prefixes.length, () => {
          const nodes = nodeViews(trie, request.salt, request.prefixes);
          this.#options.ports.metrics.add('trie_nodes_served', nodes.length);
          return { type: 'nodes', nodes };
        });
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
        const bytesMax = Math.min(request.maxBytes, limits.pullBytesMax);
        const nowMs = this.#options.ports.clock.nowMs();
        const runs = runsOfRanges(space.replica, request, nowMs, outgoing.abort.signal);
        const outflow = this.#newOutflow(id, outgoing);
        await outflow.pull(runs, bytesMax);
        if (outflow.sentBytes > 0) space.brought(this.#link);
        return;
      }
      case 'outline': {
        const { replica } = this.#space(request.tag);
        const nowMs = this.#options.ports.clock.nowMs();
        return this.#inTurn(id, outgoing, OUTLINE_COST_BYTES, () =>
          outlineOf(replica, request, nowMs, outgoing.abort.signal),
        );
      }
      case 'fetch': {
        const runs = runsOfIds(this.#space(request.tag).replica, request.ids);
        return this.#newOutflow(id, outgoing).fetch(runs);
      }
    }
  }

  #refuseRoots(id: number): Promise<void> {
    const { ports, queue } = this.#options;
    ports.metrics.add('requests_refused', 1, { why: 'roots' });
    const { retryAfterMs } = queue.busy(this.#link.account).fields;
    return this.#send(id, { type: 'busy', retryAfterMs: Number(retryAfterMs) });
  }

  /** One answer that is made when it is the peer's turn. */
  async #inTurn(
    id: number,
    { abort }: Outgoing,
    costBytes: number,
    make: () => Answer | Promise<Answer>,
  ): Promise<void> {
    const end = await this.#options.queue.turn(this.#link.account, { signal: abort.signal });
    let answer: Answer;
    try {
      answer = await make();
    } finally {
      end(costBytes);
    }
    await this.#send(id, answer);
  }

  #newOutflow(id: number, outgoing: Outgoing): Outflow {
    const { queue, ports, timeoutMs } = this.#options;
    const outflow = new Outflow({
      queue,
      link: this.#link,
      ports,
      // Taking in a chunk may take the requester longer than an answer may take us.
      timeoutMs: 3 * timeoutMs,
      signal: outgoing.abort.signal,
      send: (answer) => this.#send(id, answer),
    });
    outgoing.outflow = outflow;
    return outflow;
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

/** What streams runs: the only answers that are large. */
function isBulk({ type }: Request): boolean {
  return type === 'pull' || type === 'fetch';
}
