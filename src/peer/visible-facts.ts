/**
 * What becomes visible in a space, or is erased, as all who listen are told: each claim is decoded
 * once, a fact is made of it when the first of them wants it, and they share it.
 */
import type { Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import type { Emitter } from '../base/emitter.ts';
import { type ClaimRecord, claimsOf } from '../set/claim-reader.ts';
import type { Replica } from '../set/replica.ts';
import type { Fact, Hex, Query, SpaceEvents } from './api.ts';
import { exactSubjectOf, factKey, factOf, matcherOf } from './fact.ts';

export interface Watcher {
  /** A fact that its query names, and its key; called in the turn in which it became visible. */
  fact: (fact: Fact, key: string) => void;
  erased: (id: Hex) => void;
}

interface Asking {
  readonly watcher: Watcher;
  readonly matches: (record: ClaimRecord) => boolean;
}

const NOBODY: ReadonlySet<Asking> = new Set();

export class VisibleFacts {
  readonly #events: Emitter<SpaceEvents>;
  readonly #stop: readonly (() => void)[];
  /** Who asks for one subject: a thousand of them cost no more than those whom a fact is for. */
  readonly #bySubject = new Map<string, Set<Asking>>();
  readonly #others = new Set<Asking>();

  constructor(replica: Replica, events: Emitter<SpaceEvents>) {
    this.#events = events;
    this.#stop = [
      replica.events.on('visible', (runs) => this.#tell(runs)),
      replica.events.on('restored', (assertion) => this.#tell([{ assertions: [assertion] }])),
      replica.events.on('erased', (id) => this.#erased(bytesToHex(id))),
    ];
  }

  /** Tells the watcher what the query names until the returned function is called. Throws `BAD_INPUT`. */
  watch(query: Query, watcher: Watcher): () => void {
    const asking = { watcher, matches: matcherOf(query) };
    const subject = exactSubjectOf(query);
    if (subject === undefined) {
      this.#others.add(asking);
      return () => this.#others.delete(asking);
    }
    const same = this.#bySubject.get(subject) ?? new Set();
    this.#bySubject.set(subject, same.add(asking));
    return () => {
      same.delete(asking);
      if (same.size === 0 && this.#bySubject.get(subject) === same) this.#bySubject.delete(subject);
    };
  }

  #tell(runs: readonly Pick<Run, 'assertions'>[]): void {
    const isHeard = this.#events.has('facts');
    const isWatched = this.#others.size > 0 || this.#bySubject.size > 0;
    // A peer that fills up while nobody listens reads no claims for it.
    if (!isHeard && !isWatched) return;
    const facts: Fact[] = [];
    const records: ClaimRecord[] = [];
    for (const { assertions } of runs) {
      for (const assertion of assertions) {
        for (const [claimIndex, claim] of claimsOf(assertion).entries()) {
          const record = { claim, claimIndex, assertion };
          if (isHeard) facts.push(factOf(record));
          if (isWatched) records.push(record);
        }
      }
    }
    if (facts.length > 0) this.#events.emit('facts', facts);
    for (let i = 0; i < records.length; i++) this.#tellWatchers(records[i] as ClaimRecord, facts[i]);
  }

  #tellWatchers(record: ClaimRecord, made: Fact | undefined): void {
    let fact = made;
    let key: string | undefined;
    for (const askings of [this.#bySubject.get(record.claim.subject) ?? NOBODY, this.#others]) {
      for (const { watcher, matches } of askings) {
        if (!matches(record)) continue;
        fact ??= factOf(record);
        key ??= factKey(fact);
        watcher.fact(fact, key);
      }
    }
  }

  #erased(id: Hex): void {
    this.#events.emit('erased', [id]);
    for (const askings of [...this.#bySubject.values(), this.#others])
      for (const { watcher } of askings) watcher.erased(id);
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }
}
