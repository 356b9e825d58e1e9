/**
 * The export file: a space with all its runs and signatures, enough for an empty peer.
 *
 * "AVER1\n", then frames of a 4-byte big-endian length and that many bytes: a head
 * `[1, genesis, secret|null]`, one frame a run in causal order, an empty frame, a foot
 * `[assertions, root]`. Who has the file of a secret space, can read and join it.
 */

import type { Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { concatBytes, equalBytes, readU32, u32Bytes, utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError, throwIfAborted, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions } from '../base/ports.ts';
import { identifySpace, type SpaceIdentity } from '../set/genesis.ts';
import { emptyReport, type MergeReport, type Replica } from '../set/replica.ts';

const MAGIC = utf8('AVER1\n');
const VERSION = 1;
/** Runs handed over at once: enough for one full batch of the set. */
const RUNS_AT_ONCE = 256;
/** Refusals that a report names one by one. */
const REFUSALS_MAX = 20;
/** Of the length before each frame. */
const LENGTH_BYTES = 4;
/** Bytes gathered before they are handed on. */
const CHUNK_BYTES = 64 * 1024;

function frame(bytes: Uint8Array): Uint8Array {
  return concatBytes(u32Bytes(bytes.length), bytes);
}

function head({ genesisBytes, secret }: SpaceIdentity): Uint8Array {
  const writer = new CborWriter().array(3).uint(VERSION).bytes(genesisBytes);
  if (secret === undefined) writer.null();
  else writer.bytes(secret);
  return writer.finish();
}

/** The file in chunks. What is written meanwhile may or may not be in it; its foot tells what is. */
export async function* exportFile(replica: Replica, options: AbortOptions = {}): AsyncIterable<Uint8Array> {
  const { count } = replica;
  const root = replica.frontier.root();
  let chunk: Uint8Array[] = [MAGIC, frame(head(replica.space))];
  let size = 0;
  for await (const { bytes } of replica.journal.runs()) {
    throwIfAborted(options.signal, 'The export');
    chunk.push(frame(bytes));
    size += bytes.length;
    if (size < CHUNK_BYTES) continue;
    yield concatBytes(...chunk);
    chunk = [];
    size = 0;
  }
  const foot = new CborWriter().array(2).uint(count).bytes(root).finish();
  yield concatBytes(...chunk, frame(new Uint8Array(0)), frame(foot));
}

/** Chunks that are put together as soon as there are so many, however small they are. */
const PARTS_MAX = 256;

/** Whole frames of a stream of chunks. Throws `BAD_INPUT` when it is no export file or is cut off. */
async function* framesOf(file: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  /** Bytes from which on there is something to read: until then chunks are only gathered. */
  let wanted = MAGIC.length;
  let begun = false;
  for await (const chunk of file) {
    parts.push(chunk);
    length += chunk.length;
    if (length < wanted && parts.length < PARTS_MAX) continue;
    let buffer = parts.length === 1 ? chunk : concatBytes(...parts);
    if (!begun && length >= wanted) {
      if (MAGIC.some((byte, i) => buffer[i] !== byte))
        throw new AverError('BAD_INPUT', 'This is no Aver export file.');
      buffer = buffer.subarray(MAGIC.length);
      begun = true;
      wanted = LENGTH_BYTES;
    }
    while (begun && buffer.length >= LENGTH_BYTES) {
      const bytes = readU32(buffer);
      if (bytes > limits.runBytesMax) throw new AverError('BAD_INPUT', 'The export file is damaged.');
      wanted = LENGTH_BYTES + bytes;
      if (buffer.length < wanted) break;
      yield buffer.subarray(LENGTH_BYTES, wanted);
      buffer = buffer.subarray(wanted);
      wanted = LENGTH_BYTES;
    }
    parts = [buffer];
    length = buffer.length;
  }
  if (!begun || length > 0) throw new AverError('BAD_INPUT', 'The export file is cut off.');
}

/**
 * Imports a file. `open` gives the replica of the space that it names. Every run is checked as if it
 * came from a stranger. Throws `BAD_INPUT` for a file that is cut off or lacks runs, what the decoder
 * throws for a damaged run, and `BAD_HASH` when the root is another than the file names; what was
 * sound before the damage stays.
 */
export async function importFile(
  file: AsyncIterable<Uint8Array>,
  open: (space: SpaceIdentity) => Promise<Replica>,
  options: AbortOptions = {},
): Promise<{ readonly space: SpaceIdentity; readonly runs: number; readonly report: MergeReport }> {
  throwIfAborted(options.signal, 'The import');
  const report = emptyReport();
  let replica: Replica | undefined;
  let batch: Run[] = [];
  let runs = 0;
  let assertions = 0;
  let ended = false;
  let foot: Foot | undefined;
  const flush = async (): Promise<void> => {
    const part = await (replica as Replica).ingest(batch, { from: 'file', via: 'file' });
    for (const key of ['accepted', 'known', 'pending', 'held', 'refused'] as const) report[key] += part[key];
    report.refusals.push(...part.refusals.slice(0, REFUSALS_MAX - report.refusals.length));
    batch = [];
  };
  try {
    for await (const bytes of framesOf(file)) {
      throwIfAborted(options.signal, 'The import');
      if (replica === undefined) replica = await open(readHead(bytes));
      else if (foot !== undefined) throw new AverError('BAD_INPUT', 'The export file goes on after its end.');
      else if (ended) foot = readFoot(bytes);
      else if (bytes.length === 0) ended = true;
      else {
        const run = readRun(bytes, replica, runs + 1);
        batch.push(run);
        runs++;
        assertions += run.assertions.length;
        if (batch.length >= RUNS_AT_ONCE) await flush();
      }
    }
  } finally {
    if (replica !== undefined) await flush();
  }
  if (replica === undefined || foot === undefined)
    throw new AverError('BAD_INPUT', `The export file is cut off after ${runs} runs.`, { fields: { runs } });
  if (assertions < foot.assertions) {
    const message = `The export file holds ${assertions} of the ${foot.assertions} assertions that it names.`;
    throw new AverError('BAD_INPUT', message, { fields: { assertions } });
  }
  // Of another count, the root is of another set: more was here before, or was written during the export.
  const isAll = assertions === foot.assertions && replica.count === foot.assertions;
  if (isAll && !equalBytes(replica.frontier.root(), foot.root))
    throw new AverError('BAD_HASH', 'The export file names another root than what it holds has.');
  return { space: replica.space, runs, report };
}

/** Throws what the decoder throws, with the number of the run. */
function readRun(bytes: Uint8Array, replica: Replica, run: number): Run {
  try {
    return decodeRun(bytes.slice(), replica.space.id);
  } catch (error) {
    const { code, message } = toAverError(error);
    throw new AverError(code, `Run ${run} of the export file: ${message}`, { cause: error, fields: { run } });
  }
}

interface Foot {
  readonly assertions: number;
  readonly root: Uint8Array;
}

function readFoot(bytes: Uint8Array): Foot {
  const reader = new CborReader(bytes);
  reader.array(2, 2);
  const foot = { assertions: reader.uint(), root: reader.hash() };
  reader.end();
  return foot;
}

function readHead(bytes: Uint8Array): SpaceIdentity {
  const reader = new CborReader(bytes);
  reader.array(3, 3);
  if (reader.uint() !== VERSION) throw new AverError('BAD_INPUT', 'The file was written by a newer version.');
  const genesisBytes = reader.bytes(limits.genesisBytesMax).slice();
  const secret = reader.hashOrNull()?.slice();
  reader.end();
  return identifySpace(genesisBytes, secret);
}
