/**
 * Stored claims by subject, by time and by arrival. A row of the index tells the id and the clock of
 * the assertion that makes a claim; the block that it points at, the rest. So one claim is read
 * without its neighbours, and nothing is hashed for it.
 */
import { type Claim, decodeClaims } from '../assertion/claims.ts';
import { type Assertion, kinds, type Run } from '../assertion/model.ts';
import { equalBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import type { Blocks } from './blocks.ts';
import * as keys from './journal-keys.ts';

/** One stored claim, and of the assertion that carries it what readers ask for. */
export interface ClaimRecord {
  readonly claim: Claim;
  readonly claimIndex: number;
  readonly assertion: Pick<Assertion, 'id' | 'author' | 'seq' | 'hlc'>;
}

export interface ClaimQuery {
  readonly subject?: { readonly exact?: string; readonly prefix?: string };
  readonly predicate?: string;
  readonly order: 'subject' | 'hlc' | 'arrival';
  /** Nanoseconds since 1970; only with order `hlc`. */
  readonly sinceNs?: bigint;
  readonly reverse?: boolean;
}

/** The claims of an assertion: none when it is of another kind, erased, or void. */
export function claimsOf(assertion: Assertion): readonly Claim[] {
  if (assertion.kind !== kinds.claim || assertion.payload === undefined) return [];
  return decodeClaims(assertion.payload) ?? [];
}

export class ClaimReader {
  readonly #store: Store;
  readonly #blocks: Blocks;

  constructor(store: Store, blocks: Blocks) {
    this.#store = store;
    this.#blocks = blocks;
  }

  async *claims(query: ClaimQuery): AsyncIterable<ClaimRecord> {
    if (query.order === 'subject') yield* this.#bySubject(query);
    else {
      for await (const arrival of this.#arrivals(query))
        yield* claimsOfRun(await this.#blocks.run(arrival), query);
    }
  }

  /**
   * Ids of the assertions that made the newest claims of a subject and predicate before a time; twice
   * where one made two. They are in the rows, so no block is read.
   */
  async newest(subject: string, predicate: string, beforeNs: bigint, limit: number): Promise<Uint8Array[]> {
    const range = keys.claimRangeBefore(subject, predicate, beforeNs);
    const ids: Uint8Array[] = [];
    for await (const [, value] of this.#store.range({ ...range, reverse: true, limit }))
      ids.push(idOf(value));
    return ids;
  }

  async *#arrivals(query: ClaimQuery): AsyncIterable<number> {
    const byTime = query.order === 'hlc';
    const range = byTime ? keys.timeRange(query.sinceNs ?? 0n) : keys.allBlocks;
    const arrivalOf = byTime ? keys.timeArrival : keys.blockArrival;
    for await (const [key] of this.#store.range({ ...range, reverse: query.reverse ?? false }))
      yield arrivalOf(key);
  }

  async *#bySubject(query: ClaimQuery): AsyncIterable<ClaimRecord> {
    const range = keys.claimRange(query.subject ?? {}, query.predicate);
    for await (const [key, value] of this.#store.range({ ...range, reverse: query.reverse ?? false })) {
      const at = keys.decodeClaimKey(key);
      const run = this.#blocks.cached(at.arrival) ?? (await this.#blocks.stored(at.arrival));
      const claim = run.claim(at.index, at.claimIndex);
      // Erased since the row was read.
      if (claim === undefined) continue;
      if (!equalBytes(key, keys.claimKey(claim.subject, claim.predicate, at)))
        throw new AverError('STORE_CORRUPT', `Block ${at.arrival} holds another claim than its row says.`);
      if (query.predicate !== undefined && claim.predicate !== query.predicate) continue;
      const { author, firstSeq } = run;
      const assertion = { id: idOf(value), author, seq: firstSeq + at.index, hlc: at.hlc };
      yield { claim, claimIndex: at.claimIndex, assertion };
    }
  }
}

function idOf(value: Uint8Array): Uint8Array {
  if (value.length !== 32) throw new AverError('STORE_CORRUPT', 'The row of a claim names no assertion.');
  return value;
}

function* claimsOfRun(run: Run, query: ClaimQuery): Iterable<ClaimRecord> {
  for (const assertion of query.reverse ? run.assertions.toReversed() : run.assertions) {
    const claims = [...claimsOf(assertion).entries()];
    for (const [claimIndex, claim] of query.reverse ? claims.reverse() : claims) {
      const { exact, prefix } = query.subject ?? {};
      if (exact !== undefined && claim.subject !== exact) continue;
      if (prefix !== undefined && !claim.subject.startsWith(prefix)) continue;
      if (query.predicate !== undefined && claim.predicate !== query.predicate) continue;
      yield { claim, claimIndex, assertion };
    }
  }
}
