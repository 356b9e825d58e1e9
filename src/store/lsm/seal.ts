/** Checksums of records: damage is named (`STORE_CORRUPT`), not read as data. */
import { AverError } from '../../base/errors.ts';

/** Bytes of the checksum at the end of a record. */
export const SEAL_BYTES = 4;

/** MurmurHash3 with 32 bits: quick in JavaScript. Good against chance, not against an attacker. */
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

/** Writes the checksum of all before it into the last bytes of a record. */
export function seal(record: Uint8Array): Uint8Array {
  const at = record.length - SEAL_BYTES;
  viewOf(record).setUint32(at, hash32(record, at));
  return record;
}

/** Throws `STORE_CORRUPT` unless the record is as it was sealed. */
export function assertSealed(record: Uint8Array): void {
  const at = record.length - SEAL_BYTES;
  if (at < 0 || viewOf(record).getUint32(at) !== hash32(record, at)) throw corruptError('is damaged');
}

export function corruptError(how: string): AverError {
  return new AverError('STORE_CORRUPT', `A record of the store ${how}.`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
