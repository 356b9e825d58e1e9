/** The payload of an assertion of kind `claim`: 1..n claims, positional, all or nothing. */
import { utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Value } from '../base/value.ts';

export const CONFIDENCE_ONE = 1_000_000;

export interface Claim {
  readonly subject: string;
  readonly predicate: string;
  readonly object: Value;
  /** Parts per million: integers only, because it decides replicated state. */
  readonly confidence: number;
}

/** Throws `BAD_VALUE` for an empty or too long subject or predicate or a confidence out of range. */
export function checkClaim(claim: Claim): void {
  checkName('subject', claim.subject, limits.subjectBytesMax);
  checkName('predicate', claim.predicate, limits.predicateBytesMax);
  if (!Number.isInteger(claim.confidence) || claim.confidence < 0 || claim.confidence > CONFIDENCE_ONE) {
    throw new AverError('BAD_VALUE', 'The confidence is not between 0 and 1.');
  }
}

function checkName(what: string, name: string, bytesMax: number): void {
  if (typeof name !== 'string' || name === '') throw new AverError('BAD_VALUE', `The ${what} is empty.`);
  if (name.includes('\u0000')) throw new AverError('BAD_VALUE', `The ${what} holds a NUL.`);
  if (name.length * 3 > bytesMax && utf8(name).length > bytesMax) {
    throw new AverError('OVERSIZE', `The ${what} is over ${bytesMax} bytes.`);
  }
}

/** Used again and again: a writer of its own for each payload takes longer than to fill it. */
let spare: CborWriter | undefined;

/** Throws `BAD_VALUE`, `TOO_DEEP`, `OVERSIZE`. */
export function encodeClaims(claims: readonly Claim[]): Uint8Array {
  if (claims.length === 0) throw new AverError('BAD_VALUE', 'There is no claim to write.');
  // An application's objects may have getters, which may write in between.
  const writer = spare ?? new CborWriter();
  spare = undefined;
  writer.reset().array(claims.length);
  for (const claim of claims) {
    checkClaim(claim);
    const sure = claim.confidence === CONFIDENCE_ONE;
    writer
      .array(sure ? 3 : 4)
      .text(claim.subject)
      .text(claim.predicate)
      .value(claim.object);
    if (!sure) writer.uint(claim.confidence);
  }
  spare = writer;
  return writer.finish();
}

/** The claims of a payload; undefined when it breaks a rule of the kind: such an assertion has no effect. */
export function decodeClaims(payload: Uint8Array): readonly Claim[] | undefined {
  try {
    return readClaims(new CborReader(payload));
  } catch (error) {
    if (error instanceof AverError) return undefined;
    throw error;
  }
}

function readClaims(reader: CborReader): readonly Claim[] | undefined {
  // The shortest claim has six bytes, so the payload's size bounds the count.
  const count = reader.array(limits.assertionBytesMax);
  const claims: Claim[] = [];
  for (let i = 0; i < count; i++) claims.push(readClaim(reader));
  reader.end();
  return claims.length > 0 ? claims : undefined;
}

/** The claim that a reader is about to read. Throws what makes its payload void. */
export function readClaim(reader: CborReader): Claim {
  const length = reader.array(4);
  if (length < 3) throw new AverError('BAD_ENCODING', 'The claim is too short.');
  const subject = reader.text(limits.subjectBytesMax);
  const predicate = reader.text(limits.predicateBytesMax);
  const object = reader.value();
  const confidence = length === 4 ? reader.uint(CONFIDENCE_ONE - 1) : CONFIDENCE_ONE;
  const claim = { subject, predicate, object, confidence };
  checkClaim(claim);
  return claim;
}
