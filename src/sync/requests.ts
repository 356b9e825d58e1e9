/** Bytes of requests. A decoder takes only what its encoder gives, and checks every count before it reads. */

import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { packCells, packShortIds, unpackCells, unpackShortIds } from '../set/cells-codec.ts';
import type { Cells, ShortId } from '../set/sketch.ts';
import {
  type Cursor,
  type Known,
  type PeerLimits,
  type Prefix,
  type Range,
  type Request,
  requestTypes,
  type UnknownRequest,
} from './messages.ts';

/** Nibbles of a path: 8 bytes of the author's hash and 32 of the id's. */
const PREFIX_MAX = 80;
export const SALT_BYTES = 16;

/** Used again and again: one of its own for each frame would grow anew each time. */
const scratch = new CborWriter();

export function encodeRequest(id: number, request: Request): Uint8Array {
  const writer = scratch.reset().array(3).uint(id).uint(requestTypes[request.type]);
  writeBody(writer, request);
  return writer.finish();
}

function writeBody(writer: CborWriter, request: Request): CborWriter {
  switch (request.type) {
    case 'hello':
      writer.array(4).bytes(request.tag);
      writeBytesOrNull(writer, request.proof);
      writer.uint(request.clockMs);
      return writeLimits(writer, request.limits);
    case 'ping':
      writer.array(2);
      return writeBytesOrNull(writer, request.tag).uint(request.clockMs);
    case 'roots':
      return writer.array(3).bytes(request.tag).bytes(request.root).uint(request.count);
    case 'nodes':
      writer.array(4).bytes(request.tag).bytes(request.root).bytes(request.salt);
      return writeList(writer, request.prefixes, (prefix) => writer.bytes(prefix));
    case 'cells':
      writer.array(4).bytes(request.tag).bytes(request.root);
      return writer.bytes(packCells(request.cells)).bool(request.full);
    case 'diff':
      return writer.array(3).bytes(request.tag).bytes(request.root).bytes(packShortIds(request.ids));
    case 'digest':
      return writer.array(3).bytes(request.tag).bool(request.packed).bytes(request.body);
    case 'pull':
      writer.array(4).bytes(request.tag);
      writeList(writer, request.ranges, (range) => writeRange(writer, range));
      writer.uint(request.maxBytes);
      return writeCursor(writer, request.cursor);
    case 'outline':
      writer.array(4).bytes(request.tag);
      writeList(writer, request.ranges, (range) => writeRange(writer, range));
      return writer.uint(request.assertions).uint(request.bytes);
    case 'fetch':
      writer.array(2).bytes(request.tag);
      return writeList(writer, request.ids, (id) => writer.bytes(id));
    case 'flushed':
      writer.array(3).bytes(request.tag);
      return writeBytesOrNull(writer, request.unlike).uint(request.waitMs);
    case 'more':
      return writer.uint(request.chunks);
    case 'cancel':
      return writer.null();
  }
}

export interface RequestFrame {
  readonly id: number;
  readonly request: Request | UnknownRequest;
}

/** Throws `BAD_ENCODING`; with the request's id in the fields where that could be read. */
export function decodeRequest(frame: Uint8Array): RequestFrame {
  const reader = new CborReader(frame);
  reader.array(3, 3);
  const id = reader.uint();
  const number = reader.uint();
  try {
    const request = readBody(reader, number);
    if (request === undefined) return { id, request: { type: 'unknown', number } };
    reader.end();
    return { id, request };
  } catch (error) {
    const { code, message } = error as AverError;
    throw new AverError(code, message, { cause: error, fields: { request: id } });
  }
}

function readBody(reader: CborReader, number: number): Request | undefined {
  switch (number) {
    case requestTypes.hello:
      return readHello(reader);
    case requestTypes.ping:
      reader.array(2, 2);
      return { type: 'ping', tag: reader.hashOrNull(), clockMs: reader.uint() };
    case requestTypes.roots:
      reader.array(3, 3);
      return { type: 'roots', tag: reader.hash(), root: reader.hash(), count: reader.uint() };
    case requestTypes.nodes:
      return readNodes(reader);
    case requestTypes.cells: {
      reader.array(4, 4);
      return {
        type: 'cells',
        tag: reader.hash(),
        root: reader.hash(),
        cells: readCells(reader, limits.sketchCellsMax),
        full: reader.bool(),
      };
    }
    case requestTypes.diff: {
      reader.array(3, 3);
      return { type: 'diff', tag: reader.hash(), root: reader.hash(), ids: readShortIds(reader) };
    }
    case requestTypes.digest:
      reader.array(3, 3);
      return {
        type: 'digest',
        tag: reader.hash(),
        packed: reader.bool(),
        body: reader.bytes(limits.digestBytesMax),
      };
    case requestTypes.pull:
      return readPull(reader);
    case requestTypes.outline:
      reader.array(4, 4);
      return {
        type: 'outline',
        tag: reader.hash(),
        ranges: readList(reader, limits.pullRangesMax, () => readRange(reader)),
        assertions: reader.uint(),
        bytes: reader.uint(),
      };
    case requestTypes.fetch:
      reader.array(2, 2);
      return {
        type: 'fetch',
        tag: reader.hash(),
        ids: readList(reader, limits.fetchIdsMax, () => reader.hash()),
      };
    case requestTypes.flushed:
      reader.array(3, 3);
      return {
        type: 'flushed',
        tag: reader.hash(),
        unlike: reader.hashOrNull(),
        waitMs: reader.uint(limits.flushedWaitMs),
      };
    case requestTypes.more:
      return { type: 'more', chunks: reader.uint(limits.chunksAheadMax) };
    case requestTypes.cancel:
      if (!reader.skipNull()) throw new AverError('BAD_ENCODING', 'A cancel has a body.');
      return { type: 'cancel' };
    default:
      return undefined;
  }
}

function readHello(reader: CborReader): Request {
  reader.array(4, 4);
  return {
    type: 'hello',
    tag: reader.hash(),
    proof: reader.hashOrNull(),
    clockMs: reader.uint(),
    limits: readLimits(reader),
  };
}

function readNodes(reader: CborReader): Request {
  reader.array(4, 4);
  return {
    type: 'nodes',
    tag: reader.hash(),
    root: reader.hash(),
    salt: reader.bytes(SALT_BYTES, SALT_BYTES),
    prefixes: readList(reader, limits.nodePrefixesMax, () => readPrefix(reader)),
  };
}

export function readCells(reader: CborReader, max: number): Cells {
  return unpackCells(reader.bytes(limits.frameBytesMax), max);
}

/** At most one for each cell: more cannot be read from a sketch. */
export function readShortIds(reader: CborReader): ShortId[] {
  return unpackShortIds(reader.bytes(limits.frameBytesMax), limits.sketchCellsMax);
}

function readPrefix(reader: CborReader): Prefix {
  const prefix = reader.bytes(PREFIX_MAX);
  if (prefix.some((digit) => digit > 15)) throw new AverError('BAD_ENCODING', 'A path has no such digit.');
  return prefix;
}

function readPull(reader: CborReader): Request {
  reader.array(4, 4);
  return {
    type: 'pull',
    tag: reader.hash(),
    ranges: readList(reader, limits.pullRangesMax, () => readRange(reader)),
    maxBytes: reader.uint(),
    cursor: readCursor(reader),
  };
}

function writeRange(writer: CborWriter, range: Range): void {
  writer.array(4).bytes(range.author).uint(range.seq).bytes(range.id);
  writeList(writer, range.have, (known) => writer.array(2).uint(known.seq).bytes(known.id));
}

function readRange(reader: CborReader): Range {
  reader.array(4, 4);
  return {
    author: reader.hash(),
    seq: reader.uint(),
    id: reader.hash(),
    have: readList(reader, limits.haveMax, () => readKnown(reader)),
  };
}

function readKnown(reader: CborReader): Known {
  reader.array(2, 2);
  return { seq: reader.uint(), id: reader.hash() };
}

export function writeLimits(writer: CborWriter, peer: PeerLimits): CborWriter {
  writer.array(5).uint(peer.chunkBytes).uint(peer.fetchIds).uint(peer.pullRanges);
  return writer.uint(peer.nodePrefixes).uint(peer.requestsOpen);
}

/** What a peer allows is never more than our own limits, and never nothing. */
export function readLimits(reader: CborReader): PeerLimits {
  reader.array(5, 5);
  const next = (own: number) => Math.max(1, Math.min(own, reader.uint()));
  return {
    chunkBytes: next(limits.chunkBytesMax),
    fetchIds: next(limits.fetchIdsMax),
    pullRanges: next(limits.pullRangesMax),
    nodePrefixes: next(limits.nodePrefixesMax),
    requestsOpen: next(limits.requestsOpenPerPeerMax),
  };
}

/** Own limits, to be advertised. */
export const OWN_LIMITS: PeerLimits = {
  chunkBytes: limits.chunkBytesMax,
  fetchIds: limits.fetchIdsMax,
  pullRanges: limits.pullRangesMax,
  nodePrefixes: limits.nodePrefixesMax,
  requestsOpen: limits.requestsServedPerPeerMax,
};

export function writeCursor(writer: CborWriter, cursor: Cursor | null): CborWriter {
  if (cursor === null) return writer.null();
  return writer.array(3).u64(cursor.hlc.time).uint(cursor.hlc.counter).bytes(cursor.id);
}

export function readCursor(reader: CborReader): Cursor | null {
  if (reader.skipNull()) return null;
  reader.array(3, 3);
  return { hlc: { time: reader.u64(), counter: reader.uint(0xffffffff) }, id: reader.hash() };
}

export function writeBytesOrNull(writer: CborWriter, bytes: Uint8Array | null): CborWriter {
  return bytes === null ? writer.null() : writer.bytes(bytes);
}

export function writeList<T>(writer: CborWriter, items: readonly T[], write: (item: T) => void): CborWriter {
  writer.array(items.length);
  for (const item of items) write(item);
  return writer;
}

export function readList<T>(reader: CborReader, max: number, read: () => T): T[] {
  const length = reader.array(max);
  const items: T[] = [];
  for (let i = 0; i < length; i++) items.push(read());
  return items;
}
