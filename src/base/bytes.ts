/** Byte strings: hex, comparison, concatenation, UTF-8, big-endian numbers, base64url. */
import { AverError } from './errors.ts';

const encoder = new TextEncoder();

/** Most texts are short and plain, and quicker copied than handed to an encoder. */
const SHORT_TEXT = 64;

export function utf8(text: string): Uint8Array {
  if (text.length > SHORT_TEXT) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Order of unsigned bytes, a prefix before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const DIGITS = utf8('0123456789abcdef');
const decoder = new TextDecoder();
/** Hex digits of an id on their way to a string: three times as fast as adding up strings. */
const idDigits = new Uint8Array(64);

export function bytesToHex(bytes: Uint8Array & { toHex?: () => string }): string {
  // Where the engine does it by itself, that is three times as fast again.
  if (bytes.toHex !== undefined) return bytes.toHex();
  const digits = bytes.length * 2 === idDigits.length ? idDigits : new Uint8Array(bytes.length * 2);
  let at = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    digits[at++] = DIGITS[byte >> 4] as number;
    digits[at++] = DIGITS[byte & 15] as number;
  }
  // UTF-8 is what engines decode the fastest.
  return decoder.decode(digits);
}

/**
 * A key for maps in memory of a 32-byte id, hash or public key: a quarter of the time of its hex digits,
 * and half of their length. Not for showing.
 */
export function mapKey(id: Uint8Array): string {
  // As arguments one by one: a list of them would be made first.
  // biome-ignore format: two lines, not sixteen
  return String.fromCharCode(
    unit(id, 0), unit(id, 2), unit(id, 4), unit(id, 6), unit(id, 8), unit(id, 10), unit(id, 12), unit(id, 14),
    unit(id, 16), unit(id, 18), unit(id, 20), unit(id, 22), unit(id, 24), unit(id, 26), unit(id, 28), unit(id, 30),
  );
}

function unit(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Throws `BAD_INPUT` unless `hex` is lower- or upper-case hex, of `length` bytes where given. */
export function hexToBytes(hex: string, length?: number): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex) || (length !== undefined && hex.length !== length * 2)) {
    throw new AverError(
      'BAD_INPUT',
      `Expected ${length ?? 'whole'} bytes in hex, got "${hex.slice(0, 80)}".`,
    );
  }
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The first key after every key that begins with `prefix`, or undefined for prefixes of 0xff. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number;
    if (byte < 0xff) {
      const end = prefix.slice(0, i + 1);
      end[i] = byte + 1;
      return end;
    }
  }
  return undefined;
}

/** Numbers on their way to bytes: a view of its own for each would cost more than all the rest. */
const number = new Uint8Array(8);
const numberView = new DataView(number.buffer);

export function u64Bytes(value: bigint | number): Uint8Array {
  if (typeof value === 'number' && value >= 0) {
    numberView.setUint32(0, Math.floor(value / 0x100000000));
    numberView.setUint32(4, value >>> 0);
  } else numberView.setBigUint64(0, BigInt(value));
  return number.slice();
}

export function u32Bytes(value: number): Uint8Array {
  numberView.setUint32(0, value);
  return number.slice(0, 4);
}

export function readU64(bytes: Uint8Array, at = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at);
}

export function readU32(bytes: Uint8Array, at = 0): number {
  const [a, b] = [bytes[at] as number, bytes[at + 1] as number];
  const [c, d] = [bytes[at + 2] as number, bytes[at + 3] as number];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Puts byte strings together in one piece of memory that is used again, and copies them out once. */
export class ByteWriter {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  u64(value: bigint | number): this {
    this.#reserve(8);
    if (typeof value === 'bigint') this.#view.setBigUint64(this.#length, value);
    else {
      this.#view.setUint32(this.#length, Math.floor(value / 0x100000000));
      this.#view.setUint32(this.#length + 4, value >>> 0);
    }
    this.#length += 8;
    return this;
  }

  /** UTF-8, without its length. */
  text(text: string): this {
    this.#reserve(text.length);
    const start = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.#length = start;
        return this.raw(encoder.encode(text));
      }
      this.#bytes[this.#length++] = code;
    }
    return this;
  }

  /** What was written, in an array of its own; the next write starts anew. */
  finish(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}

export function bytesToBase64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Throws `BAD_INPUT` for anything but the one unpadded encoding of some bytes. */
export function base64UrlToBytes(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw new AverError('BAD_INPUT', 'The text is not base64url.');
  }
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  if (bytesToBase64Url(bytes) !== text) throw new AverError('BAD_INPUT', 'The text is not base64url.');
  return bytes;
}
