/** The strict half of `cbor.ts`: reads canonical CBOR item by item and refuses everything else. */
import { AverError } from './errors.ts';
import { limits } from './limits.ts';
import type { Value } from './value.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bad(why: string): AverError {
  return new AverError('BAD_ENCODING', `The bytes are not canonical CBOR: ${why}.`);
}

export class CborReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Of a Node Buffer, whose `slice` does not copy, a plain view.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  /** Goes on reading from a position where an item begins. */
  seek(position: number): void {
    this.#at = position;
  }

  /** The bytes between two positions, not copied. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw bad('bytes follow the end');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw bad('it is cut off');
    return byte;
  }

  #need(length: number): void {
    if (length > this.#bytes.length - this.#at) throw bad('it is cut off');
  }

  /** The argument of a head whose low five bits are `info`, in its shortest form only. */
  #argument(info: number): number {
    if (info < 24) return info;
    if (info === 24) {
      const value = this.#byte();
      if (value < 24) throw bad('a number is not in its shortest form');
      return value;
    }
    if (info > 27) throw bad('a length is indefinite');
    const size = 1 << (info - 24);
    this.#need(size);
    const at = this.#at;
    this.#at += size;
    const value =
      size === 2
        ? this.#view.getUint16(at)
        : size === 4
          ? this.#view.getUint32(at)
          : this.#view.getUint32(at) * 0x100000000 + this.#view.getUint32(at + 4);
    if (value < 2 ** (size * 4)) throw bad('a number is not in its shortest form');
    return value;
  }

  #head(major: number, what: string): number {
    const byte = this.#byte();
    if (byte >> 5 !== major) throw bad(`${what} is missing`);
    const value = this.#argument(byte & 31);
    if (!Number.isSafeInteger(value)) throw bad(`${what} is too large`);
    return value;
  }

  uint(max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#head(0, 'an unsigned integer');
    if (value > max) throw bad(`${value} is over ${max}`);
    return value;
  }

  u64(): bigint {
    if (this.#bytes[this.#at] !== 0x1b) return BigInt(this.uint());
    this.#at++;
    this.#need(8);
    const value = this.#view.getBigUint64(this.#at);
    if (value < 0x100000000n) throw bad('a number is not in its shortest form');
    this.#at += 8;
    return value;
  }

  /** A byte string, not copied. */
  bytes(max: number, exactly?: number): Uint8Array {
    const length = this.#head(2, 'a byte string');
    if (length > max || (exactly !== undefined && length !== exactly))
      throw bad('a byte string has a wrong length');
    this.#need(length);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Exactly 32 bytes: an id, a key, a hash. */
  hash(): Uint8Array {
    return this.bytes(32, 32);
  }

  hashOrNull(): Uint8Array | null {
    return this.skipNull() ? null : this.hash();
  }

  text(bytesMax: number): string {
    const length = this.#head(3, 'a text');
    if (length > bytesMax) throw bad('a text is too long');
    this.#need(length);
    const start = this.#at;
    this.#at += length;
    return this.#utf8(start, this.#at);
  }

  #utf8(start: number, end: number): string {
    if (end - start <= 32) {
      const codes: number[] = [];
      for (let i = start; i < end; i++) {
        const byte = this.#bytes[i] as number;
        if (byte > 127) break;
        codes.push(byte);
      }
      // At once: a text that is put together from letters is put together again when somebody reads it.
      if (codes.length === end - start) return String.fromCharCode(...codes);
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, end));
    } catch {
      throw bad('a text is not UTF-8');
    }
  }

  /** The length of an array of at most `max` items. */
  array(max: number, exactly?: number): number {
    const length = this.#head(4, 'an array');
    if (length > max || (exactly !== undefined && length !== exactly))
      throw bad('an array has a wrong length');
    this.#need(length);
    return length;
  }

  bool(): boolean {
    const byte = this.#byte();
    if (byte !== 0xf4 && byte !== 0xf5) throw bad('a boolean is missing');
    return byte === 0xf5;
  }

  isNull(): boolean {
    return this.#bytes[this.#at] === 0xf6;
  }

  isArray(): boolean {
    return (this.#bytes[this.#at] ?? 0) >> 5 === 4;
  }

  /** Steps over a null if one is next. */
  skipNull(): boolean {
    if (!this.isNull()) return false;
    this.#at++;
    return true;
  }

  /** Steps over one item with all that is in it, and makes nothing of it. */
  skip(): void {
    for (let open = 1; open > 0; open--) {
      const byte = this.#byte();
      const major = byte >> 5;
      if (major === 7) {
        this.#at--;
        this.#simple();
        continue;
      }
      const length = this.#argument(byte & 31);
      if (major === 6) throw bad('an item has no meaning here');
      // Each item inside takes a byte or more, so what is left bounds how many are open.
      const inside = major < 2 ? 0 : major === 5 ? length * 2 : length;
      this.#need(inside);
      if (major === 2 || major === 3) this.#at += length;
      else open += inside;
    }
  }

  value(depth = 0): Value {
    if (depth > limits.nestingMax)
      throw new AverError('TOO_DEEP', `Nested deeper than ${limits.nestingMax}.`);
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw bad('it is cut off');
    switch (byte >> 5) {
      case 0:
        return this.uint();
      case 1:
        return this.#negative();
      case 2:
        return this.bytes(this.#bytes.length).slice();
      case 3:
        return this.text(this.#bytes.length);
      case 4:
        return this.#list(depth);
      case 5:
        return this.#map(depth);
      default:
        return this.#simple();
    }
  }

  #negative(): number {
    const value = -1 - this.#head(1, 'a negative integer');
    if (!Number.isSafeInteger(value)) throw bad('an integer is too large');
    return value;
  }

  #list(depth: number): Value[] {
    const length = this.array(this.#bytes.length);
    const items: Value[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(depth: number): Value {
    const length = this.#head(5, 'a map');
    this.#need(length * 2);
    const map: Record<string, Value> = {};
    let previous: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const start = this.#at;
      const key = this.text(this.#bytes.length);
      const encoded = this.#bytes.subarray(start, this.#at);
      if (previous !== undefined && !keysAscend(previous, encoded)) throw bad('map keys are not sorted');
      previous = encoded;
      const value = this.value(depth + 1);
      // Assignment to `__proto__` would set the prototype instead of a property.
      Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return map;
  }

  #simple(): Value {
    const byte = this.#byte();
    if (byte === 0xf4) return false;
    if (byte === 0xf5) return true;
    if (byte === 0xf6) return null;
    if (byte !== 0xfb) throw bad('an item has no meaning here');
    this.#need(8);
    const value = this.#view.getFloat64(this.#at);
    this.#at += 8;
    if (!Number.isFinite(value) || Number.isSafeInteger(value))
      throw bad('a number is not in its shortest form');
    return value;
  }
}

/** Whether two encoded text keys are in strict order of their UTF-8 bytes (not of their heads). */
function keysAscend(a: Uint8Array, b: Uint8Array): boolean {
  let i = headLength(a);
  let j = headLength(b);
  while (i < a.length && j < b.length) {
    const difference = (a[i++] as number) - (b[j++] as number);
    if (difference !== 0) return difference < 0;
  }
  return i === a.length && j < b.length;
}

function headLength(encoded: Uint8Array): number {
  const info = (encoded[0] as number) & 31;
  return info < 24 ? 1 : 1 + (1 << (info - 24));
}

/** Decodes one whole value; throws `BAD_ENCODING` or `TOO_DEEP`. */
export function decodeValue(bytes: Uint8Array): Value {
  const reader = new CborReader(bytes);
  const value = reader.value();
  reader.end();
  return value;
}
