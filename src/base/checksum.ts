/** Checksums of what is stored: quick, and good against chance, not against an attacker. */
import { concatBytes, readU32, u32Bytes } from './bytes.ts';

export const CHECKSUM_BYTES = 4;

/** MurmurHash3 with 32 bits. */
export function hash32(bytes: Uint8Array, length: number = bytes.length): number {
  let hash = 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    hash ^= mixed(
      (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24),
    );
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | (bytes[i] as number);
  if (whole < length) hash ^= mixed(rest);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(word: number): number {
  const spread = Math.imul(word, 0xcc9e2d51);
  return Math.imul((spread << 15) | (spread >>> 17), 0x1b873593);
}

/** The bytes with their checksum after them. */
export function withChecksum(bytes: Uint8Array): Uint8Array {
  return concatBytes(bytes, u32Bytes(hash32(bytes)));
}

/** The bytes before the checksum; undefined when they are not those that it was made of. */
export function withoutChecksum(record: Uint8Array): Uint8Array | undefined {
  const at = record.length - CHECKSUM_BYTES;
  if (at < 0 || readU32(record, at) !== hash32(record, at)) return undefined;
  return record.subarray(0, at);
}
