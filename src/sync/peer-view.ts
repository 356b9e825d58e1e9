/** How one peer's set relates to ours, as far as the last exchanges told. */
import { equalBytes } from '../base/bytes.ts';
import { type Difference, type Relation, relationOf } from './difference.ts';
import type { Exchange } from './session.ts';

export interface PeerRelation {
  readonly peerId: string;
  readonly relation: Relation;
  readonly root?: Uint8Array;
  /** Visible assertions there. */
  readonly count?: number;
  /** Assertions that we hold and it lacks, and the other way round. */
  readonly leads: number;
  readonly lacks: number;
  /** Milliseconds since 1970 of the last exchange. */
  readonly comparedAtMs?: number;
}

interface Set {
  readonly root: Uint8Array;
  readonly count: number;
}

export class PeerView {
  readonly peerId: string;
  #theirs: Set | undefined;
  #comparedAtMs: number | undefined;
  /** The last known difference, and how many assertions we had then. */
  #difference: Pick<Difference, 'leads' | 'lacks'> | undefined;
  #mineCount = 0;
  /** Roots of both sides after a sync that could do nothing more. */
  #exhausted: { readonly mine: Uint8Array; readonly theirs: Uint8Array } | undefined;
  #unequalSinceMs: number | undefined;

  constructor(peerId: string) {
    this.peerId = peerId;
  }

  get root(): Uint8Array | undefined {
    return this.#theirs?.root;
  }

  /** Visible assertions there, by the peer's word; 0 until it told. */
  get count(): number {
    return this.#theirs?.count ?? 0;
  }

  /**
   * Both roots at one moment. Returns how long the sets had differed when they are equal again, in
   * ms; undefined when nothing converged just now.
   */
  noteRoots(mine: Set, theirs: Set, nowMs: number): number | undefined {
    this.#theirs = { root: theirs.root.slice(), count: theirs.count };
    this.#comparedAtMs = nowMs;
    if (!equalBytes(mine.root, theirs.root)) {
      this.#unequalSinceMs ??= nowMs;
      return undefined;
    }
    this.#difference = { leads: 0, lacks: 0 };
    this.#mineCount = mine.count;
    const sinceMs = this.#unequalSinceMs;
    this.#unequalSinceMs = undefined;
    return sinceMs === undefined ? undefined : Math.max(0, nowMs - sinceMs);
  }

  noteExchange({ mineRoot, mineCount, root, count }: Exchange, nowMs: number): number | undefined {
    return this.noteRoots({ root: mineRoot, count: mineCount }, { root, count }, nowMs);
  }

  noteDifference(difference: Difference, mineCount: number): void {
    this.#difference = difference;
    this.#mineCount = mineCount;
  }

  /** A sync ended unequal and brought nothing: it need not be tried again before one side changes. */
  noteExhausted(mine: Uint8Array): void {
    if (this.#theirs !== undefined) this.#exhausted = { mine, theirs: this.#theirs.root };
  }

  isExhausted(mine: Uint8Array, theirs: Uint8Array): boolean {
    const last = this.#exhausted;
    return last !== undefined && equalBytes(last.mine, mine) && equalBytes(last.theirs, theirs);
  }

  /** The relation to our set as it is now. What we wrote since the last exchange counts as our lead. */
  relation(mine: Set): PeerRelation {
    const theirs = this.#theirs;
    const base = {
      peerId: this.peerId,
      ...(theirs === undefined ? {} : { root: theirs.root, count: theirs.count }),
      ...(this.#comparedAtMs === undefined ? {} : { comparedAtMs: this.#comparedAtMs }),
    };
    if (theirs !== undefined && equalBytes(theirs.root, mine.root)) {
      return { ...base, relation: 'equal', leads: 0, lacks: 0 };
    }
    if (theirs === undefined || this.#difference === undefined) {
      return { ...base, relation: 'unknown', leads: 0, lacks: 0 };
    }
    const { lacks } = this.#difference;
    const leads = this.#difference.leads + Math.max(0, mine.count - this.#mineCount);
    const relation = relationOf(leads, lacks);
    return { ...base, relation: relation === 'equal' ? 'unknown' : relation, leads, lacks };
  }
}
