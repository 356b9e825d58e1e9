/** LevelDB's tables (`doc/table_format.md` of LevelDB): which blocks are as they were written, and a table of those alone. */
import { compareBytes, concatBytes, equalBytes } from '../base/bytes.ts';
import { checksumOf, checksumsFrom, FormatError, LevelReader, u32At, varintBytes } from './leveldb-bytes.ts';

/** Behind each block: how it is compressed, and the checksum of both. */
const TRAILER_BYTES = 5;
export const FOOTER_BYTES = 48;
export const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const PLAIN = 0;
const SNAPPY = 1;
/** LevelDB refuses to read a block of such a type. */
const UNREADABLE = 0xff;
/** Behind each key: a sequence number, and before it whether this is a value (1) or a deletion (0). */
const KEY_TRAILER_BYTES = 8;
/** Three bytes of what Snappy packed say 64 at most. */
const SNAPPY_GROWTH_MAX = 22;

/** A block without its trailer. */
interface Span {
  readonly offset: number;
  readonly length: number;
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];

export interface TableContent {
  /** Of the rows, in their order, as the index names them. */
  readonly blocks: readonly Span[];
  readonly damaged: readonly Span[];
  /** Undefined where it cannot be read. */
  readonly index: Span | undefined;
  /** Index, filter and footer are what was written. */
  readonly isEndSound: boolean;
}

export function readTable(bytes: Uint8Array): TableContent {
  const footer = attempt(() => readFooter(bytes));
  const blocks = footer && attempt(() => spansIn(bytes, footer.index));
  if (footer === undefined || blocks === undefined || !areBackToBack(blocks))
    return { blocks: [], damaged: [], index: undefined, isEndSound: false };
  const filters = attempt(() => spansIn(bytes, footer.meta));
  const isEndSound =
    filters?.every((filter) => isSound(bytes, filter)) === true &&
    // What lies back to back leaves no byte out.
    areBackToBack([...blocks, ...filters, footer.meta, footer.index], bytes.length - FOOTER_BYTES);
  return {
    blocks,
    damaged: blocks.filter((block) => !isSound(bytes, block)),
    index: footer.index,
    isEndSound,
  };
}

function readFooter(bytes: Uint8Array): { readonly meta: Span; readonly index: Span } {
  if (bytes.length < FOOTER_BYTES || !equalBytes(bytes.subarray(-MAGIC.length), MAGIC))
    throw new FormatError('This is no table.');
  const footer = new LevelReader(bytes.subarray(-FOOTER_BYTES));
  return { meta: readSpan(footer), index: readSpan(footer) };
}

/** The blocks that a block names. */
function spansIn(bytes: Uint8Array, block: Span): Span[] {
  return [...entriesOf(bytes, block)].map(([, value]) => readSpan(new LevelReader(value)));
}

function areBackToBack(spans: readonly Span[], end = endOf(spans.at(-1))): boolean {
  return spans.every(({ offset }, i) => offset === endOf(spans[i - 1])) && endOf(spans.at(-1)) === end;
}

/** Where the next block begins. */
function endOf(span: Span | undefined): number {
  return span === undefined ? 0 : span.offset + span.length + TRAILER_BYTES;
}

export interface MendedTable {
  readonly bytes: Uint8Array;
  /** Whoever reads what is lost is told so. */
  readonly isWhole: boolean;
}

/**
 * A table that LevelDB can read, of `size` bytes where they are enough: blocks of rows that are damaged cannot be
 * read, and a damaged index is made again. Undefined where no rows are left.
 */
export function mendTable(bytes: Uint8Array, size: number): MendedTable | undefined {
  const table = bytes.subarray(0, size);
  const { index, damaged, ...found } = readTable(table);
  const rows = index === undefined ? [...findRows(table)] : [];
  const rowsEnd = endOf((index === undefined ? rows : found.blocks).at(-1));
  if (rowsEnd === 0) return undefined;
  const content = table.slice(0, rowsEnd);
  for (const { offset, length } of damaged) content[offset + length] = UNREADABLE;
  const meta = sealedBlock([]);
  const names =
    index === undefined
      ? sealedBlock(rows.map((row) => [row.lastKey, spanBytes(row)]))
      : table.subarray(index.offset, endOf(index));
  const handles = [
    { offset: rowsEnd, length: meta.length - TRAILER_BYTES },
    { offset: rowsEnd + meta.length, length: names.length - TRAILER_BYTES },
  ];
  const mended = new Uint8Array(Math.max(size, rowsEnd + meta.length + names.length + FOOTER_BYTES));
  mended.set(concatBytes(content, meta, names));
  mended.set(concatBytes(...handles.map(spanBytes)), mended.length - FOOTER_BYTES);
  mended.set(MAGIC, mended.length - MAGIC.length);
  return { bytes: mended, isWhole: index !== undefined || hasNoRowsFrom(table, rowsEnd) };
}

/** Filter, what names it, index and footer are all that is left. */
function hasNoRowsFrom(table: Uint8Array, rowsEnd: number): boolean {
  const filters = attempt(() => spansIn(table, readFooter(table).meta));
  if (filters?.[0]?.offset === rowsEnd) return true;
  let at = rowsEnd;
  for (let i = 0; i < 3; i++) at = endOf({ offset: at, length: lengthAt(table, at) ?? 0 });
  return at === table.length - FOOTER_BYTES;
}

/** The blocks of rows from the begin on, without an index: each ends where its checksum is right. */
function* findRows(bytes: Uint8Array): Generator<Span & { readonly lastKey: Uint8Array }> {
  let last: Uint8Array | undefined;
  for (let offset = 0; ; ) {
    const length = lengthAt(bytes, offset);
    if (length === undefined) return;
    const block = { offset, length };
    // The index has such keys, too, and begins again before the last one.
    const keys = attempt(() => [...entriesOf(bytes, block)].map(([key]) => key)) ?? [];
    if (keys.length === 0 || !keys.every(isKey)) return;
    if (last !== undefined && compareBytes(userKey(keys[0] as Uint8Array), userKey(last)) < 0) return;
    last = keys.at(-1) as Uint8Array;
    yield { ...block, lastKey: last };
    offset = endOf(block);
  }
}

function lengthAt(bytes: Uint8Array, offset: number): number | undefined {
  for (const { end, checksum } of checksumsFrom(bytes, offset)) {
    if (end + 4 > bytes.length) return undefined;
    if (checksum === u32At(bytes, end)) return end - 1 - offset;
  }
  return undefined;
}

function isKey(key: Uint8Array): boolean {
  return key.length >= KEY_TRAILER_BYTES && (key[key.length - KEY_TRAILER_BYTES] as number) <= 1;
}

function userKey(key: Uint8Array): Uint8Array {
  return key.subarray(0, -KEY_TRAILER_BYTES);
}

function readSpan(reader: LevelReader): Span {
  return { offset: reader.varint(), length: reader.varint() };
}

function spanBytes({ offset, length }: Span): Uint8Array {
  return concatBytes(varintBytes(offset), varintBytes(length));
}

function isSound(bytes: Uint8Array, span: Span): boolean {
  const { offset, length } = span;
  if (endOf(span) > bytes.length) return false;
  return checksumOf(bytes.subarray(offset, offset + length + 1)) === u32At(bytes, offset + length + 1);
}

/** Throws `FormatError` where the block is damaged. */
function* entriesOf(bytes: Uint8Array, span: Span): Generator<Entry> {
  if (!isSound(bytes, span)) throw new FormatError('A block is damaged.');
  const { offset, length } = span;
  const stored = bytes.subarray(offset, offset + length);
  const content = bytes[offset + length] === SNAPPY ? unsnappy(stored) : stored;
  if (content.length < 4) throw new FormatError('A block is too short.');
  const restarts = content.length - 4 - 4 * u32At(content, content.length - 4);
  if (restarts < 0) throw new FormatError('A block is too short.');
  const reader = new LevelReader(content.subarray(0, restarts));
  let key: Uint8Array = new Uint8Array(0);
  while (!reader.isAtEnd) {
    const [shared, rest, value] = [reader.varint(), reader.varint(), reader.varint()];
    if (shared > key.length) throw new FormatError('A key begins as none before it does.');
    key = concatBytes(key.subarray(0, shared), reader.bytes(rest));
    yield [key, reader.bytes(value)];
  }
}

/** A block as it is stored, not compressed. */
function sealedBlock(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let before: Uint8Array = new Uint8Array(0);
  for (const [key, value] of entries) {
    const shared = commonLength(before, key);
    const lengths = [shared, key.length - shared, value.length].map(varintBytes);
    parts.push(...lengths, key.subarray(shared), value);
    before = key;
  }
  // One restart, at the begin, and how many there are.
  const content = concatBytes(...parts, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0), Uint8Array.of(PLAIN));
  const checksum = new Uint8Array(4);
  new DataView(checksum.buffer).setUint32(0, checksumOf(content), true);
  return concatBytes(content, checksum);
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Snappy's `format_description.txt`. Throws `FormatError`. */
function unsnappy(bytes: Uint8Array): Uint8Array {
  const reader = new LevelReader(bytes);
  const length = reader.varint();
  if (length > SNAPPY_GROWTH_MAX * bytes.length) throw new FormatError('A block is too long.');
  const out = new Uint8Array(length);
  let at = 0;
  while (!reader.isAtEnd) {
    const tag = reader.uint(1);
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const part = reader.bytes(short < 60 ? short + 1 : reader.uint(short - 59) + 1);
      if (at + part.length > length) throw new FormatError('A block is longer than it says.');
      out.set(part, at);
      at += part.length;
      continue;
    }
    const size = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = kind === 1 ? (tag >> 5) * 256 + reader.uint(1) : reader.uint(kind === 2 ? 2 : 4);
    if (back === 0 || back > at || at + size > length)
      throw new FormatError('A block copies what is not there.');
    for (const end = at + size; at < end; at++) out[at] = out[at - back] as number;
  }
  if (at !== length) throw new FormatError('A block is shorter than it says.');
  return out;
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
