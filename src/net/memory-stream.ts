/** A pair of frame streams in one process, with the same bounds as `frame-stream.ts`. */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, FrameStream } from '../base/ports.ts';

/** Runs an action at the other end, when that many bytes have got there. */
type Deliver = (action: () => void, bytes?: number) => void;

export class MemoryFrameStream implements FrameStream, AsyncIterator<Uint8Array> {
  readonly peerId: string;
  readonly #deliver: Deliver;
  readonly #inbox: Uint8Array[] = [];
  readonly #outbox: { frame: Uint8Array; resolve: () => void; reject: (cause: Error) => void }[] = [];
  #other: MemoryFrameStream | undefined;
  #reading:
    | { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (cause: Error) => void }
    | undefined;
  #credit: number = limits.streamWindowBytes;
  #closed = false;
  #ended = false;
  #failure: AverError | undefined;

  private constructor(peerId: string, deliver: Deliver) {
    this.peerId = peerId;
    this.#deliver = deliver;
  }

  /** Two connected ends: `a` is held by the peer that opened it, and talks to `toB`. */
  static pair(
    peerA: string,
    peerB: string,
    toA: Deliver,
    toB: Deliver,
  ): [a: MemoryFrameStream, b: MemoryFrameStream] {
    const a = new MemoryFrameStream(peerB, toB);
    const b = new MemoryFrameStream(peerA, toA);
    a.#other = b;
    b.#other = a;
    return [a, b];
  }

  get frames(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this };
  }

  /** True once nothing more can come or go. */
  get isOver(): boolean {
    return this.#failure !== undefined || (this.#closed && this.#ended);
  }

  async send(frame: Uint8Array, options: AbortOptions = {}): Promise<void> {
    if (frame.length > limits.frameBytesMax) {
      throw new AverError('OVERSIZE', `A frame of ${frame.length} bytes was not sent.`);
    }
    if (options.signal?.aborted === true) throw new AverError('ABORTED', 'Sending was cancelled.');
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new AverError('STREAM_FAILED', 'The stream was closed for writing.');
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#outbox.splice(this.#outbox.indexOf(waiting), 1);
        reject(new AverError('ABORTED', 'Sending was cancelled.'));
      };
      const settle = () => options.signal?.removeEventListener('abort', onAbort);
      const waiting = {
        frame: frame.slice(),
        resolve: () => {
          settle();
          resolve();
        },
        reject: (cause: Error) => {
          settle();
          reject(cause);
        },
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.#outbox.push(waiting);
      this.#flush();
    });
  }

  async close(): Promise<void> {
    if (this.#closed || this.#failure !== undefined) return;
    this.#closed = true;
    if (this.#outbox.length === 0) this.#sendEnd();
  }

  abort(cause: Error): void {
    if (this.isOver) return;
    this.#inbox.length = 0;
    this.#fail(cause instanceof AverError ? cause : new AverError('STREAM_FAILED', 'Aborted.', { cause }));
    const other = this.#other;
    this.#deliver(() => other?.fail(new AverError('STREAM_FAILED', 'The other side aborted the stream.')));
  }

  /** The link is gone. */
  fail(failure: AverError): void {
    if (!this.isOver) this.#fail(failure);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const frame = this.#inbox.shift();
    if (frame !== undefined) {
      const other = this.#other;
      this.#deliver(() => other?.grant(frame.length));
      return Promise.resolve({ done: false, value: frame });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.#inbox.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The other side's consumer took that many bytes. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#flush();
  }

  receive(frame: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#inbox.push(frame);
    const reading = this.#reading;
    if (reading === undefined) return;
    this.#reading = undefined;
    this.next().then(reading.resolve, reading.reject);
  }

  receiveEnd(): void {
    if (this.#failure !== undefined) return;
    this.#ended = true;
    this.#reading?.resolve({ done: true, value: undefined });
    this.#reading = undefined;
  }

  #flush(): void {
    const other = this.#other;
    for (let waiting = this.#outbox[0]; waiting !== undefined; waiting = this.#outbox[0]) {
      const { frame } = waiting;
      if (frame.length > this.#credit) return;
      this.#outbox.shift();
      this.#credit -= frame.length;
      this.#deliver(() => other?.receive(frame), frame.length);
      waiting.resolve();
      if (this.#closed && this.#outbox.length === 0) this.#sendEnd();
    }
  }

  #sendEnd(): void {
    const other = this.#other;
    this.#deliver(() => other?.receiveEnd());
  }

  #fail(failure: AverError): void {
    this.#failure = failure;
    this.#reading?.reject(failure);
    this.#reading = undefined;
    for (const waiting of this.#outbox.splice(0)) waiting.reject(failure);
  }
}
