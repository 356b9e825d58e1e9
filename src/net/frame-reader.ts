/** Cuts a byte stream into blocks: frames, credit grants, the end. Wire format: `frame-stream.ts`. */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

export const HEADER_BYTES = 4;
export const CONTROL_BIT = 0x8000_0000;
export const END = 0xffff_ffff;

export type Block =
  | { readonly type: 'frame'; readonly frame: Uint8Array }
  | { readonly type: 'credit'; readonly bytes: number }
  | { readonly type: 'end' };

/** A chunk as libp2p delivers it: bytes, or a list of them. */
type Chunk = Uint8Array | Iterable<Uint8Array>;

export class BlockReader {
  /** Received parts of the block under way. Nothing is allocated for what was only announced. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Length of the frame under way, once its header is complete. */
  #frameBytes: number | undefined;

  /** Bytes that wait for the rest of their block. */
  get pendingBytes(): number {
    return this.#partBytes + (this.#frameBytes === undefined ? 0 : HEADER_BYTES);
  }

  /** Throws `OVERSIZE` as soon as a header announces too much. */
  *push(chunk: Chunk): Generator<Block> {
    if (!(chunk instanceof Uint8Array)) {
      for (const part of chunk) yield* this.push(part);
      return;
    }
    let rest = chunk;
    for (;;) {
      const wanted = (this.#frameBytes ?? HEADER_BYTES) - this.#partBytes;
      if (rest.length < wanted) break;
      const block = this.#complete(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
      if (block !== undefined) yield block;
    }
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#partBytes += rest.length;
  }

  #complete(last: Uint8Array): Block | undefined {
    const bytes = this.#take(last);
    if (this.#frameBytes !== undefined) {
      this.#frameBytes = undefined;
      return { type: 'frame', frame: bytes };
    }
    const header = new DataView(bytes.buffer).getUint32(0);
    if (header === END) return { type: 'end' };
    if (header >= CONTROL_BIT) return { type: 'credit', bytes: header - CONTROL_BIT };
    if (header > limits.frameBytesMax) {
      throw new AverError('OVERSIZE', `A frame of ${header} bytes was announced.`, {
        fields: { bytes: header, bytesMax: limits.frameBytesMax },
      });
    }
    this.#frameBytes = header;
    return undefined;
  }

  /** The parts as one copy, so that a small frame does not keep a large network buffer alive. */
  #take(last: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#partBytes + last.length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.set(last, at);
    this.#parts = [];
    this.#partBytes = 0;
    return bytes;
  }
}
