/**
 * A checksum over key and value after each value of LevelDB, which has its own but does not look at them
 * when it reads: a bit that the disk changed would be another id, another tip, another author key. Of long
 * values, stored runs and segments of filters, only the beginning is in it: runs have their own.
 */
import { bytesToHex, readU32 } from '../base/bytes.ts';
import { CHECKSUM_BYTES, hash32 } from '../base/checksum.ts';
import { AverError } from '../base/errors.ts';

/** Longer than a genesis with its secret and addresses. */
const HASHED_BYTES_MAX = 8 * 1024;

function checksum(key: Uint8Array, value: Uint8Array, length: number): number {
  // The key's is turned: equal bytes as key and value must not cancel each other out.
  return (
    (Math.imul(hash32(key), 0x9e3779b1) ^ hash32(value, Math.min(length, HASHED_BYTES_MAX)) ^ length) >>> 0
  );
}

/** The value as it is stored. */
export function sealRow(key: Uint8Array, value: Uint8Array): Uint8Array {
  const { length } = value;
  const row = new Uint8Array(length + CHECKSUM_BYTES);
  row.set(value);
  const sum = checksum(key, value, length);
  row[length] = sum >>> 24;
  row[length + 1] = sum >>> 16;
  row[length + 2] = sum >>> 8;
  row[length + 3] = sum;
  return row;
}

/** Names the key, so that who reads a range can go on behind it. */
export function damagedRow(key: Uint8Array): AverError {
  const message = 'A row of the store is not what was stored.';
  return new AverError('STORE_CORRUPT', message, { fields: { key: bytesToHex(key) } });
}

/** The value that was stored. Throws `STORE_CORRUPT`. */
export function openRow(key: Uint8Array, row: Uint8Array): Uint8Array {
  const length = row.length - CHECKSUM_BYTES;
  if (length < 0 || readU32(row, length) !== checksum(key, row, length)) throw damagedRow(key);
  return row.subarray(0, length);
}
