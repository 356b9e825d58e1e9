/**
 * Cells of a sketch on the wire: for each 8 bytes of short ids, 4 bytes of checks, and the count as a
 * varint (7 bits a byte, least significant first). Of a count only what it differs from its expectation
 * is told, zigzag: cell i of a sketch of n entries holds about 2n/(2 + i). About 13 bytes a cell.
 */
import { ByteWriter } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { type Cells, cellsUpTo, emptyCells, SHORT_ID_BYTES, type ShortId } from './sketch.ts';

const FIXED_BYTES = 12;
/** Of a varint: a count and its expectation have 32 bits each, so their difference needs 35. */
const COUNT_BYTES_MAX = 5;
const INT32_MAX = 0x7fffffff;

/** What cell `i` most likely counts, the whole sketch having `total` entries. Exact in every engine. */
function expectedCount(total: number, i: number): number {
  return i === 0 ? 0 : Math.floor((2 * total) / (2 + i));
}

/** Used again and again. */
const writer = new ByteWriter();

function writeCount(value: number, expected: number): void {
  const step = value - expected;
  let rest = step >= 0 ? 2 * step : -2 * step - 1;
  for (; rest > 127; rest = Math.floor(rest / 128)) writer.u8((rest % 128) | 128);
  writer.u8(rest);
}

class CountReader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  count(expected: number): number {
    let zigzag = 0;
    let weight = 1;
    for (let i = 0; ; i++) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || i >= COUNT_BYTES_MAX) throw bad('a count is cut off or too large');
      if (byte === 0 && i > 0) throw bad('a count is not in its shortest form');
      zigzag += (byte & 127) * weight;
      weight *= 128;
      if (byte < 128) break;
    }
    const value = expected + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
    if (value > INT32_MAX || value < -INT32_MAX - 1) throw bad('a count is too large');
    return value;
  }
}

export function packCells({ high, low, checks, counts }: Cells): Uint8Array {
  for (const [i, count] of counts.entries()) {
    writer
      .u32(high[i] as number)
      .u32(low[i] as number)
      .u32(checks[i] as number);
    writeCount(count, expectedCount(counts[0] as number, i));
  }
  return writer.finish();
}

/** Throws `BAD_ENCODING` for more than `max` cells, none, or anything but the one encoding of some. */
export function unpackCells(bytes: Uint8Array, max: number): Cells {
  if (bytes.length > max * (FIXED_BYTES + COUNT_BYTES_MAX)) throw bad('it is too long');
  // No more than the bytes can hold.
  const cells = emptyCells(Math.min(max, Math.ceil(bytes.length / (FIXED_BYTES + 1))));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = new CountReader(bytes);
  let length = 0;
  for (; reader.at < bytes.length; length++) {
    if (length === max || reader.at + FIXED_BYTES >= bytes.length) throw bad('it is cut off or too long');
    cells.high[length] = view.getUint32(reader.at);
    cells.low[length] = view.getUint32(reader.at + 4);
    cells.checks[length] = view.getUint32(reader.at + 8);
    reader.at += FIXED_BYTES;
    cells.counts[length] = reader.count(expectedCount(cells.counts[0] as number, length));
  }
  if (length === 0) throw bad('it is empty');
  return cellsUpTo(cells, length);
}

/** The counts from one cell on, without the sums. */
export function packCounts(counts: Int32Array, from: number): Uint8Array {
  for (let i = from; i < counts.length; i++) {
    writeCount(counts[i] as number, expectedCount(counts[0] as number, i));
  }
  return writer.finish();
}

/** The counts with those that are told elsewhere before them. Throws `BAD_ENCODING` unless they are `length` in all. */
export function unpackCounts(bytes: Uint8Array, before: Int32Array, length: number): Int32Array {
  const counts = new Int32Array(length);
  counts.set(before);
  const reader = new CountReader(bytes);
  for (let i = before.length; i < length; i++) {
    counts[i] = reader.count(expectedCount(counts[0] as number, i));
  }
  if (reader.at !== bytes.length) throw bad('counts follow the last one');
  return counts;
}

export function packShortIds(ids: readonly ShortId[]): Uint8Array {
  const bytes = new Uint8Array(ids.length * SHORT_ID_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, { high, low }] of ids.entries()) {
    view.setUint32(i * SHORT_ID_BYTES, high);
    view.setUint32(i * SHORT_ID_BYTES + 4, low);
  }
  return bytes;
}

/** Throws `BAD_ENCODING` for more than `max`. */
export function unpackShortIds(bytes: Uint8Array, max: number): ShortId[] {
  const count = bytes.length / SHORT_ID_BYTES;
  if (!Number.isInteger(count) || count > max) throw bad('it names too many entries, or half of one');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => ({
    high: view.getUint32(i * SHORT_ID_BYTES),
    low: view.getUint32(i * SHORT_ID_BYTES + 4),
  }));
}

function bad(why: string): AverError {
  return new AverError('BAD_ENCODING', `The sketch is not well-formed: ${why}.`);
}
