/** Keys and small rows of a space in the store. One letter per table; numbers big-endian, so key order is their order. */

import { firstOf, type Hlc, lastOf, type Run } from '../assertion/model.ts';
import { weightBound } from '../assertion/run-codec.ts';
import {
  ByteWriter,
  concatBytes,
  prefixEnd,
  readU32,
  readU64,
  u32Bytes,
  u64Bytes,
  utf8,
} from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Tip } from './trie-entry.ts';

const TABLE = {
  block: utf8('b'),
  place: utf8('i'),
  chain: utf8('c'),
  time: utf8('h'),
  claim: utf8('s'),
  tip: utf8('t'),
  wanted: utf8('w'),
  erased: utf8('e'),
  filter: utf8('f'),
};
const ZERO = Uint8Array.of(0);

export type TableName = keyof typeof TABLE;

/** Which table a row belongs to; undefined for the counters and for what is no row of a space. */
export function tableOf(key: Uint8Array): TableName | undefined {
  return (Object.keys(TABLE) as TableName[]).find((name) => TABLE[name][0] === key[0] && key.length > 1);
}

export function allOf(table: TableName): KeyRange {
  return under(TABLE[table]);
}

/** Where an assertion is: which stored run, and which place in it. */
export interface Place {
  readonly arrival: number;
  readonly index: number;
  readonly hlc: Hlc;
}

/** The row of a run at an arrival number. */
export function chainRow(run: Run, arrival: number): ChainRow {
  const last = lastOf(run);
  return {
    firstSeq: firstOf(run).seq,
    lastSeq: last.seq,
    lastId: last.id,
    lastHlc: last.hlc,
    arrival,
    weight: run.assertions.reduce((sum, each) => sum + weightBound(each), 0),
    isPlain: run.assertions.every((each) => each.parents.length === 0 && !each.basis && !each.proof),
  };
}

/** One stored run in its author's chain. */
export interface ChainRow {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastId: Uint8Array;
  readonly lastHlc: Hlc;
  readonly arrival: number;
  /** At least what its headers and payloads weigh. */
  readonly weight: number;
  /** Names nothing outside of its chain: where the run before it can enter, it can, too. */
  readonly isPlain: boolean;
}

export interface TipRecord extends Tip {
  readonly hlc: Hlc;
}

export interface ClaimKey {
  readonly hlc: Hlc;
  readonly arrival: number;
  readonly index: number;
  readonly claimIndex: number;
}

export interface Counters {
  /** Runs ever stored: the next arrival number. */
  readonly arrivals: number;
  readonly assertions: number;
}

export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

function under(prefix: Uint8Array): KeyRange {
  return { gte: prefix, lt: prefixEnd(prefix) as Uint8Array };
}

/** Throws `STORE_CORRUPT` for a key or value that is not as long as its kind. */
function sized(bytes: Uint8Array, length: number, longest = length): Uint8Array {
  if (bytes.length < length || bytes.length > longest)
    throw new AverError(
      'STORE_CORRUPT',
      `A row of the store has ${bytes.length} bytes where it has ${length}.`,
    );
  return bytes;
}

function readHlc(bytes: Uint8Array, at: number): Hlc {
  return { time: readU64(bytes, at), counter: readU32(bytes, at + 8) };
}

/** Rows are made for every assertion that comes. */
const row = new ByteWriter();

function writeHlc({ time, counter }: Hlc): ByteWriter {
  return row.u64(time).u32(counter);
}

export const countersKey = utf8('n');

export function encodeCounters(counters: Counters): Uint8Array {
  return concatBytes(u64Bytes(counters.arrivals), u64Bytes(counters.assertions));
}

export function decodeCounters(value: Uint8Array): Counters {
  sized(value, 16);
  return { arrivals: Number(readU64(value)), assertions: Number(readU64(value, 8)) };
}

export function blockKey(arrival: number): Uint8Array {
  return row.raw(TABLE.block).u64(arrival).finish();
}

export function blockArrival(key: Uint8Array): number {
  return Number(readU64(sized(key, 9), 1));
}

export function isBlockKey(key: Uint8Array): boolean {
  return key.length === 9;
}

export const allBlocks: KeyRange = under(TABLE.block);

export function placeKey(id: Uint8Array): Uint8Array {
  return row.raw(TABLE.place).raw(id).finish();
}

export function encodePlace(place: Place): Uint8Array {
  row.u64(place.arrival).u8(place.index);
  return writeHlc(place.hlc).finish();
}

export function decodePlace(value: Uint8Array): Place {
  sized(value, 21);
  return { arrival: Number(readU64(value)), index: value[8] as number, hlc: readHlc(value, 9) };
}

export function chainKey(author: Uint8Array, { lastSeq, arrival }: ChainRow): Uint8Array {
  return row.raw(TABLE.chain).raw(author).u64(lastSeq).u64(arrival).finish();
}

/** The first key after that of a row. Several rows of a forked chain may end at one seq. */
export function afterChainKey(author: Uint8Array, { lastSeq, arrival }: ChainRow): Uint8Array {
  return row.raw(TABLE.chain).raw(author).u64(lastSeq).u64(arrival).u8(0).finish();
}

/** Rows of a chain that end at a seq from `fromSeq` to `toSeq`. */
export function chainRange(author: Uint8Array, fromSeq: number, toSeq: number): KeyRange {
  const chain = concatBytes(TABLE.chain, author);
  return { gte: concatBytes(chain, u64Bytes(fromSeq)), lt: concatBytes(chain, u64Bytes(toSeq + 1)) };
}

/** The last seq of a row of a chain. */
export function chainSeq(key: Uint8Array): number {
  return Number(readU64(sized(key, 49), 33));
}

export function encodeChainRow({ firstSeq, lastHlc, lastId, weight, isPlain }: ChainRow): Uint8Array {
  row.u64(firstSeq);
  return writeHlc(lastHlc)
    .raw(lastId)
    .u32(weight * 2 + (isPlain ? 1 : 0))
    .finish();
}

export function decodeChainRow(key: Uint8Array, value: Uint8Array): ChainRow {
  sized(key, 49);
  const weight = readU32(sized(value, 56), 52);
  return {
    firstSeq: Number(readU64(value)),
    lastSeq: Number(readU64(key, 33)),
    lastId: value.subarray(20, 52),
    lastHlc: readHlc(value, 8),
    arrival: Number(readU64(key, 41)),
    weight: weight >>> 1,
    isPlain: weight % 2 === 1,
  };
}

export function timeKey(hlc: Hlc, arrival: number): Uint8Array {
  row.raw(TABLE.time);
  return writeHlc(hlc).u64(arrival).finish();
}

export function timeArrival(key: Uint8Array): number {
  return Number(readU64(sized(key, 21), 13));
}

/** Runs whose last assertion is not older than `sinceNs`. */
export function timeRange(sinceNs: bigint): KeyRange {
  return { gte: concatBytes(TABLE.time, u64Bytes(sinceNs)), lt: prefixEnd(TABLE.time) as Uint8Array };
}

export function claimKey(subject: string, predicate: string, at: ClaimKey): Uint8Array {
  row.raw(TABLE.claim).text(subject).u8(0).text(predicate).u8(0);
  return writeHlc(at.hlc)
    .u64(at.arrival)
    .u32(at.index * 0x10000 + at.claimIndex)
    .finish();
}

export function decodeClaimKey(key: Uint8Array): ClaimKey {
  // One letter, subject and predicate of a byte or more, each with its end.
  const at = sized(key, 29, limits.storeKeyBytesMax).length - 24;
  const place = readU32(key, at + 20);
  return {
    hlc: readHlc(key, at),
    arrival: Number(readU64(key, at + 12)),
    index: Math.floor(place / 0x10000),
    claimIndex: place % 0x10000,
  };
}

/** Claims by subject (exact, or all that begin with it) and predicate. */
export function claimRange(subject: { exact?: string; prefix?: string }, predicate?: string): KeyRange {
  if (subject.exact === undefined) return under(concatBytes(TABLE.claim, utf8(subject.prefix ?? '')));
  const exact = concatBytes(TABLE.claim, utf8(subject.exact), ZERO);
  return under(predicate === undefined ? exact : concatBytes(exact, utf8(predicate), ZERO));
}

/** Claims of one subject and predicate that were made before a time. */
export function claimRangeBefore(subject: string, predicate: string, beforeNs: bigint): KeyRange {
  const { gte } = claimRange({ exact: subject }, predicate);
  return { gte, lt: concatBytes(gte, u64Bytes(beforeNs)) };
}

export function tipKey(tip: Tip): Uint8Array {
  return row.raw(TABLE.tip).raw(tip.author).raw(tip.id).finish();
}

export function tipsOf(author: Uint8Array): KeyRange {
  return under(concatBytes(TABLE.tip, author));
}

export const allTips: KeyRange = under(TABLE.tip);

export function encodeTip(tip: TipRecord): Uint8Array {
  row.u64(tip.seq);
  return writeHlc(tip.hlc).finish();
}

export function decodeTip(key: Uint8Array, value: Uint8Array): TipRecord {
  sized(key, 65);
  sized(value, 20);
  return {
    author: key.slice(1, 33),
    id: key.slice(33),
    seq: Number(readU64(value)),
    hlc: readHlc(value, 8),
  };
}

/** Marks an assertion that came without its payload, to be asked for elsewhere. */
export function wantedKey(id: Uint8Array): Uint8Array {
  return concatBytes(TABLE.wanted, id);
}

export const allWanted: KeyRange = under(TABLE.wanted);

/** Marks an assertion whose payload was erased here: should the assertion be lost, it comes again without. */
export function erasedKey(id: Uint8Array): Uint8Array {
  return concatBytes(TABLE.erased, id);
}

export const allErased: KeyRange = under(TABLE.erased);

/** The store was made anew of a damaged one: what was erased may come again. */
export const rebuiltKey = utf8('r');

/** A segment of the filter of claims. */
export function filterKey(index: number): Uint8Array {
  return concatBytes(TABLE.filter, u32Bytes(index));
}

export function filterIndex(key: Uint8Array): number {
  return readU32(key, 1);
}

export const allFilters: KeyRange = under(TABLE.filter);
