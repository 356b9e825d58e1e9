/** Facts: how stored claims look to an application, and which of them a query names. */

import { type Claim, CONFIDENCE_ONE } from '../assertion/claims.ts';
import { hlcToText, msToNs, nsToMs } from '../assertion/hlc.ts';
import { bytesToHex, equalBytes, hexToBytes } from '../base/bytes.ts';
import { AverError, throwIfAborted } from '../base/errors.ts';
import type { ClaimQuery, ClaimRecord } from '../set/claim-reader.ts';
import type { Journal } from '../set/journal.ts';
import type { ClaimInput, Fact, Query } from './api.ts';

export function factOf({ claim, claimIndex, assertion }: ClaimRecord): Fact {
  return {
    subject: claim.subject,
    predicate: claim.predicate,
    object: claim.object,
    confidence: claim.confidence / CONFIDENCE_ONE,
    id: bytesToHex(assertion.id),
    index: claimIndex,
    author: bytesToHex(assertion.author),
    seq: assertion.seq,
    hlc: hlcToText(assertion.hlc),
    timeMs: nsToMs(assertion.hlc.time),
  };
}

/** Tells a fact from all others of its space. */
export function factKey({ id, index }: Fact): string {
  return `${id}/${index}`;
}

/** Text in one normal form, so that what looks equal is equal; folds never do this. */
export function claimOf(input: ClaimInput): Claim {
  const { confidence = 1 } = input;
  if (!(confidence >= 0 && confidence <= 1))
    throw new AverError('BAD_VALUE', 'The confidence is not between 0 and 1.');
  if (
    typeof input.subject !== 'string' ||
    typeof input.predicate !== 'string' ||
    input.object === undefined
  ) {
    throw new AverError('BAD_INPUT', 'A claim has a subject, a predicate and an object.');
  }
  return {
    subject: input.subject.normalize('NFC'),
    predicate: input.predicate.normalize('NFC'),
    object: input.object,
    confidence: Math.round(confidence * CONFIDENCE_ONE),
  };
}

function subjectOf(pattern: string | undefined): ClaimQuery['subject'] {
  if (pattern === undefined || pattern === '' || pattern === '*') return {};
  const text = pattern.normalize('NFC');
  return text.endsWith('*') ? { prefix: text.slice(0, -1) } : { exact: text };
}

/** The one subject that a query asks for, if it is one. */
export function exactSubjectOf(query: Query): string | undefined {
  return subjectOf(query.subject)?.exact;
}

/** Says of a claim whether it belongs to a query, before a fact is made of it. Throws `BAD_INPUT`. */
export function matcherOf(query: Query): (record: ClaimRecord) => boolean {
  const { predicate, sinceMs, untilMs } = query;
  const { exact, prefix } = subjectOf(query.subject) ?? {};
  const author = query.author === undefined ? undefined : hexToBytes(query.author, 32);
  const isTimed = sinceMs !== undefined || untilMs !== undefined;
  return ({ claim, assertion }) => {
    if (exact !== undefined && claim.subject !== exact) return false;
    if (prefix !== undefined && !claim.subject.startsWith(prefix)) return false;
    if (predicate !== undefined && claim.predicate !== predicate) return false;
    if (author !== undefined && !equalBytes(assertion.author, author)) return false;
    if (!isTimed) return true;
    const timeMs = nsToMs(assertion.hlc.time);
    return (sinceMs === undefined || timeMs >= sinceMs) && (untilMs === undefined || timeMs <= untilMs);
  };
}

/** The facts of a query, one by one. Throws `BAD_INPUT`, `ABORTED`. */
export async function* queryFacts(journal: Journal, query: Query, signal?: AbortSignal): AsyncIterable<Fact> {
  const matches = matcherOf(query);
  const { order = 'subject', limit = Number.POSITIVE_INFINITY, reverse = false } = query;
  const claims = journal.claims({
    subject: subjectOf(query.subject) ?? {},
    ...(query.predicate === undefined ? {} : { predicate: query.predicate }),
    ...(query.sinceMs === undefined ? {} : { sinceNs: msToNs(query.sinceMs) }),
    order,
    reverse,
  });
  let found = 0;
  if (limit <= 0) return;
  for await (const record of claims) {
    throwIfAborted(signal, 'The query');
    if (!matches(record)) continue;
    yield factOf(record);
    if (++found >= limit) return;
  }
}
