import { expect, test } from 'vitest';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import type { Replica } from '../set/replica.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { Ranges } from './ranges.ts';

const space = testSpace();
const crypto = nodeCrypto();
const author = await TestAuthor.create(space, crypto, 1);
/** One row in the store for each. */
const chain = author.chain(2000);

const single = (assertions: readonly Assertion[]): Promise<Run[]> =>
  Promise.all(assertions.map((assertion) => author.run([assertion])));

async function replicaOf(length: number): Promise<Replica> {
  const { replica } = await openTestReplica(space, crypto);
  await replica.ingest(await single(chain.slice(0, length)), { from: 'peer', via: 'pull' });
  return replica;
}

/** Counts looks into the index of chains. */
function looks(replica: Replica): () => number {
  const { journal } = replica;
  const rows = journal.chain.bind(journal);
  let count = 0;
  journal.chain = (...args) => {
    count++;
    return rows(...args);
  };
  return () => count;
}

const wanted = (seq: number) => lastOf({ assertions: [chain[seq - 1] as Assertion] } as unknown as Run);

test('a chain that most likely goes on is asked for with few points of ours, each four times as far back', async () => {
  const ranges = new Ranges(await replicaOf(1000));
  const [range] = await ranges.of([wanted(1001)]);
  const seqs = range?.have.map(({ seq }) => seq);
  expect(seqs).toEqual([1000, 999, 996, 984, 936, 744]);
  for (const { seq, id } of range?.have ?? []) expect(id).toEqual(chain[seq - 1]?.id);
});

test('points of a chain that grows are read once, until it went on by hundreds', async () => {
  const replica = await replicaOf(1000);
  const ranges = new Ranges(replica);
  const looked = looks(replica);
  await ranges.of([wanted(1001)]);
  const once = looked();
  expect(once).toBeLessThanOrEqual(5);
  await replica.ingest(await single(chain.slice(1000, 1200)), { from: 'peer', via: 'pull' });
  const [range] = await ranges.of([wanted(1300)]);
  expect(looked()).toBe(once);
  expect(range?.have[0]).toEqual({ seq: 1200, id: chain[1199]?.id });
  expect(range?.have[1]?.seq).toBe(1000);
  await replica.ingest(await single(chain.slice(1200, 1300)), { from: 'peer', via: 'pull' });
  const [later] = await ranges.of([wanted(1301)]);
  expect(looked()).toBeGreaterThan(once);
  expect(later?.have[1]?.seq).toBe(1299);
});

test('a chain that forked is asked for with points at every power of two, read anew', async () => {
  const replica = await replicaOf(1000);
  const ranges = new Ranges(replica);
  await ranges.of([wanted(1001)]);
  const fork = author.next(chain[998] as Assertion, { payload: new Uint8Array(3) });
  await replica.ingest(await single([fork]), { from: 'peer', via: 'pull' });
  const [range] = await ranges.of([wanted(1001)]);
  const gaps = range?.have.slice(2).map(({ seq }) => 1000 - seq);
  expect(gaps).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
});
