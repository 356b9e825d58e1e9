/**
 * What is known, outside of the writer, of one data directory: what it said that it was about to write
 * and what it acknowledged, through all its lives; and whether what is on the disk keeps that.
 */
import { digestOf, factsOf, type RawAssertion, type RawSet } from './raw-set.ts';
import { claimsOf, type WrittenClaim } from './workload.ts';
import type { Said } from './writer.ts';

export class Ledger {
  space: string | undefined;
  author: string | undefined;
  readonly breaches: string[] = [];
  readonly #wanted = new Set<string>();
  /** Ids that must be there, with what they are called. */
  readonly #kept = new Map<string, string>();
  readonly #erasing = new Set<string>();
  readonly #erased = new Set<string>();
  /** What the next opening has to show. */
  #expected: RawSet | undefined;

  get acknowledged(): number {
    return this.#kept.size;
  }

  heard(said: Said): void {
    switch (said.type) {
      case 'created':
        this.space = said.space;
        return;
      case 'opened':
        this.#opened(said);
        return;
      case 'wants':
        this.#wanted.add(said.name);
        return;
      case 'wrote':
        this.#kept.set(said.id, said.name);
        return;
      case 'holds':
        for (const id of said.ids) this.#kept.set(id, 'held for another peer');
        return;
      case 'erases':
        this.#erasing.add(said.id);
        return;
      case 'erased':
        this.#erased.add(said.id);
        return;
      default:
    }
  }

  #opened(said: Said & { type: 'opened' }): void {
    const { root, assertions, facts, space, author } = said;
    // A space whose making was not acknowledged is there or not.
    this.space ??= space;
    this.author ??= author;
    if (this.space !== space) this.breaches.push('the space is another one');
    if (this.author !== author) this.breaches.push('the author key is another one');
    const expected = this.#expected;
    if (expected === undefined) return;
    if (root !== expected.root) this.breaches.push(`opens with root ${root}, not ${expected.root}`);
    if (assertions !== expected.byId.size)
      this.breaches.push(`opens with ${assertions} assertions, not ${expected.byId.size}`);
    if (facts !== expected.facts) this.breaches.push('opens with other facts than its runs hold');
  }

  /** What the disk holds now, after the writer is dead, however it died. */
  found(set: RawSet): void {
    this.#expected = set;
    this.breaches.push(...set.faults);
    for (const [id, name] of this.#kept)
      if (!set.byId.has(id)) this.breaches.push(`${name} was acknowledged and is lost`);
    for (const assertion of set.byId.values()) this.#checkPayload(assertion);
    for (const id of this.#erased)
      if (set.byId.get(id)?.payload !== undefined) this.breaches.push(`${id} was erased and is back`);
  }

  #checkPayload(assertion: RawAssertion): void {
    const { id, payload } = assertion;
    if (payload === undefined) {
      if (!this.#erasing.has(id)) this.breaches.push(`the payload of ${id} is lost`);
      return;
    }
    const facts = factsOf(new Map([[id, assertion]]));
    const name = facts[0]?.subject ?? '';
    if (!this.#wanted.has(name)) this.breaches.push(`${id} says what nobody wrote: ${name.slice(0, 40)}`);
    else if (digestOf(facts) !== digestOf(claimsOf(name).map(factOf(id))))
      this.breaches.push(`${name} is not what was written`);
  }
}

function factOf(id: string) {
  return (claim: WrittenClaim, index: number) => ({ id, index, ...claim });
}
