import { expect, test } from 'vitest';
import { compareHlc } from '../assertion/hlc.ts';
import { lastOf, type Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TEST_NOW_MS, TestAuthor, type TestDraft, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { Cursor, Range, RunsAnswer } from './messages.ts';
import { Ranges } from './ranges.ts';
import { runsOfIds, runsOfRanges, toChunks } from './runs-source.ts';

const space = testSpace();
const crypto = nodeCrypto();
const source = { from: 'peer', via: 'pull' } as const;

async function replicaOf(...runs: Run[]) {
  const { replica } = await openTestReplica(space, crypto);
  const report = await replica.ingest(runs, source);
  expect(report.refusals).toEqual([]);
  return replica;
}

async function served(
  replica: Awaited<ReturnType<typeof replicaOf>>,
  ranges: readonly Range[],
  cursor: Cursor | null = null,
): Promise<Run[]> {
  const runs: Run[] = [];
  for await (const { bytes } of runsOfRanges(replica, { ranges, cursor }, TEST_NOW_MS))
    runs.push(decodeRun(bytes, space.id));
  return runs;
}

function rangeOf(run: Run, have: Range['have'] = []): Range {
  const { author, seq, id } = lastOf(run);
  return { author, seq, id, have };
}

const seqs = (runs: readonly Run[]) => runs.map((run) => run.assertions.map(({ seq }) => seq));

/** A chain of an author in runs of the given lengths. */
function chainOf(author: TestAuthor, ...lengths: number[]): Promise<Run[]> {
  return chainWith(author, lengths, () => ({}));
}

async function chainWith(
  author: TestAuthor,
  lengths: readonly number[],
  draft: (run: number) => TestDraft,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [i, length] of lengths.entries()) {
    const before = runs.at(-1);
    runs.push(await author.run(author.chain(length, before && lastOf(before), () => draft(i))));
  }
  return runs;
}

test('a peer that has nothing gets the whole chain, small runs as one under the last signature', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const runs = await chainOf(author, 2, 1, 3);
  const replica = await replicaOf(...runs);
  const got = await served(replica, [rangeOf(runs[2] as Run)]);
  expect(seqs(got)).toEqual([[1, 2, 3, 4, 5, 6]]);
  const there = await replicaOf(...got);
  expect(there.frontier.trie.root).toEqual(replica.frontier.trie.root);
});

test('runs are joined up to the limits of a run', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const many = await chainOf(author, ...new Array<number>(130).fill(1));
  const short = await served(await replicaOf(...many), [rangeOf(many.at(-1) as Run)]);
  expect(short.map((run) => run.assertions.length)).toEqual([128, 2]);
  const payload = new Uint8Array(30_000);
  const large = await chainWith(author, [1, 1, 1, 1, 1], () => ({ payload }));
  const long = await served(await replicaOf(...large), [rangeOf(large.at(-1) as Run)]);
  expect(long.map((run) => run.assertions.length)).toEqual([2, 2, 1]);
});

test('a run that builds on another chain travels by itself, and what follows it joins it', async () => {
  const [a, b] = [await TestAuthor.create(space, crypto, 1), await TestAuthor.create(space, crypto, 2)];
  const [other] = (await chainOf(b, 1)) as [Run];
  const parents = [lastOf(other)];
  const runs = await chainWith(a, [1, 1, 1, 1], (i) => (i === 2 ? { parents } : {}));
  const replica = await replicaOf(other, ...runs);
  expect(seqs(await served(replica, [rangeOf(runs[3] as Run)]))).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test('of what is recent only runs that lie close are joined: a slow clock holds the whole for its time', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const at = (ms: number) => ({ time: BigInt(TEST_NOW_MS + ms) * 1_000_000n, counter: 0 });
  const times = [-9_000_000, -5_000_000, -1_000_000, -200_000, -170_000, -20_000];
  const runs = await chainWith(author, [1, 1, 1, 1, 1, 1], (i) => ({ hlc: at(times[i] as number) }));
  const replica = await replicaOf(...runs);
  expect(seqs(await served(replica, [rangeOf(runs[5] as Run)]))).toEqual([[1, 2, 3], [4, 5], [6]]);
});

test('what the other side has is not sent again, not even the first half of a run', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const runs = await chainOf(author, 2, 1, 3);
  const replica = await replicaOf(...runs);
  const last = runs[2] as Run;
  const have = last.assertions.slice(0, 2).map(({ seq, id }) => ({ seq, id }));
  expect(seqs(await served(replica, [rangeOf(last, have)]))).toEqual([[6]]);
  expect(seqs(await served(replica, [rangeOf(last, [{ seq: 3, id: lastOf(runs[1] as Run).id }])]))).toEqual([
    [4, 5, 6],
  ]);
});

test('runs of several authors come in the order of time, so that answers follow what they answer', async () => {
  const [a, b] = [await TestAuthor.create(space, crypto, 1), await TestAuthor.create(space, crypto, 2)];
  const runs: Run[] = [];
  for (let i = 0; i < 6; i++) {
    const author = i % 2 === 0 ? a : b;
    const [own, other] = [runs.at(-2), runs.at(-1)];
    const parents = other === undefined ? [] : [lastOf(other)];
    runs.push(await author.run([author.next(own && lastOf(own), { parents })]));
  }
  const replica = await replicaOf(...runs);
  const got = await served(replica, [rangeOf(runs[4] as Run), rangeOf(runs[5] as Run)]);
  expect(got.map((run) => lastOf(run).id)).toEqual(runs.map((run) => lastOf(run).id));
  const empty = await replicaOf();
  for (const run of got) expect((await empty.ingest([run], source)).accepted).toBe(1);
});

test('a cursor goes on after the last run, also when that has gone [ICG-17]', async () => {
  const runs = await chainOf(await TestAuthor.create(space, crypto, 1), 1, 1, 1, 1);
  const replica = await replicaOf(...runs);
  const second = lastOf(runs[1] as Run);
  const gone = { hlc: second.hlc, id: new Uint8Array(32).fill(255) };
  const ranges = [rangeOf(runs[3] as Run)];
  expect(seqs(await served(replica, ranges, { hlc: second.hlc, id: second.id }))).toEqual([[3, 4]]);
  expect(seqs(await served(replica, ranges, gone))).toEqual([[3, 4]]);
});

async function forked() {
  const author = await TestAuthor.create(space, crypto, 1);
  const trunk = await chainOf(author, ...new Array<number>(20).fill(1));
  const left = await chainAfter(author, lastOf(trunk[19] as Run), 5, 'left');
  const right = await chainAfter(author, lastOf(trunk[9] as Run), 30, 'right');
  return { trunk, left, right };
}

async function chainAfter(author: TestAuthor, before: Run['assertions'][0], count: number, text: string) {
  const assertions = author.chain(count, before, (i) => ({
    payload: new TextEncoder().encode(`${text}${i}`),
  }));
  return Promise.all(assertions.map((assertion) => author.run([assertion])));
}

test('of a fork only the branch after the fork point is sent, found in one trip', async () => {
  const { trunk, left, right } = await forked();
  const here = await replicaOf(...trunk, ...left, ...right);
  const there = await replicaOf(...trunk, ...left);
  const ranges = await new Ranges(there).of([lastOf(right.at(-1) as Run)]);
  const got = await served(here, ranges);
  const first = (got[0] as Run).assertions[0] as Run['assertions'][0];
  expect(first.seq).toBeGreaterThan(7);
  expect(got.length).toBeLessThanOrEqual(right.length + 3);
  const report = await there.ingest(got, source);
  expect(report.accepted).toBe(right.length);
  expect(there.frontier.trie.root).toEqual(here.frontier.trie.root);
});

test('both branches of a fork reach a peer that has nothing, the trunk once', async () => {
  const { trunk, left, right } = await forked();
  const here = await replicaOf(...trunk, ...left, ...right);
  const there = await replicaOf();
  const tips = [lastOf(left.at(-1) as Run), lastOf(right.at(-1) as Run)];
  const got = await served(here, await new Ranges(there).of(tips));
  expect(got).toHaveLength(trunk.length + left.length + right.length);
  await there.ingest(got, source);
  expect(there.frontier.trie.root).toEqual(here.frontier.trie.root);
});

test('a fork in the middle of a run is served with the whole run', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const [trunk] = (await chainOf(author, 6)) as [Run];
  const branch = await chainAfter(author, trunk.assertions[2] as Run['assertions'][0], 2, 'branch');
  const here = await replicaOf(trunk, ...branch);
  const there = await replicaOf();
  const got = await served(here, await new Ranges(there).of([lastOf(branch[1] as Run)]));
  await there.ingest(got, source);
  expect(there.frontier.trie.root).toEqual(here.frontier.trie.root);
});

test('a range that ends within a stored run is served with the whole of it, and one that begins there with its rest', async () => {
  const runs = await chainOf(await TestAuthor.create(space, crypto, 1), 2, 4, 2);
  const replica = await replicaOf(...runs);
  const middle = runs[1]?.assertions[1] as Run['assertions'][0];
  const until = { author: middle.author, seq: middle.seq, id: middle.id, have: [] };
  expect(seqs(await served(replica, [until]))).toEqual([[1, 2, 3, 4, 5, 6]]);
  const after = { ...rangeOf(runs[1] as Run), have: [middle] };
  expect(seqs(await served(replica, [after]))).toEqual([[5, 6]]);
});

test('a tip that is not here is answered with nothing', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const runs = await chainOf(author, 1, 1);
  const replica = await replicaOf(runs[0] as Run);
  expect(await served(replica, [rangeOf(runs[1] as Run)])).toEqual([]);
});

async function chunksOf(count: number, bytes: number, bounds: { chunkBytes: number; maxBytes: number }) {
  async function* runs() {
    for (let i = 0; i < count; i++) {
      const at = { hlc: { time: BigInt(i), counter: 0 }, id: new Uint8Array(32).fill(i) };
      yield { bytes: new Uint8Array(bytes), at };
    }
  }
  const chunks: RunsAnswer[] = [];
  for await (const chunk of toChunks(runs(), bounds)) chunks.push(chunk);
  return chunks;
}

test('chunks keep to their bounds, and a run larger than all of them is still sent [ICG-14]', async () => {
  const chunks = await chunksOf(5, 100, { chunkBytes: 250, maxBytes: 10_000 });
  expect(chunks.map(({ runs, open }) => [runs.length, open])).toEqual([
    [2, true],
    [2, true],
    [1, false],
  ]);
  expect(chunks.at(-1)?.cursor).toBeNull();
  const small = await chunksOf(5, 100, { chunkBytes: 10, maxBytes: 10 });
  expect(small).toHaveLength(1);
  expect(small[0]).toMatchObject({ open: false, cursor: { hlc: { time: 0n } } });
  expect(small[0]?.runs).toHaveLength(1);
});

test('an answer that was cut names the last run, so that the next goes on there [ICG-14] [ICG-17]', async () => {
  const chunks = await chunksOf(9, 100, { chunkBytes: 200, maxBytes: 500 });
  expect(chunks.flatMap(({ runs }) => runs)).toHaveLength(5);
  expect(chunks.at(-1)).toMatchObject({ open: false, cursor: { hlc: { time: 4n } } });
});

test('nothing to send is one empty chunk', async () => {
  expect(await chunksOf(0, 0, { chunkBytes: 1, maxBytes: 1 })).toEqual([
    { type: 'runs', runs: [], open: false, cursor: null },
  ]);
});

test('a fetch answers with the stored runs that hold the ids, once each, and leaves out unknown ones [STS-14]', async () => {
  const runs = await chainOf(await TestAuthor.create(space, crypto, 1), 3, 1);
  const replica = await replicaOf(...runs);
  const ids = [...(runs[0] as Run).assertions.map(({ id }) => id), new Uint8Array(32).fill(1)];
  const got: Run[] = [];
  for await (const { bytes } of runsOfIds(replica, ids)) got.push(decodeRun(bytes, space.id));
  expect(seqs(got)).toEqual([[1, 2, 3]]);
});

test('runs of one time are ordered by id, so that a cursor between them is exact', async () => {
  const hlc = { time: 1_600_000_000_000_000_000n, counter: 0 };
  const runs: Run[] = [];
  for (let number = 1; number <= 8; number++) {
    const author = await TestAuthor.create(space, crypto, number);
    runs.push(await author.run([author.next(undefined, { hlc })]));
  }
  const replica = await replicaOf(...runs);
  const ranges = runs.map((run) => rangeOf(run));
  const all = await served(replica, ranges);
  const third = lastOf(all[2] as Run);
  expect(compareHlc(third.hlc, hlc)).toBe(0);
  const rest = await served(replica, ranges, { hlc, id: third.id });
  expect(rest.map((run) => lastOf(run).id)).toEqual(all.slice(3).map((run) => lastOf(run).id));
});
