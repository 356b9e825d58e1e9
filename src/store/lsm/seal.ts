/** Checksums of records: damage is named (`STORE_CORRUPT`), not read as data. */
import { CHECKSUM_BYTES, hash32 } from '../../base/checksum.ts';
import { AverError } from '../../base/errors.ts';

/** Bytes of the checksum at the end of a record. */
export const SEAL_BYTES = CHECKSUM_BYTES;

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
