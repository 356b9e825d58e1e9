/**
 * Rows of a file of facts, read as a stream: each is a claim, or a problem with its line and column.
 * A claim is checked here exactly as it will be when it is written, so that a file that passes is
 * written whole.
 */

import { CONFIDENCE_ONE, encodeClaims } from '../../../src/assertion/claims.ts';
import { AverError, isAverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { Value } from '../../../src/base/value.ts';
import type { ClaimInput } from '../../../src/peer/api.ts';

/** Room of one assertion for claims: its header with parents and admission stays well below the rest. */
export const claimBytesMax = limits.assertionBytesMax - 4 * 1024;

export type FactsFormat = 'ndjson' | 'csv';

export interface GoodRow {
  readonly ok: true;
  readonly line: number;
  readonly claim: ClaimInput;
  /** Encoded size of the claim. */
  readonly bytes: number;
}

export interface BadRow {
  readonly ok: false;
  /** From 1. */
  readonly line: number;
  /** From 1: the character of the line in NDJSON, the cell in CSV. */
  readonly column?: number;
  /** Which part of the claim. */
  readonly field?: string;
  readonly message: string;
}

export type Row = GoodRow | BadRow;

/** Where in its line each part of a claim was found. */
export type Places = Readonly<Partial<Record<keyof ClaimInput, number>>>;

/** Checks one claim against everything that a peer will check; `bad` when it would be refused. */
export function checkRow(line: number, claim: ClaimInput, places: Places = {}): Row {
  const fault = (field: keyof ClaimInput, message: string): BadRow => {
    const column = places[field];
    return { ok: false, line, field, message, ...(column === undefined ? {} : { column }) };
  };
  const { subject, predicate, object, confidence = 1 } = claim;
  if (typeof subject !== 'string') return fault('subject', 'is not text');
  if (typeof predicate !== 'string') return fault('predicate', 'is not text');
  if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) {
    return fault('confidence', 'is not a number from 0 to 1');
  }
  const nameFault = sizeOf('s', 'p', null, 1, subject, predicate);
  if (nameFault !== undefined) return fault(nameFault.field, nameFault.message);
  try {
    const bytes = encodedBytes(subject, predicate, object, confidence);
    if (bytes <= claimBytesMax) return { ok: true, line, claim, bytes };
    return fault('object', `is too big: the claim has ${bytes} bytes, at most ${claimBytesMax} fit`);
  } catch (error) {
    if (!isAverError(error)) throw error;
    return fault('object', error.message);
  }
}

/** Whether subject or predicate is at fault, found by giving the other parts harmless values. */
function sizeOf(
  okSubject: string,
  okPredicate: string,
  okObject: Value,
  confidence: number,
  subject: string,
  predicate: string,
): { field: 'subject' | 'predicate'; message: string } | undefined {
  const attempts = [
    { field: 'subject', parts: [subject, okPredicate] },
    { field: 'predicate', parts: [okSubject, predicate] },
  ] as const;
  for (const { field, parts } of attempts) {
    try {
      encodedBytes(parts[0], parts[1], okObject, confidence);
    } catch (error) {
      if (error instanceof AverError) return { field, message: error.message };
      throw error;
    }
  }
  return undefined;
}

function encodedBytes(subject: string, predicate: string, object: Value, confidence: number): number {
  const ppm = Math.round(confidence * CONFIDENCE_ONE);
  return encodeClaims([{ subject, predicate, object, confidence: ppm }]).length;
}

/** Bytes of a stream as lines without their ends; a line that is too long comes as undefined. */
export async function* byteLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): Uint8Array | undefined => {
    const whole = length > limits.importLineBytesMax ? undefined : Buffer.concat(parts);
    parts = [];
    length = 0;
    return whole;
  };
  for await (const chunk of source) {
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      length += end - at;
      if (length <= limits.importLineBytesMax) parts.push(chunk.subarray(at, end));
      at = end + 1;
      yield take();
    }
    length += chunk.length - at;
    // Beyond the bound only the length is kept, so that one endless line does not fill the memory.
    if (length <= limits.importLineBytesMax) parts.push(chunk.subarray(at));
  }
  if (length > 0) yield take();
}
