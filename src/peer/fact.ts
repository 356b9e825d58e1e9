/** Facts: how stored claims look to an application, and which of them a query names. */

import { type Claim, CONFIDENCE_ONE } from '../assertion/claims.ts';
import { hlcToText, msToNs, nsToMs } from '../assertion/hlc.ts';
import type { Assertion } from '../assertion/model.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { AverError, throwIfAborted } from '../base/errors.ts';
import { type ClaimQuery, type ClaimRecord, claimsOf, type Journal } from '../set/journal.ts';
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

export function factsOf(assertions: readonly Assertion[]): Fact[] {
  return assertions.flatMap((assertion) =>
    claimsOf(assertion).map((claim, claimIndex) => factOf({ claim, claimIndex, assertion })),
  );
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

/** Whether a fact that just became visible belongs to a query. */
export function matches(query: Query, fact: Fact): boolean {
  const { exact, prefix } = subjectOf(query.subject) ?? {};
  return (
    (exact === undefined || fact.subject === exact) &&
    (prefix === undefined || fact.subject.startsWith(prefix)) &&
    (query.predicate === undefined || fact.predicate === query.predicate) &&
    (query.author === undefined || fact.author === query.author) &&
    (query.sinceMs === undefined || fact.timeMs >= query.sinceMs) &&
    (query.untilMs === undefined || fact.timeMs <= query.untilMs)
  );
}

/** The facts of a query, one by one. Throws `BAD_INPUT`, `ABORTED`. */
export async function* queryFacts(journal: Journal, query: Query, signal?: AbortSignal): AsyncIterable<Fact> {
  if (query.author !== undefined) hexToBytes(query.author, 32);
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
    const fact = factOf(record);
    if (!matches(query, fact)) continue;
    yield fact;
    if (++found >= limit) return;
  }
}
