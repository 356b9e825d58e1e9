/** Equal sets have equal roots: whatever the order of arrival, the cuts into runs, and what was lost on the way. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Assertion, Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { openTestReplica, type TestReplica } from '../testing/test-replica.ts';
import { Trie } from './trie.ts';

const crypto = nodeCrypto();
const space = testSpace();
let authors: TestAuthor[];
beforeAll(async () => {
  await loadFastHash();
  authors = await Promise.all([1, 2, 3].map((number) => TestAuthor.create(space, crypto, number)));
});

interface History {
  readonly assertions: readonly Assertion[];
  /** Every author's leaves: the ends of all branches. */
  readonly leaves: readonly Assertion[];
  readonly byId: ReadonlyMap<string, Assertion>;
}

/** Chains that name each other, fork now and then, and lost some payloads. */
function makeHistory(random: SeededRandom, count: number): History {
  const assertions: Assertion[] = [];
  const leaves = new Set<Assertion>();
  for (let i = 0; i < count; i++) {
    const author = authors[random.integer(authors.length)] as TestAuthor;
    const own = assertions.filter((each) => each.author === author.publicKey);
    const ends = own.filter((each) => leaves.has(each));
    // A restored backup goes on from where it was: anywhere in the chain, or before all of it.
    const isFork = random.number() < 0.15;
    const pool = isFork ? [...own, undefined] : ends;
    const base = pool[random.integer(pool.length)];
    const parents = random.shuffle(assertions).slice(0, random.integer(4));
    const next = author.next(base, {
      parents,
      payload: random.bytes(random.integer(40)),
      erased: random.number() < 0.2,
    });
    assertions.push(next);
    if (base !== undefined) leaves.delete(base);
    leaves.add(next);
  }
  const byId = new Map(assertions.map((each) => [bytesToHex(each.id), each]));
  return { assertions, leaves: [...leaves], byId };
}

/** The assertions of a branch, first to last. */
function branchTo(leaf: Assertion, { byId }: History): Assertion[] {
  const branch = [leaf];
  for (let prev = leaf.prev; prev !== null; prev = (branch[0] as Assertion).prev) {
    branch.unshift(byId.get(bytesToHex(prev)) as Assertion);
  }
  return branch;
}

/**
 * Every branch cut into runs of up to `lengthMax` anew, with overlaps and repetitions, some payloads
 * erased on the way.
 */
async function cut(history: History, random: SeededRandom, lengthMax = 8): Promise<Run[]> {
  const runs: Run[] = [];
  for (const leaf of history.leaves) {
    const branch = branchTo(leaf, history);
    const author = authors.find(({ publicKey }) => publicKey === leaf.author) as TestAuthor;
    for (let from = 0; from < branch.length; ) {
      const to = from + 1 + random.integer(Math.min(lengthMax, branch.length - from));
      const start = Math.max(0, from - random.integer(3));
      const part = branch
        .slice(start, to)
        .map((each) => (random.number() < 0.1 ? { ...each, payload: undefined } : each));
      runs.push(await author.run(part));
      if (random.number() < 0.1) runs.push(await author.run(part));
      from = to;
    }
  }
  return random.shuffle(runs);
}

/** Fails as soon as something is shown before what it builds on. */
function expectCausalOrder({ replica }: TestReplica): void {
  const seen = new Set<string>();
  replica.events.on('visible', (runs) => {
    for (const { assertions } of runs) {
      for (const { id, prev, parents } of assertions) {
        for (const past of prev === null ? parents : [prev, ...parents])
          expect(seen).toContain(bytesToHex(past));
        expect(seen).not.toContain(bytesToHex(id));
        seen.add(bytesToHex(id));
      }
    }
  });
}

async function deliver({ replica }: TestReplica, runs: readonly Run[], random: SeededRandom): Promise<void> {
  const under: Promise<void>[] = [];
  for (let at = 0; at < runs.length; ) {
    const batch = runs.slice(at, at + 1 + random.integer(6));
    at += batch.length;
    const via = random.number() < 0.5 ? 'push' : 'pull';
    under.push(
      replica.ingest(batch, { from: `peer ${random.integer(3)}`, via }).then((report) => {
        const input = batch.reduce((sum, run) => sum + run.assertions.length, 0);
        const { accepted, known, pending, held, refused } = report;
        expect(accepted + known + pending + held + refused).toBe(input);
        expect(report).toMatchObject({ held: 0, refused: 0, full: false });
      }),
    );
    if (random.number() < 0.5) await Promise.all(under.splice(0));
  }
  await Promise.all(under);
}

test('equal sets give equal roots in every order of arrival and every cut into runs [STS-03][ICM-06][STC-04]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 40 }), async (seed, count) => {
      const random = new SeededRandom(seed);
      const history = makeHistory(random, count);
      const root = bytesToHex(Trie.of(history.leaves).root);
      for (let peer = 0; peer < 3; peer++) {
        const opened = await openTestReplica(space, crypto);
        const errors = () => opened.logged.filter(({ level }) => level === 'error');
        expectCausalOrder(opened);
        const { replica, store } = opened;
        await deliver(opened, await cut(history, random), random);
        // Two long runs may wait for each other's insides, and do so until shorter ones come.
        if (replica.pendingCount > 0) await deliver(opened, await cut(history, random, 1), random);
        expect(errors()).toEqual([]);
        expect([replica.count, replica.pendingCount]).toEqual([count, 0]);
        expect(bytesToHex(replica.frontier.root())).toBe(root);
        await replica.close();
        const again = await openTestReplica(space, crypto, { store });
        expect(again.replica.count).toBe(count);
        expect(bytesToHex(again.replica.frontier.root())).toBe(root);
        // Merging is idempotent, across a restart too.
        await deliver(again, await cut(history, random), random);
        expect(again.replica.count).toBe(count);
        expect(bytesToHex(again.replica.frontier.root())).toBe(root);
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);

test('what one peer stored, read back and passed on, gives the next peer the same root', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = new SeededRandom(seed);
      const history = makeHistory(random, 25);
      const first = await openTestReplica(space, crypto);
      await deliver(first, await cut(history, random), random);
      await deliver(first, await cut(history, random, 1), random);
      const second = await openTestReplica(space, crypto);
      // Stored runs come in order of arrival: nothing waits.
      const { replica } = first;
      for (let arrival = 0; ; arrival++) {
        const run = await replica.journal.run(arrival).catch(() => undefined);
        if (run === undefined) break;
        const report = await second.replica.ingest([run], { from: 'first', via: 'pull' });
        expect(report.accepted).toBe(run.assertions.length);
      }
      expect(second.replica.frontier.root()).toEqual(replica.frontier.root());
      expect([replica.count, second.replica.count]).toEqual([25, 25]);
    }),
    { numRuns: 20 },
  );
}, 30_000);
