/**
 * Sorted tables and the manifest that lists them, newest first. A table is a list of parts in key
 * order; a part is an index record and up to some dozens of blocks, and never changes.
 *
 * Merging goes forward part by part: the result, a table too, lies in front of its inputs, which
 * begin where it ends. So each step is one small atomic change, and may be the last one for a while.
 */

import { concatBytes } from '../../base/bytes.ts';
import { encodeValue } from '../../base/cbor.ts';
import { CborReader } from '../../base/cbor-reader.ts';
import { isAverError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { assertSealed, corruptError, SEAL_BYTES, seal } from './seal.ts';

export interface Part {
  /** Its index is record `id * RECORDS_PER_PART`, its blocks are those after it. */
  readonly id: number;
  readonly blocks: number;
  readonly bytes: number;
  /** First and last key. */
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

export interface Table {
  readonly parts: readonly Part[];
  /** Rows before this key have moved on to the table that this one is being merged into. */
  readonly from: Uint8Array;
  /** How many of the next older tables are being merged into this one. */
  readonly inputs: number;
}

export interface Manifest {
  /** Never used before. */
  readonly nextPart: number;
  readonly tables: readonly Table[];
}

/** More than a part can have, with values of the largest size in blocks of their own. */
export const RECORDS_PER_PART = 2 ** 20;

export const START = new Uint8Array(0);

export function recordOf(part: Part, block = 0): number {
  return part.id * RECORDS_PER_PART + block;
}

export function encodeManifest({ nextPart, tables }: Manifest): Uint8Array {
  const value = [
    nextPart,
    tables.map(({ parts, from, inputs }) => [
      from,
      inputs,
      parts.map(({ id, blocks, bytes, first, last }) => [id, blocks, bytes, first, last]),
    ]),
  ];
  return seal(concatBytes(encodeValue(value), new Uint8Array(SEAL_BYTES)));
}

/** Throws `STORE_CORRUPT`. */
export function decodeManifest(record: Uint8Array | undefined): Manifest {
  if (record === undefined) return { nextPart: 1, tables: [] };
  assertSealed(record);
  try {
    const reader = new CborReader(record.slice(0, -SEAL_BYTES));
    reader.array(2, 2);
    const manifest = { nextPart: reader.uint(), tables: readList(reader, () => readTable(reader)) };
    reader.end();
    return manifest;
  } catch (error) {
    if (!isAverError(error)) throw error;
    throw corruptError('lists no tables');
  }
}

/** As many as the bytes can hold: the list was written here. */
function readList<T>(reader: CborReader, read: () => T): T[] {
  return Array.from({ length: reader.array(Number.MAX_SAFE_INTEGER) }, read);
}

function readTable(reader: CborReader): Table {
  reader.array(3, 3);
  const from = reader.bytes(limits.storeKeyBytesMax);
  const inputs = reader.uint();
  return { from, inputs, parts: readList(reader, () => readPart(reader)) };
}

function readPart(reader: CborReader): Part {
  reader.array(5, 5);
  const [id, blocks, bytes] = [reader.uint(), reader.uint(), reader.uint()];
  const [first, last] = [reader.bytes(limits.storeKeyBytesMax), reader.bytes(limits.storeKeyBytesMax)];
  return { id, blocks, bytes, first, last };
}

/** Tables to merge: so many from index `at` on; the result, if it is under way, is the one before. */
export interface Merge {
  readonly at: number;
  readonly inputs: number;
  readonly isUnderWay: boolean;
}

/**
 * The next merge: as soon as `width` tables in a row are of one size class, each `width` times the one
 * below. So every row is written again once for each class. Young ones go before what is under way.
 */
export function chooseMerge(tables: readonly Table[], bytesMin: number, width: number): Merge | undefined {
  let size = 0;
  let alike = 0;
  for (const [at, table] of tables.entries()) {
    if (table.inputs > 0) return { at: at + 1, inputs: table.inputs, isUnderWay: true };
    // An old table may be smaller than a newer one; then it counts as much.
    const own = sizeClass(table, bytesMin, width);
    alike = own > size ? 1 : alike + 1;
    size = Math.max(size, own);
    if (alike === width) return { at: at + 1 - width, inputs: width, isUnderWay: false };
  }
  return undefined;
}

function sizeClass({ parts }: Table, bytesMin: number, width: number): number {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  let size = 0;
  for (let below = 2 * bytesMin; bytes >= below; below *= width) size++;
  return size;
}
