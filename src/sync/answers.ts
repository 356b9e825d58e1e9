/** Bytes of answers; the mirror of `requests.ts`. */

import { equalBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { packCells, packCounts, packShortIds, unpackCounts } from '../set/cells-codec.ts';
import type { Tip } from '../set/trie-entry.ts';
import { LEAF_MAX } from '../set/trie-node.ts';
import {
  type Answer,
  answerTypes,
  type DiffAnswer,
  type End,
  type NodeView,
  type RootsAnswer,
  type SketchHead,
  type TipDifference,
} from './messages.ts';
import {
  readCells,
  readCursor,
  readLimits,
  readList,
  readShortIds,
  writeBytesOrNull,
  writeCursor,
  writeLimits,
  writeList,
} from './requests.ts';

const CODE_BYTES_MAX = 64;
const MESSAGE_BYTES_MAX = 512;
const RETRY_MS_MAX = 60_000;
export const DIGEST_BYTES = 6;
/** Of an author that the other side most likely knows. */
export const BRIEF_AUTHOR_BYTES = 4;
const INNER_BYTES = 16 * DIGEST_BYTES;

/** Used again and again: one of its own for each frame would grow anew each time. */
const scratch = new CborWriter();

export function encodeAnswer(id: number, answer: Answer): Uint8Array {
  const writer = scratch.reset().array(3).uint(id).uint(answerTypes[answer.type]);
  writeBody(writer, answer);
  return writer.finish();
}

function writeBody(writer: CborWriter, answer: Answer): CborWriter {
  switch (answer.type) {
    case 'hello':
      writer.array(3);
      writeBytesOrNull(writer, answer.proof);
      writer.uint(answer.clockMs);
      return writeLimits(writer, answer.limits);
    case 'ping':
      writer.array(2).uint(answer.clockMs);
      return answer.count === null ? writer.null() : writer.uint(answer.count);
    case 'roots':
      return writeRoots(writer, answer);
    case 'diff':
      return writeDifference(writer, answer.difference);
    case 'outline':
      return writeList(writer, answer.cuts, (cut) => writeList(writer, cut, (end) => writeEnd(writer, end)));
    case 'nodes':
      return writeList(writer, answer.nodes, (node) => writeNode(writer, node));
    case 'runs':
      writer.array(3);
      writeList(writer, answer.runs, (run) => writer.bytes(run));
      writer.bool(answer.open);
      return writeCursor(writer, answer.cursor);
    case 'flushed':
      return writer.bytes(answer.root);
    case 'busy':
      return writer.uint(answer.retryAfterMs);
    case 'denied':
      return writer.text(answer.code);
    case 'error':
      return writer.array(2).text(answer.code).text(answer.message);
    case 'ok':
    case 'stale':
      return writer.null();
  }
}

function writeNode(writer: CborWriter, node: NodeView): void {
  if (node.kind === 'empty') writer.null();
  else if (node.kind === 'inner') writer.bytes(node.digests);
  else writeList(writer, node.tips, (tip) => writeTip(writer, tip));
}

export interface AnswerFrame {
  readonly id: number;
  readonly answer: Answer;
}

/** Throws `BAD_ENCODING`. */
export function decodeAnswer(frame: Uint8Array): AnswerFrame {
  const reader = new CborReader(frame);
  reader.array(3, 3);
  const id = reader.uint();
  const answer = readBody(reader, reader.uint());
  reader.end();
  return { id, answer };
}

function readBody(reader: CborReader, number: number): Answer {
  switch (number) {
    case answerTypes.hello:
      reader.array(3, 3);
      return {
        type: 'hello',
        proof: reader.hashOrNull(),
        clockMs: reader.uint(),
        limits: readLimits(reader),
      };
    case answerTypes.ping:
      reader.array(2, 2);
      return { type: 'ping', clockMs: reader.uint(), count: reader.skipNull() ? null : reader.uint() };
    case answerTypes.roots:
      return readRoots(reader);
    case answerTypes.diff:
      return { type: 'diff', difference: reader.skipNull() ? null : readDifference(reader) };
    case answerTypes.outline:
      return { type: 'outline', cuts: readCuts(reader) };
    case answerTypes.nodes:
      return { type: 'nodes', nodes: readList(reader, limits.nodePrefixesMax, () => readNode(reader)) };
    case answerTypes.runs:
      return readRuns(reader);
    case answerTypes.flushed:
      return { type: 'flushed', root: reader.hash() };
    case answerTypes.busy:
      return { type: 'busy', retryAfterMs: reader.uint(RETRY_MS_MAX) };
    case answerTypes.denied:
      return { type: 'denied', code: reader.text(CODE_BYTES_MAX) };
    case answerTypes.error:
      reader.array(2, 2);
      return { type: 'error', code: reader.text(CODE_BYTES_MAX), message: reader.text(MESSAGE_BYTES_MAX) };
    case answerTypes.ok:
    case answerTypes.stale:
      if (!reader.skipNull())
        throw new AverError('BAD_ENCODING', 'An answer has a body that it must not have.');
      return { type: number === answerTypes.ok ? 'ok' : 'stale' };
    default:
      throw new AverError('BAD_ENCODING', `There is no answer of type ${number}.`);
  }
}

function readRuns(reader: CborReader): Answer {
  reader.array(3, 3);
  return {
    type: 'runs',
    runs: readList(reader, limits.chunkRunsMax, () => reader.bytes(limits.runBytesMax)),
    open: reader.bool(),
    cursor: readCursor(reader),
  };
}

function readNode(reader: CborReader): NodeView {
  if (reader.skipNull()) return { kind: 'empty' };
  if (reader.isArray()) return { kind: 'leaf', tips: readList(reader, LEAF_MAX, () => readTip(reader)) };
  return { kind: 'inner', digests: reader.bytes(INNER_BYTES, INNER_BYTES) };
}

/** The flushed root is told only where it is another: mostly it is not. */
function writeRoots(writer: CborWriter, { root, count, flushed, sketch }: RootsAnswer): CborWriter {
  writer.array(4).bytes(root).uint(count);
  writeBytesOrNull(writer, equalBytes(root, flushed) ? null : flushed);
  if (sketch === null) return writer.null();
  const { cells, counts } = sketch;
  return writer.array(2).bytes(packCells(cells)).bytes(packCounts(counts, cells.counts.length));
}

function readRoots(reader: CborReader): RootsAnswer {
  reader.array(4, 4);
  const root = reader.hash();
  const count = reader.uint();
  const flushed = reader.hashOrNull();
  if (flushed !== null && equalBytes(flushed, root)) {
    throw new AverError('BAD_ENCODING', 'A root is told twice.');
  }
  const sketch = reader.skipNull() ? null : readSketchHead(reader);
  return { type: 'roots', root, count, flushed: flushed ?? root, sketch };
}

function readSketchHead(reader: CborReader): SketchHead {
  reader.array(2, 2);
  const cells = readCells(reader, limits.rootsCells);
  const counts = unpackCounts(reader.bytes(limits.frameBytesMax), cells.counts, limits.rootsCounts);
  return { cells, counts };
}

function writeDifference(writer: CborWriter, difference: DiffAnswer['difference']): CborWriter {
  if (difference === null) return writer.null();
  writer.array(2);
  writeList(writer, difference.tips, (tip) => writeTip(writer, tip));
  return writer.bytes(packShortIds(difference.lacks));
}

function readDifference(reader: CborReader): TipDifference {
  reader.array(2, 2);
  return {
    tips: readList(reader, limits.sketchCellsMax, () => readDifferingTip(reader)),
    lacks: readShortIds(reader),
  };
}

function readDifferingTip(reader: CborReader): Tip {
  reader.array(3, 3);
  const author = reader.bytes(32);
  if (author.length !== 32 && author.length !== BRIEF_AUTHOR_BYTES) {
    throw new AverError('BAD_ENCODING', 'An author has a wrong length.');
  }
  return { author, seq: reader.uint(), id: reader.hash() };
}

function writeEnd(writer: CborWriter, { range, seq, id }: End): void {
  writer.array(3).uint(range).uint(seq).bytes(id);
}

function readCuts(reader: CborReader): End[][] {
  let left: number = limits.outlineEndsMax;
  return readList(reader, limits.outlineCutsMax, () => {
    const cut = readList(reader, left, () => {
      reader.array(3, 3);
      return { range: reader.uint(limits.pullRangesMax), seq: reader.uint(), id: reader.hash() };
    });
    left -= cut.length;
    return cut;
  });
}

function writeTip(writer: CborWriter, { author, seq, id }: Tip): void {
  writer.array(3).bytes(author).uint(seq).bytes(id);
}

function readTip(reader: CborReader): Tip {
  reader.array(3, 3);
  return { author: reader.hash(), seq: reader.uint(), id: reader.hash() };
}

/** A message that fits the answer's bound, cut at a character. */
export function errorAnswer(code: string, message: string): Answer {
  return { type: 'error', code, message: message.slice(0, MESSAGE_BYTES_MAX / 4).toWellFormed() };
}
