/**
 * Rows packed into one record: a batch in the log, in the order of its ops, or a part of a table, in
 * the order of its keys. What all keys begin with is stored once. Rows are read where they lie, so
 * that a record need not be decoded to find one of them.
 *
 *     u32 rows, u32 prefix length, prefix, u32 offset of each row,
 *     rows: u16 length of the rest of the key (its highest bit: deleted), the rest, the value; u32 checksum
 */
import { compareBytes } from '../../base/bytes.ts';
import { AverError } from '../../base/errors.ts';
import type { StoreOp } from '../../base/ports.ts';
import { assertSealed, corruptError, SEAL_BYTES, seal } from './seal.ts';

const DELETED = 0x8000;
const HEAD_BYTES = 8;
/** Bytes that a row takes beside its key and its value, at most. */
export const ROW_BYTES = 6;

export function packBlock(rows: readonly StoreOp[]): Uint8Array {
  const prefix = commonPrefix(rows);
  const offsets = HEAD_BYTES + prefix.length;
  let length = offsets + SEAL_BYTES + rows.length * ROW_BYTES;
  for (const { key, value } of rows) length += key.length - prefix.length + (value?.length ?? 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, rows.length);
  view.setUint32(4, prefix.length);
  bytes.set(prefix, HEAD_BYTES);
  let at = offsets + 4 * rows.length;
  for (const [i, { key, value }] of rows.entries()) {
    view.setUint32(offsets + 4 * i, at);
    view.setUint16(at, (key.length - prefix.length) | (value === undefined ? DELETED : 0));
    at += 2;
    for (let from = prefix.length; from < key.length; from++) bytes[at++] = key[from] as number;
    if (value === undefined) continue;
    // An array whose memory was given away looks empty; it must not be stored as such.
    if (value.length === 0 && (value.buffer as ArrayBuffer).detached)
      throw new AverError('BAD_INPUT', 'The memory of a value was given away.');
    bytes.set(value, at);
    at += value.length;
  }
  return seal(bytes);
}

function commonPrefix(rows: readonly StoreOp[]): Uint8Array {
  const first = rows[0]?.key ?? new Uint8Array(0);
  let length = first.length;
  for (const { key } of rows) {
    let same = 0;
    while (same < length && key[same] === first[same]) same++;
    length = same;
  }
  return first.subarray(0, length);
}

export class Block {
  readonly bytes: Uint8Array;
  readonly rows: number;
  readonly #view: DataView;
  readonly #prefix: Uint8Array;
  readonly #offsets: number;

  /** Throws `STORE_CORRUPT` for bytes that are no sealed block. */
  constructor(bytes: Uint8Array) {
    assertSealed(bytes);
    if (bytes.length < HEAD_BYTES + SEAL_BYTES) throw corruptError('is too short');
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.rows = this.#view.getUint32(0);
    this.#offsets = HEAD_BYTES + this.#view.getUint32(4);
    this.#prefix = bytes.subarray(HEAD_BYTES, this.#offsets);
    if (!this.#isWhole()) throw corruptError('does not hold the rows that it names');
  }

  /** Whether rows lie one behind the other and fill the record. Cheap beside the checksum of all of it. */
  #isWhole(): boolean {
    const end = this.bytes.length - SEAL_BYTES;
    if (this.#offsets + 4 * this.rows > end) return false;
    let next = this.#offsets + 4 * this.rows;
    for (let row = 0; row < this.rows; row++) {
      const at = this.#at(row);
      if (at < next || at + 2 > end) return false;
      next = at + 2 + (this.#view.getUint16(at) & ~DELETED);
    }
    return next <= end;
  }

  /** A view of memory that other keys share: whoever keeps it for long takes a copy. */
  key(row: number): Uint8Array {
    const at = this.#at(row);
    const rest = this.#view.getUint16(at) & ~DELETED;
    const { length } = this.#prefix;
    const key = carve(length + rest);
    key.set(this.#prefix);
    for (let i = 0; i < rest; i++) key[length + i] = this.bytes[at + 2 + i] as number;
    return key;
  }

  /** A view of the record; undefined when the key was deleted. */
  value(row: number): Uint8Array | undefined {
    const at = this.#at(row);
    const head = this.#view.getUint16(at);
    if ((head & DELETED) !== 0) return undefined;
    const end = row + 1 < this.rows ? this.#at(row + 1) : this.bytes.length - SEAL_BYTES;
    return this.bytes.subarray(at + 2 + head, end);
  }

  /** The first row whose key is not below. Only for blocks in the order of their keys. */
  lowerBound(key: Uint8Array): number {
    return firstIndex(this.rows, (row) => this.#compare(row, key) >= 0);
  }

  /** The first row whose key is above. */
  upperBound(key: Uint8Array): number {
    return firstIndex(this.rows, (row) => this.#compare(row, key) > 0);
  }

  find(key: Uint8Array): StoreOp | undefined {
    const row = this.lowerBound(key);
    if (row === this.rows || this.#compare(row, key) !== 0) return undefined;
    return { key, value: this.value(row) };
  }

  #at(row: number): number {
    return this.#view.getUint32(this.#offsets + 4 * row);
  }

  #compare(row: number, key: Uint8Array): number {
    const { length } = this.#prefix;
    if (key.length < length) return compareBytes(this.#prefix, key);
    for (let i = 0; i < length; i++) {
      const difference = (this.#prefix[i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    const at = this.#at(row);
    const rest = this.#view.getUint16(at) & ~DELETED;
    const common = Math.min(rest, key.length - length);
    for (let i = 0; i < common; i++) {
      const difference = (this.bytes[at + 2 + i] as number) - (key[length + i] as number);
      if (difference !== 0) return difference;
    }
    return length + rest - key.length;
  }
}

/** Keys cut out of one piece of memory: engines are slow to allocate each, and to collect it. */
const SLAB_BYTES = 16 * 1024;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

function carve(length: number): Uint8Array {
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += length;
  return slab.subarray(slabUsed - length, slabUsed);
}

/** The first of so many indexes of which it is true; it is of all that follow. */
export function firstIndex(count: number, isTrue: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
