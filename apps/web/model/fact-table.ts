/**
 * The rows behind the table of facts: claims grouped by subject and predicate, in order.
 *
 * Nothing here knows of the screen. Groups stay sorted between batches, so that a batch costs a
 * merge, not a sort, and a table of many thousand rows takes news without a dropped frame.
 */
import type { Fact, Hex } from '../../../src/peer/api.ts';

export type TableOrder = 'newest' | 'subject';

/** All claims of one subject and predicate; as it is, a row of the table. A change makes a new one. */
export interface ClaimGroup {
  readonly kind: 'group';
  readonly key: string;
  readonly subject: string;
  readonly predicate: string;
  /** Latest first. Never empty. */
  readonly facts: readonly Fact[];
  /** When a batch last changed the group after the first snapshot; 0 when none did. */
  readonly touchedAtMs: number;
}

export const groupKey = (subject: string, predicate: string): string => `${subject}\u0000${predicate}`;
export const factKey = (fact: Fact): string => `${fact.id}:${fact.index}`;

export class FactTable {
  readonly order: TableOrder;
  readonly #groups = new Map<string, ClaimGroup>();
  readonly #groupByFact = new Map<string, string>();
  /** Groups that were replaced or emptied since the rows were put in order. */
  readonly #replaced = new Set<ClaimGroup>();
  #sorted: ClaimGroup[] = [];
  #stale = false;

  constructor(order: TableOrder) {
    this.order = order;
  }

  /** Number of claims. */
  get size(): number {
    return this.#groupByFact.size;
  }

  /** Takes claims in; those already here are left out. Returns how many were new. */
  add(facts: readonly Fact[], nowMs = 0): number {
    const before = this.size;
    const factsByGroup = new Map<string, Fact[]>();
    for (const fact of facts) {
      const key = factKey(fact);
      if (this.#groupByFact.has(key)) continue;
      const under = groupKey(fact.subject, fact.predicate);
      this.#groupByFact.set(key, under);
      const list = factsByGroup.get(under);
      if (list === undefined) factsByGroup.set(under, [fact]);
      else list.push(fact);
    }
    for (const [key, fresh] of factsByGroup) {
      const all = [...(this.#groups.get(key)?.facts ?? []), ...fresh];
      this.#replace(key, all.sort(latestFirst), nowMs);
    }
    return this.size - before;
  }

  /** Takes out every claim of the assertions. */
  remove(ids: readonly Hex[]): void {
    const gone = new Set(ids);
    const touched = new Set<string>();
    for (const [key, under] of this.#groupByFact) {
      if (!gone.has(key.slice(0, key.indexOf(':')))) continue;
      this.#groupByFact.delete(key);
      touched.add(under);
    }
    for (const key of touched) {
      const group = this.#groups.get(key);
      const rest = group?.facts.filter((fact) => !gone.has(fact.id)) ?? [];
      this.#replace(key, rest, group?.touchedAtMs ?? 0);
    }
  }

  group(key: string): ClaimGroup | undefined {
    return this.#groups.get(key);
  }

  /** Groups in the table's order. The array is fresh whenever something changed. */
  rows(): readonly ClaimGroup[] {
    if (this.#stale) {
      this.#sorted = this.#sorted.filter((group) => !this.#replaced.has(group));
      this.#sorted.sort(this.order === 'newest' ? newestFirst : bySubject);
      this.#replaced.clear();
      this.#stale = false;
    }
    return this.#sorted;
  }

  /** Puts a new group in the place of the old one: a row is drawn again when it is another object. */
  #replace(key: string, facts: readonly Fact[], touchedAtMs: number): void {
    const old = this.#groups.get(key);
    if (old !== undefined) this.#replaced.add(old);
    this.#stale = true;
    const [first] = facts;
    if (first === undefined) {
      this.#groups.delete(key);
      return;
    }
    const { subject, predicate } = first;
    const group: ClaimGroup = { kind: 'group', key, subject, predicate, facts, touchedAtMs };
    this.#groups.set(key, group);
    this.#sorted.push(group);
  }
}

/** Order of two HLC texts: by time, then by counter. */
export function compareHlc(a: string, b: string): number {
  const [timeA = '', counterA = '0'] = a.split('.');
  const [timeB = '', counterB = '0'] = b.split('.');
  if (timeA.length !== timeB.length) return timeA.length - timeB.length;
  if (timeA !== timeB) return timeA < timeB ? -1 : 1;
  return Number(counterA) - Number(counterB);
}

/**
 * As the `latest` lens orders claims, short of two authors with the very same clock reading, whose
 * order takes a hash. The expanded row asks the lens itself.
 */
export function latestFirst(a: Fact, b: Fact): number {
  const byTime = b.timeMs - a.timeMs || compareHlc(b.hlc, a.hlc);
  if (byTime !== 0) return byTime;
  return a.id === b.id ? b.index - a.index : a.id < b.id ? -1 : 1;
}

function newestFirst(a: ClaimGroup, b: ClaimGroup): number {
  const [factA, factB] = [a.facts[0], b.facts[0]];
  if (factA === undefined || factB === undefined) return 0;
  return factB.timeMs - factA.timeMs || compareHlc(factB.hlc, factA.hlc) || bySubject(a, b);
}

function bySubject(a: ClaimGroup, b: ClaimGroup): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
