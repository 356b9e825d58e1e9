/** Cuts a byte stream into blocks: frames, credit grants, the end. Wire format: `frame-stream.ts`. */
import { readU32 } from '../base/bytes.ts';
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

/** Room for the first bytes of a block, doubled with each time that it is full. */
const ROOM_BYTES = 256;

export class BlockReader {
  /** What came of the block under way. Grows with that: for what was only announced nothing is allocated. */
  #bytes = new Uint8Array(ROOM_BYTES);
  #count = 0;
  /** Length of the frame under way, once its header is complete. */
  #frameBytes: number | undefined;

  /** Bytes that wait for the rest of their block. */
  get pendingBytes(): number {
    return this.#count + (this.#frameBytes === undefined ? 0 : HEADER_BYTES);
  }

  /** Throws `OVERSIZE` as soon as a header announces too much. */
  *push(chunk: Chunk): Generator<Block> {
    if (!(chunk instanceof Uint8Array)) {
      for (const part of chunk) yield* this.push(part);
      return;
    }
    let rest = chunk;
    for (;;) {
      const wanted = (this.#frameBytes ?? HEADER_BYTES) - this.#count;
      if (rest.length < wanted) break;
      const block = this.#complete(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
      if (block !== undefined) yield block;
    }
    if (rest.length === 0) return;
    this.#keep(rest);
  }

  /** Copied, so that a byte that drips in keeps no network buffer alive, nor costs an object of its own. */
  #keep(part: Uint8Array): void {
    const count = this.#count + part.length;
    if (count > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(count, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#count));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#count);
    this.#count = count;
  }

  #complete(last: Uint8Array): Block | undefined {
    const bytes = this.#take(last);
    if (this.#frameBytes !== undefined) {
      this.#frameBytes = undefined;
      return { type: 'frame', frame: bytes };
    }
    const header = readU32(bytes);
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

  /** The block as one copy of its own, so that a small frame does not keep a large buffer alive. */
  #take(last: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#count + last.length);
    bytes.set(this.#bytes.subarray(0, this.#count));
    bytes.set(last, this.#count);
    this.#count = 0;
    if (this.#bytes.length > ROOM_BYTES) this.#bytes = new Uint8Array(ROOM_BYTES);
    return bytes;
  }
}
