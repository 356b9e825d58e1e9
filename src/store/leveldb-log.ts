/** LevelDB's logs and manifests (`doc/log_format.md` of LevelDB), as far as it takes to tell what is damaged. */
import { concatBytes } from '../base/bytes.ts';
import { checksumOf, checksumsFrom, FormatError, LevelReader, u32At } from './leveldb-bytes.ts';

const BLOCK_BYTES = 32 * 1024;
/** Checksum, length, type. The checksum is of what follows the length. */
const HEADER_BYTES = 7;
const TYPE_AT = 6;
const Type = { full: 1, first: 2, last: 4 } as const;

export interface LogContent {
  /** What comes before the damage. */
  readonly records: readonly Uint8Array[];
  readonly damagedAt: number | undefined;
}

/**
 * A record that goes beyond the end of the file is no damage, as a writer that is killed leaves one. Of its own
 * logs LevelDB drops everything else, too, that it cannot read, and says nothing.
 */
export function readLog(bytes: Uint8Array): LogContent {
  const records: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
    if (blockEnd - at < HEADER_BYTES) {
      if (!isZero(bytes.subarray(at, blockEnd))) return { records, damagedAt: at };
      at = blockEnd;
      continue;
    }
    if (isTorn(bytes, at, blockEnd)) break;
    const end = at + HEADER_BYTES + lengthAt(bytes, at);
    const isWhole = end <= blockEnd && checksumOf(bytes.subarray(at + TYPE_AT, end)) === u32At(bytes, at);
    const type = bytes[at + TYPE_AT];
    const isBegin = type === Type.full || type === Type.first;
    if (!isWhole || isBegin !== (parts.length === 0)) return { records, damagedAt: at };
    parts.push(bytes.subarray(at + HEADER_BYTES, end));
    if (type === Type.full || type === Type.last) {
      records.push(concatBytes(...parts));
      parts = [];
    }
    at = end;
  }
  return { records, damagedAt: undefined };
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4] as number) + (bytes[at + 5] as number) * 256;
}

/** Whether the writer of the last record died in the midst of it. */
function isTorn(bytes: Uint8Array, at: number, blockEnd: number): boolean {
  const rest = bytes.subarray(at);
  if (rest.length < HEADER_BYTES || isZero(rest)) return true;
  const end = at + HEADER_BYTES + lengthAt(bytes, at);
  if (end <= bytes.length || end > blockEnd) return false;
  // Were it the length that is damaged, the record would end before.
  const checksum = u32At(bytes, at);
  for (const sum of checksumsFrom(bytes, at + TYPE_AT)) if (sum.checksum === checksum) return false;
  return true;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

export interface Version {
  /** Bytes of each table that belongs to the store, by its number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Logs from this number on, and the one before, are read when the store is opened. */
  readonly log: number;
  readonly logBefore: number;
}

/** Throws `FormatError`. */
export function readManifest(bytes: Uint8Array): Version {
  const { records, damagedAt } = readLog(bytes);
  if (damagedAt !== undefined) throw new FormatError(`A record is damaged at ${damagedAt}.`);
  const tables = new Map<number, number>();
  let [log, logBefore] = [-1, 0];
  for (const record of records) {
    const reader = new LevelReader(record);
    const skip = () => reader.bytes(reader.varint());
    while (!reader.isAtEnd) {
      const tag = reader.varint();
      if (tag === 1) skip();
      else if (tag === 2) log = reader.varint();
      else if (tag === 9) logBefore = reader.varint();
      else if (tag === 3 || tag === 4) reader.varint();
      else if (tag === 5) {
        reader.varint();
        skip();
      } else if (tag === 6) {
        reader.varint();
        tables.delete(reader.varint());
      } else if (tag === 7) {
        reader.varint();
        tables.set(reader.varint(), reader.varint());
        skip();
        skip();
      } else throw new FormatError(`There is no field ${tag}.`);
    }
  }
  if (log < 0) throw new FormatError('It names no log.');
  return { tables, log, logBefore };
}
