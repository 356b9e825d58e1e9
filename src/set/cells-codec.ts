/**
 * Cells of a sketch on the wire: for each 8 bytes of short ids, 4 bytes of checks, and the count as a
 * zigzag varint (7 bits a byte, least significant first): about 13 bytes.
 */
import { AverError } from '../base/errors.ts';
import { type Cells, cellsUpTo, emptyCells } from './sketch.ts';

const FIXED_BYTES = 12;
/** Of a varint: enough for 32 bits. */
const COUNT_BYTES_MAX = 5;

export function packCells(cells: Cells): Uint8Array {
  const { length } = cells.counts;
  const bytes = new Uint8Array(length * (FIXED_BYTES + COUNT_BYTES_MAX));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let i = 0; i < length; i++) {
    view.setUint32(at, cells.high[i] as number);
    view.setUint32(at + 4, cells.low[i] as number);
    view.setUint32(at + 8, cells.checks[i] as number);
    at += FIXED_BYTES;
    const count = cells.counts[i] as number;
    let rest = ((count << 1) ^ (count >> 31)) >>> 0;
    for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
    bytes[at++] = rest;
  }
  return bytes.slice(0, at);
}

/** Throws `BAD_ENCODING` for more than `max` cells, none, or anything but the one encoding of some. */
export function unpackCells(bytes: Uint8Array, max: number): Cells {
  if (bytes.length > max * (FIXED_BYTES + COUNT_BYTES_MAX)) throw bad('it is too long');
  const cells = emptyCells(max);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let length = 0;
  for (; at < bytes.length; length++) {
    if (length === max || at + FIXED_BYTES >= bytes.length) throw bad('it is cut off or too long');
    cells.high[length] = view.getUint32(at);
    cells.low[length] = view.getUint32(at + 4);
    cells.checks[length] = view.getUint32(at + 8);
    at += FIXED_BYTES;
    let zigzag = 0;
    let shift = 0;
    for (let byte = 128; byte > 127; shift += 7) {
      byte = bytes[at++] ?? 256;
      if (byte > 255 || shift > 28 || (shift === 28 && byte > 15))
        throw bad('a count is cut off or too large');
      if (byte === 0 && shift > 0) throw bad('a count is not in its shortest form');
      zigzag = (zigzag | ((byte & 127) << shift)) >>> 0;
    }
    cells.counts[length] = (zigzag >>> 1) ^ -(zigzag & 1);
  }
  if (length === 0) throw bad('it is empty');
  return cellsUpTo(cells, length);
}

function bad(why: string): AverError {
  return new AverError('BAD_ENCODING', `The sketch is not well-formed: ${why}.`);
}
