import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CONFIDENCE_ONE, encodeClaims } from '../assertion/claims.ts';
import { nsToMs } from '../assertion/hlc.ts';
import { type Assertion, kinds } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { Emitter } from '../base/emitter.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import type { Replica, Source } from '../set/replica.ts';
import { TestAuthor, type TestDraft, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { Fact, Query, SpaceEvents, WatchEvent } from './api.ts';
import { queryFacts } from './fact.ts';
import { VisibleFacts } from './visible-facts.ts';
import { watchFacts } from './watch.ts';

const crypto = nodeCrypto();
const space = testSpace();
const pull: Source = { from: 'peer', via: 'pull' };
let alice: TestAuthor;
let bob: TestAuthor;
let replica: Replica;
let events: Emitter<SpaceEvents>;
let visible: VisibleFacts;

beforeAll(loadFastHash);
beforeEach(async () => {
  alice = await TestAuthor.create(space, crypto, 1);
  bob = await TestAuthor.create(space, crypto, 2);
  replica = (await openTestReplica(space, crypto)).replica;
  events = new Emitter<SpaceEvents>();
  visible = new VisibleFacts(replica, events);
});

function claims(...subjects: readonly string[]): TestDraft {
  const list = subjects.map((subject, object) => ({
    ...{ subject, predicate: subject.length > 1 ? 'long' : 'short', object, confidence: CONFIDENCE_ONE },
  }));
  return { kind: kinds.claim, payload: encodeClaims(list) };
}

async function ingest(author: TestAuthor, ...assertions: readonly Assertion[]): Promise<void> {
  await replica.ingest([await author.run(assertions)], pull);
}

/** What a watcher of the query is told from now on. */
function listen(query: Query): { facts: Fact[]; keys: string[]; erased: string[]; stop: () => void } {
  const told = { facts: [] as Fact[], keys: [] as string[], erased: [] as string[] };
  const stop = visible.watch(query, {
    fact: (fact, key) => {
      told.facts.push(fact);
      told.keys.push(key);
    },
    erased: (id) => told.erased.push(id),
  });
  return { ...told, stop };
}

describe('what becomes visible', () => {
  test('is told to those whose query names it, as the query itself finds it', async () => {
    const a1 = alice.next(undefined, claims('a', 'ab', 'b', 'é'));
    const a2 = alice.next(a1, claims('a', 'abc'));
    const b1 = bob.next(undefined, { ...claims('a', 'ab', 'x'), parents: [a2] });
    const middleMs = nsToMs(b1.hlc.time);
    const author = bytesToHex(bob.publicKey);
    const queries: readonly Query[] = [
      ...[{}, { subject: '' }, { subject: '*' }, { subject: 'a' }, { subject: 'ab' }, { subject: 'ab*' }],
      ...[{ subject: 'e\u0301' }, { subject: 'nobody' }, { subject: 'a', predicate: 'long' }],
      ...[{ predicate: 'long' }, { predicate: 'short' }, { author }, { author, subject: 'a*' }],
      ...[{ sinceMs: middleMs }, { untilMs: middleMs }, { sinceMs: middleMs + 1 }, { untilMs: middleMs - 1 }],
    ];
    const told = queries.map((query) => listen(query));
    await ingest(alice, a1, a2);
    await ingest(bob, b1);
    const sorted = (facts: readonly Fact[]) => facts.map((fact) => JSON.stringify(fact)).sort();
    for (const [i, query] of queries.entries()) {
      const found = await Array.fromAsync(queryFacts(replica.journal, query));
      expect(sorted(told[i]?.facts ?? []), JSON.stringify(query)).toEqual(sorted(found));
    }
    expect(told.map(({ facts }) => facts.length).filter((count) => count > 0).length).toBeGreaterThan(10);
  });

  test('is one fact for all who are told, and each has its own key', async () => {
    const shared: (readonly Fact[])[] = [];
    events.on('facts', (facts) => shared.push(facts));
    const told = [listen({}), listen({ subject: 'a' }), listen({ subject: 'a*' })];
    await ingest(alice, alice.next(undefined, claims('a', 'b')));
    expect(shared).toHaveLength(1);
    for (const { facts } of told) expect(facts[0]).toBe(shared[0]?.[0]);
    expect(told[0]?.facts[1]).toBe(shared[0]?.[1]);
    expect(new Set(told[0]?.keys).size).toBe(2);
    expect(told[1]?.keys).toEqual([told[0]?.keys[0]]);
  });

  test('is told in causal order, and not to who stopped listening [STC-04]', async () => {
    const gone = [listen({}), listen({ subject: 'a' }), listen({ subject: 'a' })];
    const kept = [listen({}), listen({ subject: 'a' })];
    gone[0]?.stop();
    gone[1]?.stop();
    const chain = alice.chain(3, undefined, () => claims('a'));
    await ingest(alice, ...chain.slice(0, 2));
    gone[2]?.stop();
    await ingest(alice, ...chain.slice(2));
    expect(gone.map(({ facts }) => facts.length)).toEqual([0, 0, 2]);
    for (const { facts } of kept) expect(facts.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    visible.close();
    await ingest(bob, bob.next(undefined, claims('a')));
    expect(kept[0]?.facts).toHaveLength(3);
  });

  test('is told when its payload comes later, and when it is erased, to everybody', async () => {
    const full = alice.next(undefined, claims('a', 'b'));
    const told = [listen({ subject: 'b' }), listen({ subject: 'c' }), listen({})];
    const erased: (readonly string[])[] = [];
    events.on('erased', (ids) => erased.push(ids));
    await ingest(alice, { ...full, payload: undefined });
    expect(told.flatMap(({ facts }) => facts)).toEqual([]);
    await replica.restore(full);
    expect(told.map(({ facts }) => facts.map(({ subject }) => subject))).toEqual([['b'], [], ['a', 'b']]);
    await replica.erase(full.id);
    const id = bytesToHex(full.id);
    expect(erased).toEqual([[id]]);
    for (const each of told) expect(each.erased).toEqual([id]);
  });

  test('is nothing to whom it is void or of another kind', async () => {
    const told = listen({});
    const other = alice.next(undefined, { ...claims('a'), kind: 7 });
    await ingest(alice, other, alice.next(other, { kind: kinds.claim, payload: Uint8Array.of(0x80) }));
    expect(replica.count).toBe(2);
    expect(told.facts).toEqual([]);
  });
});

describe('a watch', () => {
  const stop = new AbortController();
  const watch = (query: Query = {}) =>
    watchFacts(replica.journal, visible, query, stop.signal)[Symbol.asyncIterator]();

  async function next(reader: AsyncIterator<WatchEvent>): Promise<WatchEvent> {
    return (await reader.next()).value;
  }

  test('that falls too far behind begins again with a snapshot of all there is', async () => {
    const reader = watch();
    expect(await next(reader)).toEqual({ type: 'snapshot', facts: [], complete: true });
    const many = claims(...Array.from({ length: 500 }, (_, n) => `s${n}`));
    const runs = Math.floor(limits.watchQueueMax / 500) + 1;
    let before: Assertion | undefined;
    for (let i = 0; i < runs; i++) {
      before = alice.next(before, many);
      await ingest(alice, before);
    }
    const facts: Fact[] = [];
    for (let isComplete = false; !isComplete; ) {
      const event = await next(reader);
      if (event.type !== 'snapshot') throw new Error(`There came ${event.type}.`);
      facts.push(...event.facts);
      isComplete = event.complete;
    }
    expect(facts).toHaveLength(runs * 500);
    await ingest(alice, alice.next(before, claims('later')));
    expect(await next(reader)).toMatchObject({ type: 'facts', facts: [{ subject: 'later' }] });
    await reader.return?.();
  });

  test('tells what came together at once, facts before what was erased', async () => {
    const reader = watch({ subject: 'a*' });
    await next(reader);
    const chain = alice.chain(2, undefined, (i) => claims(`a${i}`, 'other'));
    await ingest(alice, ...chain);
    await replica.erase((chain[0] as Assertion).id);
    expect(await next(reader)).toMatchObject({
      type: 'facts',
      facts: [{ subject: 'a0' }, { subject: 'a1' }],
    });
    expect(await next(reader)).toEqual({ type: 'erased', ids: [bytesToHex((chain[0] as Assertion).id)] });
    await reader.return?.();
  });

  test('of an author that is no key ends with BAD_INPUT', async () => {
    await expect(next(watch({ author: 'nobody' }))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
