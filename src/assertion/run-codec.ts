/**
 * A run on the wire, in the store and in export files (docs/protocol.md, 3).
 *
 * What the chain implies is not sent: space, author, seq, prev and payload hash of all but the first
 * are computed again. So a run of sixteen costs about 20 bytes an assertion beyond its payload.
 *
 * `[author, seq, prev|null, items, signature]`, an item being
 * `[kind, hlc time (the first in full, then the step), hlc counter, payload | [hash, size],
 *   parents, basis, proof]` without trailing defaults.
 */
import { compareBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { readAdmission } from './admission.ts';
import { hashHeader, hashPayload, writeProof } from './codec.ts';
import type { Assertion, Header, Proof, Run } from './model.ts';
import { firstOf } from './model.ts';

const HLC_MAX = (1n << 64n) - 1n;
const COUNTER_MAX = 0xffffffff;
const KIND_MAX = 0xffff;

/**
 * Headers and payloads of one run: what is left of `limits.runBytesMax` beside the author, the first
 * seq and prev, and the signature. A run weighs the same whether payloads are erased, and a part of
 * it less, although either may take more bytes; so whatever was accepted can be stored and passed on.
 */
export const RUN_WEIGHT_MAX: number = limits.runBytesMax - 256;

/** Bytes of a header without parents, one parent, a basis, and a proof with four admissions; rounded up. */
const HEADER_BYTES = 200;
const PARENT_BYTES = 34;
const BASIS_BYTES = 34;
const PROOF_BYTES = 320;
/** A signature with its head: how every encoded run ends. */
const SIGNATURE_BYTES = 66;

type Weighed = Pick<Header, 'payloadSize' | 'basis'> & {
  readonly parents: readonly unknown[];
  readonly proof: unknown;
};

/** At least as many bytes as header and payload take, without encoding them. */
export function weightBound({ payloadSize, parents, basis, proof }: Weighed): number {
  const named = PARENT_BYTES * parents.length + (basis === null ? 0 : BASIS_BYTES);
  return payloadSize + HEADER_BYTES + named + (proof === null ? 0 : PROOF_BYTES);
}

const scratch = new CborWriter();

export function encodeRun(run: Run): Uint8Array {
  const writer = scratch.reset();
  const first = firstOf(run);
  writer.array(5).bytes(run.author).uint(first.seq);
  if (first.prev === null) writer.null();
  else writer.bytes(first.prev);
  writer.array(run.assertions.length);
  let time = 0n;
  for (const assertion of run.assertions) {
    writeItem(writer, assertion, assertion.hlc.time - time);
    time = assertion.hlc.time;
  }
  return writer.bytes(run.signature).finish();
}

function writeItem(writer: CborWriter, assertion: Assertion, step: bigint): void {
  const length =
    assertion.proof !== null ? 7 : assertion.basis !== null ? 6 : assertion.parents.length > 0 ? 5 : 4;
  writer.array(length).uint(assertion.kind).u64(step).uint(assertion.hlc.counter);
  if (assertion.payload !== undefined) writer.bytes(assertion.payload);
  else writer.array(2).bytes(assertion.payloadHash).uint(assertion.payloadSize);
  if (length > 4) {
    writer.array(assertion.parents.length);
    for (const parent of assertion.parents) writer.bytes(parent);
  }
  if (length > 5) {
    if (assertion.basis === null) writer.null();
    else writer.bytes(assertion.basis);
  }
  if (length > 6) writeProof(writer, assertion.proof);
}

/**
 * Decodes one whole run and computes its ids. Checks everything that needs no key and no other
 * assertion: encoding, sizes, sorted parents, HLC order inside the run.
 * Throws `BAD_ENCODING`, `OVERSIZE`, `BAD_HLC`, `BAD_CHAIN`, `UNSIGNED_TAIL`.
 */
export function decodeRun(bytes: Uint8Array, space: Uint8Array): Run {
  if (bytes.length > limits.runBytesMax) throw oversize();
  const reader = new CborReader(ownBytes(bytes));
  reader.array(5, 5);
  const author = reader.hash();
  const seq = reader.uint();
  const prev = reader.hashOrNull();
  if (seq === 0 || (seq === 1) !== (prev === null))
    throw new AverError('BAD_CHAIN', `Seq ${seq} has a wrong prev.`);
  const count = reader.array(limits.runAssertionsMax);
  if (count === 0) throw new AverError('BAD_ENCODING', 'The run is empty.');
  if (seq > Number.MAX_SAFE_INTEGER - (count - 1))
    throw new AverError('BAD_ENCODING', 'The seqs are too large.');
  const assertions: Assertion[] = [];
  let before: Pick<Assertion, 'id' | 'hlc'> | undefined;
  let weight = 0;
  for (let i = 0; i < count; i++) {
    const { assertion, bytes } = readItem(
      reader,
      { space, author, seq: seq + i, prev: before?.id ?? prev },
      before?.hlc,
    );
    weight += bytes;
    if (weight > RUN_WEIGHT_MAX) throw oversize();
    assertions.push(assertion);
    before = assertion;
  }
  const signature = readSignature(reader);
  reader.end();
  return { author, assertions, signature };
}

/** The run keeps views of its bytes: they must be nobody else's, and not part of a larger frame. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

function oversize(): AverError {
  return new AverError('OVERSIZE', `A run is over ${limits.runBytesMax} bytes.`);
}

/** An encoded run, with the clock of its last assertion. */
export interface EncodedRun {
  readonly bytes: Uint8Array;
  readonly lastTime: bigint;
}

/**
 * Consecutive encoded runs of one chain as one: the last signature covers all, because each `prev`
 * commits to the one before. Nothing is hashed or decoded but the heads that change. The caller sees
 * to it that the whole is no larger than a run may be.
 */
export function joinRuns(runs: readonly EncodedRun[]): Uint8Array {
  const parts = runs.map(({ bytes }) => openRun(bytes));
  const writer = scratch.reset();
  let time: bigint | undefined;
  for (const [i, { reader, count, head }] of parts.entries()) {
    const { bytes, lastTime } = runs[i] as EncodedRun;
    if (time === undefined) {
      writer.raw(head).array(parts.reduce((sum, part) => sum + part.count, 0));
    } else if (count > 0) {
      // The clock of a run's first item is told in full, that of an inner one as a step.
      const length = reader.array(7);
      writer
        .array(length)
        .uint(reader.uint(KIND_MAX))
        .u64(reader.u64() - time);
    }
    writer.raw(reader.slice(reader.position, bytes.length - SIGNATURE_BYTES));
    time = lastTime;
  }
  const { bytes } = runs[runs.length - 1] as EncodedRun;
  return writer.raw(bytes.subarray(bytes.length - SIGNATURE_BYTES)).finish();
}

/** What stands before the items of an encoded run, and a reader that is about to read those. */
function openRun(bytes: Uint8Array): { reader: CborReader; head: Uint8Array; count: number } {
  const reader = new CborReader(bytes);
  reader.array(5, 5);
  reader.hash();
  reader.uint();
  reader.hashOrNull();
  const head = reader.slice(0, reader.position);
  return { reader, head, count: reader.array(limits.runAssertionsMax) };
}

type Implied = Pick<Header, 'space' | 'author' | 'seq' | 'prev'>;

interface Item {
  readonly assertion: Assertion;
  /** Header and payload. */
  readonly bytes: number;
}

function readItem(reader: CborReader, implied: Implied, before: Header['hlc'] | undefined): Item {
  const length = reader.array(7);
  if (length < 4) throw new AverError('BAD_ENCODING', 'An item of the run is too short.');
  const kind = reader.uint(KIND_MAX);
  const time = (before?.time ?? 0n) + reader.u64();
  const counter = reader.uint(COUNTER_MAX);
  if (time > HLC_MAX || (before !== undefined && time === before.time && counter <= before.counter)) {
    throw new AverError('BAD_HLC', 'The clock does not advance along the run.');
  }
  const payload = readPayload(reader);
  const parents = length > 4 ? readParents(reader) : [];
  const basis = length > 5 ? reader.hashOrNull() : null;
  const proof = length > 6 ? readProof(reader) : null;
  if (
    (length === 5 && parents.length === 0) ||
    (length === 6 && basis === null) ||
    (length === 7 && proof === null)
  ) {
    throw new AverError('BAD_ENCODING', 'An item of the run ends with a default.');
  }
  const { space, author, seq, prev } = implied;
  const { payloadHash, payloadSize } = payload;
  const hlc = { time, counter };
  const header = {
    space,
    kind,
    author,
    seq,
    prev,
    parents,
    hlc,
    payloadHash,
    payloadSize,
    basis,
    proof,
  };
  const { id, bytes } = hashHeader(header);
  if (bytes + payloadSize > limits.assertionBytesMax) {
    throw new AverError('OVERSIZE', `An assertion is over ${limits.assertionBytesMax} bytes.`);
  }
  return { assertion: { ...header, id, payload: payload.payload }, bytes: bytes + payloadSize };
}

/** No signature is told apart from a damaged one: then the run was never closed. */
function readSignature(reader: CborReader): Uint8Array {
  const signature = reader.skipNull() ? undefined : reader.bytes(64);
  if (signature === undefined || signature.length === 0)
    throw new AverError('UNSIGNED_TAIL', 'The run ends without a signature.');
  if (signature.length !== 64) throw new AverError('BAD_ENCODING', 'The signature has a wrong length.');
  return signature;
}

function readPayload(reader: CborReader): Pick<Assertion, 'payload' | 'payloadHash' | 'payloadSize'> {
  if (reader.isArray()) {
    reader.array(2, 2);
    return {
      payload: undefined,
      payloadHash: reader.hash(),
      payloadSize: reader.uint(limits.assertionBytesMax),
    };
  }
  const payload = reader.bytes(limits.assertionBytesMax);
  return { payload, payloadHash: hashPayload(payload), payloadSize: payload.length };
}

function readParents(reader: CborReader): Uint8Array[] {
  const count = reader.array(limits.parentsMax);
  const parents: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const parent = reader.hash();
    const before = parents[i - 1];
    if (before !== undefined && compareBytes(before, parent) >= 0) {
      throw new AverError('BAD_ENCODING', 'Parents are not sorted and unique.');
    }
    parents.push(parent);
  }
  return parents;
}

function readProof(reader: CborReader): Proof | null {
  if (reader.skipNull()) return null;
  reader.array(2, 2);
  const pow = reader.skipNull() ? null : reader.bytes(8, 8);
  const admit = readAdmission(reader);
  if (pow === null && admit === null) throw new AverError('BAD_ENCODING', 'The proof is empty.');
  return { pow, admit };
}
