/**
 * Canonical CBOR (RFC 8949): one encoding per value, and a decoder that accepts only that one.
 *
 * Shortest integers, definite lengths, no tags; map keys are text, sorted by their UTF-8 bytes;
 * every number that is not a safe integer is a 64-bit float. Written by hand because general
 * decoders accept unsorted keys and over-wide numbers, overflow the stack on deep nesting, and
 * are three to eight times slower (decode and compare the re-encoding). Sizes and nesting are
 * checked before anything is allocated.
 */
import { compareBytes, utf8 } from './bytes.ts';
import { AverError } from './errors.ts';
import { limits } from './limits.ts';
import type { Value } from './value.ts';

const UINT = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const FLOAT64 = 0xfb;
const SHORT_TEXT = 64;

export class CborWriter {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + extra));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }

  #head(major: number, value: number): void {
    this.#reserve(9);
    const type = major << 5;
    if (value < 24) this.#buffer[this.#length++] = type | value;
    else if (value < 0x100) {
      this.#buffer[this.#length++] = type | 24;
      this.#buffer[this.#length++] = value;
    } else if (value < 0x10000) {
      this.#buffer[this.#length++] = type | 25;
      this.#view.setUint16(this.#length, value);
      this.#length += 2;
    } else if (value < 0x100000000) {
      this.#buffer[this.#length++] = type | 26;
      this.#view.setUint32(this.#length, value);
      this.#length += 4;
    } else {
      this.#buffer[this.#length++] = type | 27;
      this.#view.setUint32(this.#length, Math.floor(value / 0x100000000));
      this.#view.setUint32(this.#length + 4, value >>> 0);
      this.#length += 8;
    }
  }

  /** A non-negative safe integer. */
  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new AverError('BAD_VALUE', `${value} is no unsigned integer.`);
    this.#head(UINT, value);
    return this;
  }

  u64(value: bigint): this {
    if (value < 0n || value >= 1n << 64n) throw new AverError('BAD_VALUE', `${value} is no 64-bit number.`);
    if (value < 0x20000000000000n) return this.uint(Number(value));
    this.#reserve(9);
    this.#buffer[this.#length++] = 0x1b;
    this.#view.setBigUint64(this.#length, value);
    this.#length += 8;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#head(BYTES, value.length);
    return this.raw(value);
  }

  text(value: string): this {
    if (this.#shortAscii(value)) return this;
    if (!value.isWellFormed()) throw new AverError('BAD_VALUE', 'The text has a lone surrogate.');
    const encoded = utf8(value);
    this.#head(TEXT, encoded.length);
    return this.raw(encoded);
  }

  /** Most texts are short and plain: those are written without the detour over an encoder. */
  #shortAscii(value: string): boolean {
    if (value.length > SHORT_TEXT) return false;
    const start = this.#length;
    this.#head(TEXT, value.length);
    this.#reserve(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#length = start;
        return false;
      }
      this.#buffer[this.#length++] = code;
    }
    return true;
  }

  array(length: number): this {
    this.#head(ARRAY, length);
    return this;
  }

  null(): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = NULL;
    return this;
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? TRUE : FALSE;
    return this;
  }

  /** Bytes that are canonical CBOR already. */
  raw(encoded: Uint8Array): this {
    this.#reserve(encoded.length);
    this.#buffer.set(encoded, this.#length);
    this.#length += encoded.length;
    return this;
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (value >= 0) this.#head(UINT, value);
      else this.#head(NEGATIVE, -1 - value);
      return;
    }
    if (!Number.isFinite(value) || value === 0) throw new AverError('BAD_VALUE', `${value} has no encoding.`);
    this.#reserve(9);
    this.#buffer[this.#length++] = FLOAT64;
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  /** Throws `BAD_VALUE` for what no payload may hold, `TOO_DEEP` beyond `limits.nestingMax`. */
  value(value: Value, depth = 0): this {
    if (depth > limits.nestingMax)
      throw new AverError('TOO_DEEP', `Nested deeper than ${limits.nestingMax}.`);
    if (value === null) return this.null();
    if (typeof value === 'boolean') return this.bool(value);
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') this.#number(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) {
      this.array(value.length);
      for (const item of value as readonly Value[]) this.value(item, depth + 1);
    } else if (typeof value === 'object') this.#map(value as { readonly [key: string]: Value }, depth);
    else throw new AverError('BAD_VALUE', `A ${typeof value} has no encoding.`);
    return this;
  }

  #map(value: { readonly [key: string]: Value }, depth: number): void {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw new AverError('BAD_VALUE', 'Only plain objects have an encoding.');
    }
    const entries = Object.entries(value).map(([key, item]) => ({ key, order: utf8(key), item }));
    entries.sort((a, b) => compareBytes(a.order, b.order));
    this.#head(MAP, entries.length);
    for (const { key, item } of entries) this.text(key).value(item, depth + 1);
  }

  /** What was written so far, in an array of its own. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  /** What was written so far, as a view that holds until something else is written. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets what was written. */
  reset(): this {
    this.#length = 0;
    return this;
  }
}

export function encodeValue(value: Value): Uint8Array {
  return new CborWriter().value(value).finish();
}
