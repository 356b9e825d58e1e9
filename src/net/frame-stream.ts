/**
 * Frames over a libp2p stream.
 *
 * Wire: a stream of blocks, each begun by four big-endian bytes. With the top bit clear they are the
 * length of the frame that follows; with the top bit set the other 31 bits grant that many bytes of
 * credit, and all ones end this direction. Each side starts with `limits.streamWindowBytes` of credit,
 * a frame spends its length and header, and the reader grants again what its consumer took. So a slow
 * reader stops the writer on every transport: yamux could do it alone, WebRTC data channels cannot.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { u32Bytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, FrameStream } from '../base/ports.ts';
import { type Block, BlockReader, CONTROL_BIT, END, HEADER_BYTES } from './frame-reader.ts';

interface Waiting {
  /** `undefined` ends this direction. */
  readonly frame: Uint8Array | undefined;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

export class Libp2pFrameStream implements FrameStream, AsyncIterator<Uint8Array> {
  readonly peerId: string;
  readonly #stream: Stream;
  readonly #reader = new BlockReader();
  /** Complete frames that nobody read yet; bounded by the credit that we granted. */
  readonly #inbox: Uint8Array[] = [];
  readonly #outbox: Waiting[] = [];
  #reading:
    | { resolve: (result: IteratorResult<Uint8Array>) => void; reject: (cause: Error) => void }
    | undefined;
  #sendCredit: number = limits.streamWindowBytes;
  #receiveCredit: number = limits.streamWindowBytes;
  #ungranted = 0;
  #sentEnd = false;
  #gotEnd = false;
  #discarding = false;
  #failure: AverError | undefined;

  constructor(stream: Stream, peerId: string) {
    this.#stream = stream;
    this.peerId = peerId;
    stream.addEventListener('message', this.#onMessage);
    stream.addEventListener('drain', () => this.#flush());
    stream.addEventListener('end', () => this.#onReadableEnd());
    stream.addEventListener('close', this.#onClose);
    if (stream.status !== 'open') this.#fail(streamFailed('The stream was closed.'));
    else if (stream.readableEnded) this.#onReadableEnd();
  }

  get frames(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this };
  }

  async send(frame: Uint8Array, options: AbortOptions = {}): Promise<void> {
    if (frame.length > limits.frameBytesMax) {
      throw new AverError('OVERSIZE', `A frame of ${frame.length} bytes was not sent.`, {
        fields: { bytes: frame.length, bytesMax: limits.frameBytesMax },
      });
    }
    if (options.signal?.aborted === true) throw aborted();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#sentEnd) throw streamFailed('The stream was closed for writing.');
    if (this.#outbox.length === 0 && this.#canSend(frame)) return this.#write(frame);
    await this.#enqueue(frame, options.signal);
  }

  async close(): Promise<void> {
    if (this.#sentEnd || this.#failure !== undefined) return;
    await this.#enqueue(undefined, undefined);
  }

  abort(cause: Error): void {
    if (this.#failure !== undefined) return;
    this.#inbox.length = 0;
    this.#fail(cause instanceof AverError ? cause : streamFailed('The stream was aborted.', cause));
    this.#stream.abort(cause);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const frame = this.#inbox.shift();
    if (frame !== undefined) {
      this.#grant(HEADER_BYTES + frame.length);
      return Promise.resolve({ done: false, value: frame });
    }
    if (this.#gotEnd) return Promise.resolve({ done: true, value: undefined });
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
    });
  }

  /** The consumer left its loop: what still comes is dropped, and the writer gets no more credit. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#discarding = true;
    this.#inbox.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  #enqueue(frame: Uint8Array | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#outbox.splice(this.#outbox.indexOf(waiting), 1);
        reject(aborted());
        this.#flush();
      };
      const settle = () => signal?.removeEventListener('abort', onAbort);
      const waiting: Waiting = {
        frame,
        resolve: () => {
          settle();
          resolve();
        },
        reject: (cause) => {
          settle();
          reject(cause);
        },
      };
      this.#outbox.push(waiting);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#flush();
    });
  }

  #canSend(frame: Uint8Array): boolean {
    return !this.#stream.writableNeedsDrain && HEADER_BYTES + frame.length <= this.#sendCredit;
  }

  #flush(): void {
    for (let waiting = this.#outbox[0]; waiting !== undefined; waiting = this.#outbox[0]) {
      if (waiting.frame !== undefined && !this.#canSend(waiting.frame)) return;
      try {
        if (waiting.frame === undefined) this.#writeEnd();
        else this.#write(waiting.frame);
      } catch {
        return; // `#write` has failed the stream, and with it everything that waits.
      }
      this.#outbox.shift();
      waiting.resolve();
    }
  }

  #write(frame: Uint8Array): void {
    const bytes = new Uint8Array(HEADER_BYTES + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(frame, HEADER_BYTES);
    this.#sendCredit -= bytes.length;
    this.#put(bytes);
  }

  #writeEnd(): void {
    this.#sentEnd = true;
    this.#put(u32Bytes(END));
    this.#closeWhenBothEnded();
  }

  #put(bytes: Uint8Array): void {
    try {
      this.#stream.send(bytes);
    } catch (cause) {
      const failure = streamFailed('The stream took no more data.', cause);
      this.#fail(failure);
      throw failure;
    }
  }

  #grant(bytes: number): void {
    this.#ungranted += bytes;
    // A quarter at a time: few blocks, and a frame of the largest size always finds its credit.
    if (this.#ungranted < limits.streamWindowBytes / 4 || this.#gotEnd || this.#failure !== undefined) return;
    const credit = this.#ungranted;
    this.#ungranted = 0;
    this.#receiveCredit += credit;
    if (this.#stream.writeStatus !== 'writable') return;
    try {
      this.#put(u32Bytes((CONTROL_BIT | credit) >>> 0));
    } catch {
      // The failure reaches the consumer with its next read.
    }
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      for (const block of this.#reader.push(event.data)) this.#onBlock(block);
      if (this.#reader.pendingBytes > this.#receiveCredit) throw windowExceeded();
    } catch (cause) {
      this.abort(cause as Error);
    }
  };

  #onBlock(block: Block): void {
    if (block.type === 'credit') {
      this.#sendCredit += block.bytes;
      // More than the window can only come from a peer that miscounts on purpose.
      if (this.#sendCredit > limits.streamWindowBytes) throw windowExceeded();
      this.#flush();
      return;
    }
    if (this.#gotEnd) throw new AverError('BAD_ENCODING', 'A block came after the end of the stream.');
    if (block.type === 'end') this.#onEnd();
    else this.#onFrame(block.frame);
  }

  #onFrame(frame: Uint8Array): void {
    this.#receiveCredit -= HEADER_BYTES + frame.length;
    if (this.#receiveCredit < 0) throw windowExceeded();
    if (this.#discarding) return;
    const reading = this.#reading;
    this.#reading = undefined;
    if (reading === undefined) this.#inbox.push(frame);
    else {
      this.#grant(HEADER_BYTES + frame.length);
      reading.resolve({ done: false, value: frame });
    }
  }

  #onEnd(): void {
    this.#gotEnd = true;
    this.#reading?.resolve({ done: true, value: undefined });
    this.#reading = undefined;
    this.#closeWhenBothEnded();
  }

  /** Nothing more will come. Without the end in the band the other side has not finished: it broke off. */
  #onReadableEnd(): void {
    if (this.#gotEnd || this.#stream.status === 'reset' || this.#stream.status === 'aborted') return;
    const isWithin = this.#reader.pendingBytes > 0;
    this.abort(streamFailed(isWithin ? 'The stream ended within a frame.' : 'The stream broke off.'));
  }

  #closeWhenBothEnded(): void {
    if (!this.#sentEnd || !this.#gotEnd) return;
    this.#stream.close().catch((cause: Error) => this.#stream.abort(cause));
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    if (event.error === undefined && this.#sentEnd && this.#gotEnd) return;
    this.#fail(streamFailed('The stream broke.', event.error));
  };

  #fail(failure: AverError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#reading?.reject(failure);
    this.#reading = undefined;
    for (const waiting of this.#outbox.splice(0)) waiting.reject(failure);
  }
}

function streamFailed(message: string, cause?: unknown): AverError {
  return new AverError('STREAM_FAILED', message, cause === undefined ? {} : { cause });
}

function windowExceeded(): AverError {
  return new AverError('OVERSIZE', 'The other side sent more than it was granted.');
}

function aborted(): AverError {
  return new AverError('ABORTED', 'Sending was cancelled.');
}
