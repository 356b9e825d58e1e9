/** Header bytes, ids, and the signed message (docs/protocol.md, 2). */

import { concatBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { blake3, domains } from '../base/hash.ts';
import { writeAdmission } from './admission.ts';
import type { Assertion, Header, Proof } from './model.ts';

const VERSION = 1;

export function writeProof(writer: CborWriter, proof: Proof | null): void {
  if (proof === null) {
    writer.null();
    return;
  }
  writer.array(2);
  if (proof.pow === null) writer.null();
  else writer.bytes(proof.pow);
  writeAdmission(writer, proof.admit);
}

/** Used again and again: a header is written for every assertion that comes. */
const scratch = new CborWriter();

function writeHeader(writer: CborWriter, header: Header): CborWriter {
  writer.array(13).uint(VERSION).bytes(header.space).uint(header.kind).bytes(header.author).uint(header.seq);
  if (header.prev === null) writer.null();
  else writer.bytes(header.prev);
  writer.array(header.parents.length);
  for (const parent of header.parents) writer.bytes(parent);
  writer.u64(header.hlc.time).uint(header.hlc.counter);
  writer.bytes(header.payloadHash).uint(header.payloadSize);
  if (header.basis === null) writer.null();
  else writer.bytes(header.basis);
  writeProof(writer, header.proof);
  return writer;
}

/** The one encoding of a header: what the id commits to. */
export function encodeHeader(header: Header): Uint8Array {
  return writeHeader(scratch.reset(), header).finish();
}

/** The id, and how many bytes the header takes. */
export function hashHeader(header: Header): { readonly id: Uint8Array; readonly bytes: number } {
  const encoded = writeHeader(scratch.reset(), header).view();
  return { id: blake3(domains.assertion, encoded), bytes: encoded.length };
}

export function hashPayload(payload: Uint8Array): Uint8Array {
  return blake3(domains.payload, payload);
}

/** Completes a header to an assertion by computing its id. */
export function identify(header: Header, payload: Uint8Array | undefined): Assertion {
  return { ...header, id: hashHeader(header).id, payload };
}

/** The message that the signature of a run's last assertion covers. */
export function signedMessage(id: Uint8Array): Uint8Array {
  return concatBytes(domains.signature, id);
}
