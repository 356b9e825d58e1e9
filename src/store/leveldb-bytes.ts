/** What LevelDB's logs and tables have in common: little-endian numbers, and CRC-32C, which it stores rotated. */
import { createCRC32 } from 'hash-wasm';
import { readU32 } from '../base/bytes.ts';

const CASTAGNOLI = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;

interface Hasher {
  init(): Hasher;
  update(bytes: Uint8Array): Hasher;
  digest(format: 'binary'): Uint8Array;
}

let hasher: Hasher | undefined;

/** To be awaited before anything is checked. */
export async function loadChecksums(): Promise<void> {
  hasher ??= (await createCRC32(CASTAGNOLI)) as Hasher;
}

/** The checksum as it is stored. */
export function checksumOf(bytes: Uint8Array): number {
  return masked(readU32((hasher as Hasher).init().update(bytes).digest('binary')));
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

const STEPS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  return crc;
});

/** The checksums of the first byte from `from` on, of the first two, and so on. */
export function* checksumsFrom(
  bytes: Uint8Array,
  from: number,
): Generator<{ end: number; checksum: number }> {
  let crc = 0xffffffff;
  for (let at = from; at < bytes.length; at++) {
    crc = (STEPS[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8);
    yield { end: at + 1, checksum: masked(~crc >>> 0) };
  }
}

export function u32At(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** What a file says cannot be what was written. */
export class FormatError extends Error {}

export class LevelReader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new FormatError('A number has no end.');
  }

  /** A number of so many bytes, four at most. */
  uint(size: number): number {
    if (this.at + size > this.#bytes.length) throw new FormatError('It ends too early.');
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.#bytes[this.at + i] as number);
    this.at += size;
    return value;
  }

  bytes(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) throw new FormatError('It ends too early.');
    const part = this.#bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }
}

export function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.of(...bytes, rest);
}
