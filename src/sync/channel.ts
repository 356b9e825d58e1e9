/**
 * The asking side of a sync stream: opens it when it is needed, keeps it open, tells answers apart
 * by request id, and gives up on each at its deadline.
 */
import { ADVICE, AverError, type ErrorCode, isAverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Clock, FrameStream, Metrics, Network } from '../base/ports.ts';
import { AnswerBounds } from './answer-bounds.ts';
import { decodeAnswer } from './answers.ts';
import { Slots, withDeadline } from './deadline.ts';
import { Inbox, type Waiting } from './inbox.ts';
import { type Answer, type Request, type RunsAnswer, SYNC_PROTOCOL } from './messages.ts';
import { encodeRequest } from './requests.ts';

/** Requests that wait for a slot: more is a defect of the caller, not of the peer. */
const WAITING_MAX = 256;

/** What answers a request that is not answered by its own name. */
const ANSWERED_BY = { digest: 'ok', cells: 'diff' } as const;
type AnswerTypeOf<R> = R extends keyof typeof ANSWERED_BY ? (typeof ANSWERED_BY)[R] : R;
type AnswerOf<R extends Request['type']> = Extract<Answer, { type: AnswerTypeOf<R> }>;

export interface ChannelOptions {
  readonly network: Network;
  readonly peerId: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly timeoutMs: number;
  /** The peer said what no honest one says. */
  readonly onFault: (code: ErrorCode, message: string) => void;
}

export class Channel {
  readonly #options: ChannelOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #slots = new Slots(limits.requestsOpenPerPeerMax, WAITING_MAX);
  #stream: Promise<FrameStream> | undefined;
  #nextId = 1;
  #framesIn = 0;
  /** Answers that may still come to what was given up. */
  #lateMax = 0;
  /** When a stream ended with nothing on it: the peer has too many of ours, as far as it knows. */
  #endedMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /**
   * One request, one answer. Throws `BUSY` (with `retryAfterMs`), `DENIED`, `TIMEOUT`, `ABORTED`,
   * `STREAM_FAILED`, or the code that the peer names.
   */
  async ask<R extends Exclude<Request['type'], 'pull' | 'fetch' | 'more' | 'cancel'>>(
    request: Request & { readonly type: R },
    options: AbortOptions = {},
  ): Promise<AnswerOf<R> | { readonly type: 'stale' }> {
    const free = await this.#slots.take();
    const id = this.#nextId++;
    const framesIn = this.#framesIn;
    let isAnswered = false;
    try {
      const { clock, timeoutMs } = this.#options;
      const what = `The answer to ${request.type}`;
      const answer = await withDeadline({ clock, timeoutMs, what, ...options }, (signal) =>
        this.#exchange(id, request, signal),
      );
      isAnswered = true;
      const wanted = (ANSWERED_BY as Record<string, string>)[request.type] ?? request.type;
      if (answer.type !== wanted && answer.type !== 'stale') throw this.#unexpected(answer);
      return answer as AnswerOf<R> | { readonly type: 'stale' };
    } catch (error) {
      return this.#giveUp(error, framesIn);
    } finally {
      this.#waiting.delete(id);
      if (!isAnswered) this.#lateMax++;
      free();
    }
  }

  /** A stream on which nothing comes at all may be dead without knowing it: the next request opens another. */
  #giveUp(error: unknown, framesIn: number): never {
    if (isAverError(error, 'TIMEOUT') && this.#framesIn === framesIn) this.#reset(error);
    throw error;
  }

  async #exchange(id: number, request: Request, signal: AbortSignal): Promise<Answer> {
    const stream = await this.#open(signal);
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, {
        answer: (given) => {
          resolve(given);
          return true;
        },
        fail: reject,
      });
    });
    // The answer may fail while the request is still being sent.
    answer.catch(() => undefined);
    await stream.send(encodeRequest(id, request), { signal });
    return answer;
  }

  /**
   * The chunks of a pull or a fetch, each within the deadline. The next is let come when the one
   * before was taken in; leaving the loop early tells the peer to stop. Once `goesOn` says no, it ends
   * with what the peer may have sent already, so that nothing comes in vain.
   */
  async *chunks(
    request: Request & { readonly type: 'pull' | 'fetch' },
    options: AbortOptions & { readonly goesOn?: () => boolean } = {},
  ): AsyncGenerator<RunsAnswer> {
    const { goesOn = () => true, signal: given } = options;
    const free = await this.#slots.take();
    const id = this.#nextId++;
    const { clock, timeoutMs } = this.#options;
    const inbox = new Inbox();
    const bounds = new AnswerBounds(request);
    const limitsOfWait = { clock, timeoutMs, what: `The answer to ${request.type}`, signal: given };
    let ahead: number = limits.chunksAheadMax;
    let stream: FrameStream | undefined;
    let open = true;
    try {
      stream = await withDeadline(limitsOfWait, async (signal) => {
        const opened = await this.#open(signal);
        this.#waiting.set(id, inbox);
        await opened.send(encodeRequest(id, request), { signal });
        return opened;
      });
      while (open && ahead > 0) {
        const framesIn = this.#framesIn;
        const answer = await withDeadline(limitsOfWait, () => inbox.next()).catch((error: unknown) =>
          this.#giveUp(error, framesIn),
        );
        if (answer.type !== 'runs') throw this.#unexpected(answer);
        const fault = bounds.fault(answer);
        if (fault !== undefined) throw this.#blame('BAD_ENCODING', fault);
        open = answer.open;
        ahead--;
        yield answer;
        if (!open) return;
        if (!goesOn()) continue;
        inbox.allow();
        await stream.send(encodeRequest(id, { type: 'more', chunks: 1 }));
        ahead++;
      }
    } finally {
      this.#waiting.delete(id);
      if (open) this.#lateMax += limits.chunksAheadMax + 1;
      free();
      if (open) stream?.send(encodeRequest(id, { type: 'cancel' })).catch(() => undefined);
    }
  }

  #unexpected(answer: Answer): AverError {
    switch (answer.type) {
      case 'busy':
        return new AverError('BUSY', 'The peer is at its limit.', {
          fields: { retryAfterMs: answer.retryAfterMs },
        });
      case 'denied':
        return new AverError('DENIED', `The peer refused: ${answer.code}.`, {
          fields: { code: answer.code },
        });
      case 'error':
        return new AverError(isCode(answer.code) ? answer.code : 'PROTOCOL_UNSUPPORTED', answer.message);
      default:
        return this.#blame('BAD_ENCODING', `An answer of type ${answer.type} was not asked for.`);
    }
  }

  #blame(code: ErrorCode, message: string): AverError {
    this.#options.onFault(code, message);
    return new AverError(code, message);
  }

  #open(signal: AbortSignal): Promise<FrameStream> {
    if (this.#closed) throw new AverError('CLOSED', 'The peer is gone.');
    if (this.#stream === undefined) {
      const { network, peerId, clock } = this.#options;
      // A clock that was set back makes nobody wait longer.
      if (Math.abs(clock.nowMs() - this.#endedMs) < limits.streamRestMs)
        throw new AverError('STREAM_FAILED', 'The peer ended the last stream at once.');
      const opening = network.openStream(peerId, SYNC_PROTOCOL, { signal });
      this.#stream = opening;
      opening.then(
        (stream) => this.#read(stream, opening),
        () => this.#forget(opening),
      );
    }
    return this.#stream;
  }

  #forget(opening: Promise<FrameStream>): void {
    if (this.#stream === opening) this.#stream = undefined;
  }

  async #read(stream: FrameStream, opening: Promise<FrameStream>): Promise<void> {
    let cause = new AverError('STREAM_FAILED', 'The peer closed the stream.');
    const framesIn = this.#framesIn;
    try {
      if (this.#closed) throw new AverError('CLOSED', 'The peer is gone.');
      for await (const frame of stream.frames) this.#receive(frame);
      await stream.close();
    } catch (error) {
      cause = toAverError(error);
      if (isGarbage(cause)) this.#options.onFault(cause.code, cause.message);
      if (cause.code === 'INTERNAL') cause = new AverError('STREAM_FAILED', cause.message, { cause: error });
      stream.abort(cause);
    }
    if (this.#framesIn === framesIn && this.#stream === opening) this.#endedMs = this.#options.clock.nowMs();
    this.#forget(opening);
    this.#failAll(cause);
  }

  #receive(frame: Uint8Array): void {
    this.#framesIn++;
    const { id, answer } = decodeAnswer(frame);
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) {
      if (!waiting.answer(answer))
        this.#options.onFault('BAD_ENCODING', 'The peer sent more chunks than it was let.');
    } else if (id < this.#nextId && this.#lateMax > 0) {
      this.#lateMax--;
      this.#options.metrics.add('sync_answers_late');
    } else {
      this.#options.metrics.add('sync_unsolicited');
      this.#options.onFault('BAD_ENCODING', 'The peer answered what nobody asked.');
    }
  }

  #failAll(cause: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.fail(cause);
  }

  /** The peer serves so many requests at a time. */
  limitRequests(count: number): void {
    this.#slots.resize(Math.min(count, limits.requestsOpenPerPeerMax));
  }

  close(cause = new AverError('CLOSED', 'The peer is gone.')): void {
    this.#closed = true;
    this.#reset(cause);
  }

  #reset(cause: AverError): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#failAll(cause);
    stream?.then((open) => open.abort(cause)).catch(() => undefined);
  }
}

/** Whether bytes of the other side are to blame, as against a connection that broke. */
export function isGarbage({ code }: AverError): boolean {
  return code === 'BAD_ENCODING' || code === 'OVERSIZE' || code === 'TOO_DEEP';
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ADVICE, code);
}
