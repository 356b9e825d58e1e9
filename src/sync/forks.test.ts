/** Authors that forked: how peers that know different branches find what they lack, and at what cost. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { utf8 } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { systemClock } from '../base/system-clock.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import type { Replica } from '../set/replica.ts';
import { TEST_NOW_MS, TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer } from '../testing/sync-peer.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { Cursor, Range } from './messages.ts';
import { Ranges } from './ranges.ts';
import { runsOfRanges } from './runs-source.ts';

const space = testSpace();
const crypto = nodeCrypto();
const peers: SyncPeer[] = [];
let author: TestAuthor;
/** Ten thousand branches, and the chain that they leave. */
const many: { trunk: Run[]; forks: Run[] } = { trunk: [], forks: [] };

beforeAll(async () => {
  await loadFastHash();
  author = await TestAuthor.create(space, crypto, 50);
  const chain = author.chain(100);
  many.trunk = await oneByOne(chain);
  many.forks = await forksOf(chain, 10_000);
}, 60_000);

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** Two peers, not connected yet. */
async function twoPeers(): Promise<[SyncPeer, SyncPeer]> {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(3) });
  for (const number of [1, 2]) peers.push(await SyncPeer.start({ hub, space, number }));
  return peers as [SyncPeer, SyncPeer];
}

const give = (replica: Replica, runs: readonly Run[]) => replica.ingest(runs, { from: 'file', via: 'file' });

async function replicaOf(runs: readonly Run[]): Promise<Replica> {
  const { replica } = await openTestReplica(space, crypto);
  expect((await give(replica, runs)).refusals).toEqual([]);
  return replica;
}

const sum = (name: string) => peers.reduce((total, peer) => total + peer.metric(name), 0);

/** Each assertion as a run of its own. */
const oneByOne = (chain: readonly Assertion[]) => Promise.all(chain.map((each) => author.run([each])));

/** Runs of one assertion, each a fork of the chain at one of its last assertions. */
async function forksOf(chain: readonly Assertion[], count: number): Promise<Run[]> {
  const forks: Run[] = [];
  for (let n = 0; n < count; n++) {
    const before = chain[chain.length - 2 - (n % Math.min(chain.length - 1, 50))];
    forks.push(await author.run([author.next(before, { payload: utf8(`fork ${n}`) })]));
  }
  return forks;
}

/** The assertions that a pull brings. */
async function served(replica: Replica, ranges: readonly Range[], cursor: Cursor | null = null) {
  return (await servedRuns(replica, ranges, cursor)).flatMap((run) => run.assertions);
}

async function servedRuns(replica: Replica, ranges: readonly Range[], cursor: Cursor | null = null) {
  const runs: Run[] = [];
  for await (const { bytes } of runsOfRanges(replica, { ranges, cursor }, TEST_NOW_MS))
    runs.push(decodeRun(bytes, space.id));
  return runs;
}

/** Counts the stored runs that are looked into. */
function lookups(replica: Replica): () => number {
  const { journal } = replica;
  const run = journal.run.bind(journal);
  let count = 0;
  journal.run = (arrival) => {
    count++;
    return run(arrival);
  };
  return () => count;
}

test('two peers that each lack three thousand of ten thousand forks end with all of them [STS-03]', async () => {
  const [a, b] = await twoPeers();
  const { trunk, forks } = many;
  await give(a.replica, [...trunk, ...forks.slice(0, 7000)]);
  await give(b.replica, [...trunk, ...forks.slice(3000)]);
  await a.connect(b);
  await converged([a, b], trunk.length + forks.length);
  expect(a.replica.frontier.tipsOf(author.publicKey)).toHaveLength(1 + forks.length);
  // Three thousand tips each way, hundreds to a pull, and nothing twice but a few runs below a fork.
  expect(sum('pull_requests_sent')).toBeLessThanOrEqual(24);
  expect(sum('bytes_pulled')).toBeLessThan(1.2 * 6000 * 190);
  expect(sum('trie_nodes_served')).toBeLessThan(4000);
}, 60_000);

test('a peer that has nothing gets ten thousand forks and the trunk once', async () => {
  const [a, b] = await twoPeers();
  const { trunk, forks } = many;
  await give(a.replica, [...trunk, ...forks]);
  await a.connect(b);
  await converged([a, b], trunk.length + forks.length);
  expect(sum('pull_requests_sent')).toBeLessThanOrEqual(40);
  expect(sum('bytes_pulled')).toBeLessThan(1.1 * (trunk.length + forks.length) * 190);
}, 60_000);

test('a thousand branches asked for at once cost one look at each run, not one for each branch', async () => {
  const chain = author.chain(300);
  const forks = await forksOf(chain, 1000);
  const here = await replicaOf([...(await oneByOne(chain)), ...forks]);
  const looked = lookups(here);
  const ranges = forks.map((fork) => ({ ...lastOf(fork), have: [] }));
  expect(await served(here, ranges)).toHaveLength(chain.length - 1 + forks.length);
  expect(looked()).toBeLessThanOrEqual(chain.length + forks.length);
});

test('one tip asked for a thousand times is sent once and looked for once', async () => {
  const chain = author.chain(20);
  const [fork] = (await forksOf(chain, 1)) as [Run];
  for (const runs of [await oneByOne(chain), [...(await oneByOne(chain)), fork]]) {
    const here = await replicaOf(runs);
    const looked = lookups(here);
    const range = { ...lastOf(runs[19] as Run), have: [] };
    expect(await served(here, new Array<Range>(1000).fill(range))).toHaveLength(20);
    expect(looked()).toBeLessThanOrEqual(20);
  }
});

test('what one range of an author names as known counts for the others of that author', async () => {
  const chain = author.chain(20);
  const trunk = await oneByOne(chain);
  const forks = await forksOf(chain, 40);
  const [here, there] = [await replicaOf([...trunk, ...forks]), await replicaOf(trunk)];
  const ranges = await new Ranges(there).of(forks.map((fork) => lastOf(fork)));
  const points = ranges.reduce((total, range) => total + range.have.length, 0);
  expect(points).toBeLessThan(3 * limits.haveMax);
  expect(await served(here, ranges)).toHaveLength(forks.length);
});

test('forks of forks, each one step further, are all found', async () => {
  const [a, b] = await twoPeers();
  const runs: Run[] = [];
  let before: Assertion | undefined;
  for (let n = 0; n < 200; n++) {
    const [left, right] = ['left', 'right'].map((text) => author.next(before, { payload: utf8(text) })) as [
      Assertion,
      Assertion,
    ];
    runs.push(await author.run([left]), await author.run([right]));
    before = n % 2 === 0 ? left : right;
  }
  await give(a.replica, runs);
  await give(b.replica, runs.slice(0, 100));
  await a.connect(b);
  await converged([a, b], runs.length);
  expect(sum('pull_requests_sent')).toBeLessThanOrEqual(2);
});

test('a branch too long to be followed back goes on where the other side stopped, not at its beginning', async () => {
  const chain = author.chain(limits.forkWalkRunsMax + 2000);
  const trunk = await oneByOne(chain);
  // More branches end at one seq than a page of rows has room for.
  const last = chain.at(-2);
  const forks = await Promise.all(
    Array.from({ length: 300 }, (_, n) => author.run([author.next(last, { payload: utf8(`end ${n}`) })])),
  );
  const here = await replicaOf([...trunk, ...forks]);
  const looked = lookups(here);
  const there = await replicaOf(trunk.slice(0, 1000));
  const tips = [trunk.at(-1) as Run, ...forks].map((run) => lastOf(run));
  const got = await servedRuns(here, await new Ranges(there).of(tips));
  expect(lastOf(got[0] as Run).seq).toBe(1001);
  expect(looked()).toBeLessThanOrEqual(limits.forkWalkRunsMax + 1);
  await give(there, got);
  expect(there.frontier.trie.root).toEqual(here.frontier.trie.root);
}, 60_000);

test('a cursor far along a chain without forks is found by halving, not by reading up to it', async () => {
  const chain = author.chain(3000);
  const here = await replicaOf(await oneByOne(chain));
  const { journal } = here;
  const rows = journal.chain.bind(journal);
  let read = 0;
  journal.chain = async function* (...args) {
    for await (const row of rows(...args)) {
      read++;
      yield row;
    }
  };
  const { hlc, id } = chain[2989] as Assertion;
  const range = { ...(chain.at(-1) as Assertion), have: [] };
  const got = await served(here, [range], { hlc, id });
  expect(got.map(({ seq }) => seq)).toEqual([2991, 2992, 2993, 2994, 2995, 2996, 2997, 2998, 2999, 3000]);
  expect(read).toBeLessThan(40);
  const beyond = { hlc: { time: 2n ** 63n, counter: 0 }, id };
  expect(await served(here, [range], beyond)).toEqual([]);
  expect(read).toBeLessThan(80);
});

test('a pull that is cancelled ends the walk back along a fork', async () => {
  const chain = author.chain(50);
  const here = await replicaOf([...(await oneByOne(chain)), ...(await forksOf(chain, 100))]);
  const ranges = here.frontier.tipsOf(author.publicKey).map((tip) => ({ ...tip, have: [] }));
  const abort = new AbortController();
  const looked = lookups(here);
  abort.abort();
  const request = { ranges, cursor: null };
  for await (const run of runsOfRanges(here, request, TEST_NOW_MS, abort.signal)) expect(run).toBeUndefined();
  expect(looked()).toBe(0);
});
