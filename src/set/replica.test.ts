import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hashPayload, identify } from '../assertion/codec.ts';
import { msToNs } from '../assertion/hlc.ts';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { withPow } from '../assertion/pow.ts';
import { bytesToHex, utf8 } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { onWire, TEST_NOW_MS, TestAuthor, testSpace } from '../testing/chains.ts';
import { type FaultyStore, faultyStore } from '../testing/faulty-store.ts';
import { openTestReplica, type TestReplica } from '../testing/test-replica.ts';
import { admitMessage } from './genesis.ts';
import type { Refusal, Replica, Source } from './replica.ts';

const crypto = nodeCrypto();
const space = testSpace();
const push: Source = { from: 'peer', via: 'push' };
const pull: Source = { from: 'peer', via: 'pull' };
let alice: TestAuthor;
let bob: TestAuthor;
let store: FaultyStore;
let opened: TestReplica;
let replica: Replica;

beforeAll(async () => {
  await loadFastHash();
  alice = await TestAuthor.create(space, crypto, 1);
  bob = await TestAuthor.create(space, crypto, 2);
});

beforeEach(async () => {
  store = faultyStore(memoryStore());
  opened = await openTestReplica(space, crypto, { store });
  replica = opened.replica;
});

function shown(): string[] {
  const ids: string[] = [];
  replica.events.on('visible', (runs) => {
    for (const run of runs) ids.push(...run.assertions.map(({ id }) => bytesToHex(id)));
  });
  return ids;
}

const idsOf = (...runs: readonly Run[]) =>
  runs.flatMap((run) => run.assertions.map(({ id }) => bytesToHex(id)));

function damaged(run: Run): Run {
  const signature = run.signature.slice();
  signature[5] = (signature[5] as number) ^ 1;
  return { ...run, signature };
}

describe('a run', () => {
  test('enters whole: stored, counted, in the root, told to listeners', async () => {
    const run = await alice.run(alice.chain(5));
    const ids = shown();
    expect(await replica.ingest([run], push)).toMatchObject({ accepted: 5, known: 0, pending: 0 });
    expect(ids).toEqual(idsOf(run));
    expect(replica.count).toBe(5);
    expect(replica.frontier.tipsOf(alice.publicKey)).toMatchObject([{ seq: 5, id: lastOf(run).id }]);
    expect((await replica.journal.find(lastOf(run).id))?.payload).toEqual(lastOf(run).payload);
  });

  test('that came before is known, in whatever cut [STS-03]', async () => {
    const chain = alice.chain(6);
    await replica.ingest([await alice.run(chain.slice(0, 4))], push);
    const whole = await alice.run(chain);
    expect(await replica.ingest([whole], push)).toMatchObject({ accepted: 2, known: 4 });
    for (const [from, to] of [
      [0, 6],
      [1, 3],
      [3, 6],
      [5, 6],
    ] as const)
      expect(await replica.ingest([await alice.run(chain.slice(from, to))], push)).toMatchObject({
        accepted: 0,
        known: to - from,
      });
    expect(replica.count).toBe(6);
  });

  test('with one bad assertion in the middle enters not at all, the ones beside it do', async () => {
    const late = bob.next(undefined, { hlc: { time: msToNs(TEST_NOW_MS), counter: 0 } });
    const lateRun = await bob.run([late]);
    // The third is older than what it names.
    const chain = alice.chain(5, undefined, (i) =>
      i === 2 ? { parents: [late], hlc: { time: msToNs(TEST_NOW_MS - 50_000), counter: 0 } } : {},
    );
    const bad = await alice.run(chain);
    const good = await alice.run(chain.slice(0, 2));
    const ids = shown();
    const report = await replica.ingest([lateRun, bad, good], push);
    expect(report).toMatchObject({ accepted: 3, refused: 5, known: 0 });
    expect(report.refusals).toMatchObject([{ code: 'BAD_HLC', from: 'peer' }]);
    expect(ids).toEqual(idsOf(lateRun, good));
    expect(await replica.has((chain[2] as Assertion).id)).toBe(false);
  });

  test.each([
    ['skips a seq of its chain', 'BAD_CHAIN', (chain: Assertion[]) => ({ ...chain[3], seq: 9 })],
    [
      'is as old as its chain',
      'BAD_HLC',
      (chain: Assertion[]) => ({ ...chain[3], hlc: (chain[2] as Assertion).hlc }),
    ],
  ])('that %s is refused', async (_, code, change) => {
    const chain = alice.chain(4);
    await replica.ingest([await alice.run(chain.slice(0, 3))], push);
    const wrong = change(chain) as Assertion;
    const report = await replica.ingest([await alice.run([identify(wrong, wrong.payload)])], push);
    expect(report).toMatchObject({ refused: 1, refusals: [{ code }] });
    expect(replica.count).toBe(3);
  });

  test('that continues the chain of another author is refused', async () => {
    const [first] = alice.chain(1) as [Assertion];
    await replica.ingest([await alice.run([first])], push);
    const stolen = identify({ ...bob.next(first), author: bob.publicKey }, utf8('0'));
    const report = await replica.ingest([await bob.run([{ ...stolen, payload: utf8('1') }])], push);
    expect(report.refusals).toMatchObject([{ code: 'BAD_CHAIN' }]);
  });

  test('with a wrong signature, or one over another assertion of it, is refused and quarantined', async () => {
    const chain = alice.chain(3);
    const whole = await alice.run(chain);
    const short = await alice.run(chain.slice(0, 2));
    const heard: Refusal[] = [];
    replica.events.on('refused', (refusal) => heard.push(refusal));
    const report = await replica.ingest([damaged(whole), { ...whole, signature: short.signature }], push);
    expect(report).toMatchObject({ refused: 6, accepted: 0 });
    expect(heard.map(({ code }) => code)).toEqual(['BAD_SIGNATURE', 'BAD_SIGNATURE']);
    expect(replica.quarantine.list()).toMatchObject([
      { code: 'BAD_SIGNATURE', from: 'peer' },
      { code: 'BAD_SIGNATURE', from: 'peer' },
    ]);
    expect(await replica.ingest([whole], push)).toMatchObject({ accepted: 3 });
  });

  test('may follow on the same batch’s runs, on a tip or on the middle of one', async () => {
    const chain = alice.chain(4);
    const fork = alice.chain(2, chain[1], () => ({ payload: utf8('fork') }));
    const runs = [await alice.run(chain.slice(0, 3)), await alice.run(fork), await alice.run(chain.slice(3))];
    expect(await replica.ingest(runs, push)).toMatchObject({ accepted: 6 });
    expect(replica.frontier.tipsOf(alice.publicKey).map(({ seq }) => seq)).toEqual([4, 4]);
    expect(replica.frontier.trie.size).toBe(2);
  });

  test('whose prefix is known on another branch brings only the rest', async () => {
    const chain = alice.chain(4);
    const fork = alice.chain(2, chain[1], () => ({ payload: utf8('fork') }));
    await replica.ingest([await alice.run(chain)], push);
    const report = await replica.ingest([await alice.run([...chain.slice(0, 2), ...fork])], push);
    expect(report).toMatchObject({ known: 2, accepted: 2 });
    expect(replica.frontier.trie.size).toBe(2);
  });

  test('may leave its first assertion out of a chain that forks at once', async () => {
    const one = await alice.run(alice.chain(2));
    const other = await alice.run(alice.chain(2, undefined, () => ({ payload: utf8('other') })));
    expect(await replica.ingest([one, other], push)).toMatchObject({ accepted: 4 });
    expect(replica.frontier.trie.size).toBe(2);
    expect(replica.frontier.authors).toBe(1);
  });
});

describe('what waits', () => {
  test('is shown after everything it builds on, across authors [STC-04]', async () => {
    const a = alice.chain(2);
    const b = bob.next(undefined, { parents: [a[1] as Assertion] });
    const a3 = alice.next(a[1], { parents: [b] });
    const runs = [await alice.run([a3]), await bob.run([b]), await alice.run(a)];
    const ids = shown();
    expect(await replica.ingest([runs[0] as Run], push)).toMatchObject({ pending: 1 });
    expect(await replica.ingest([runs[1] as Run], push)).toMatchObject({ pending: 1 });
    expect(replica.pendingCount).toBe(2);
    expect(ids).toEqual([]);
    expect(await replica.has(a3.id)).toBe(false);
    expect(await replica.ingest([runs[2] as Run], pull)).toMatchObject({ accepted: 2 });
    expect(replica.pendingCount).toBe(0);
    expect(ids).toEqual(idsOf(...runs.reverse()));
  });

  test('counts as accepted where one batch brings everything, in any order [ICM-06]', async () => {
    const chain = alice.chain(6);
    const runs = await Promise.all(chain.map((each) => alice.run([each])));
    expect(await replica.ingest(runs.reverse(), push)).toMatchObject({ accepted: 6, pending: 0 });
    expect(replica.count).toBe(6);
  });

  test('keeps the name of who delivered it', async () => {
    const [first, second] = alice.chain(2) as [Assertion, Assertion];
    const sources: [Source, number][] = [];
    replica.events.on('visible', (runs, source) => sources.push([source, runs.length]));
    const other: Source = { from: 'other', via: 'push' };
    await replica.ingest([await alice.run([second])], other);
    await replica.ingest([await alice.run([first])], pull);
    expect(sources).toEqual([
      [pull, 1],
      [other, 1],
    ]);
  });

  test('is refused when what it waited for turns out to be younger', async () => {
    const late = bob.next(undefined, { hlc: { time: msToNs(TEST_NOW_MS), counter: 5 } });
    const early = alice.next(undefined, {
      parents: [late],
      hlc: { time: msToNs(TEST_NOW_MS), counter: 5 },
    });
    const from: Source = { from: 'liar', via: 'push' };
    expect(await replica.ingest([await alice.run([early])], from)).toMatchObject({ pending: 1 });
    const refusals: Refusal[] = [];
    replica.events.on('refused', (refusal) => refusals.push(refusal));
    expect(await replica.ingest([await bob.run([late])], push)).toMatchObject({ accepted: 1, refused: 0 });
    expect(refusals).toMatchObject([{ code: 'BAD_HLC', from: 'liar' }]);
    expect(replica.pendingCount).toBe(0);
  });

  test('is bounded: a full pending set says so and takes what is complete all the same', async () => {
    const payload = new Uint8Array(40_000);
    const missing = alice.next(undefined);
    const runs: Run[] = [];
    for (let i = 0; i < 450; i++) {
      runs.push(await bob.run([bob.next(undefined, { payload, parents: [missing], kind: i })]));
    }
    const report = await replica.ingest(runs, pull);
    expect(report).toMatchObject({ full: true, pending: 450, accepted: 0 });
    expect(replica.pendingCount).toBeLessThan(450);
    expect(replica.pendingCount * 40_000).toBeLessThan(limits.pendingBytesMax);
    const kept = replica.pendingCount;
    expect(await replica.ingest([await alice.run([missing])], pull)).toMatchObject({ accepted: 1 });
    expect(replica.count).toBe(1 + kept);
  });
});

describe('time', () => {
  const at = (ms: number) => ({ time: msToNs(ms), counter: 0 });

  test('beyond 120 s ahead holds a run until it is due; up to there it enters [STC-32]', async () => {
    const first = await alice.run([alice.next(undefined, { hlc: at(TEST_NOW_MS + 120_000) })]);
    const second = await bob.run([bob.next(undefined, { hlc: at(TEST_NOW_MS + 120_001) })]);
    expect(await replica.ingest([first, second], push)).toMatchObject({ accepted: 1, held: 1, refused: 0 });
    expect([replica.isHeld(alice.publicKey), replica.isHeld(bob.publicKey)]).toEqual([false, true]);
    expect(replica.heldAuthors).toBe(1);
    await opened.clock.advance(1);
    expect(replica.isHeld(bob.publicKey)).toBe(false);
    expect(replica.heldAuthors).toBe(0);
    expect(await replica.ingest([second], push)).toMatchObject({ accepted: 1, held: 0 });
  });

  test('of a held author the earliest due time counts, but none that has passed', async () => {
    const runAt = async (ms: number) => alice.run([alice.next(undefined, { hlc: at(TEST_NOW_MS + ms) })]);
    await replica.ingest([await runAt(200_000), await runAt(130_000), await runAt(300_000)], push);
    await opened.clock.advance(9_999);
    expect(replica.isHeld(alice.publicKey)).toBe(true);
    await opened.clock.advance(1);
    expect(replica.isHeld(alice.publicKey)).toBe(false);
    await replica.ingest([await runAt(300_000)], push);
    expect(replica.isHeld(alice.publicKey)).toBe(true);
  });

  test('of others moves the own clock on, but by no more than 60 s [STS-01][STC-32]', async () => {
    const { hlc } = opened;
    await replica.ingest([await alice.run([alice.next(undefined, { hlc: at(TEST_NOW_MS + 60_000) })])], push);
    expect(hlc.next()).toEqual({ time: msToNs(TEST_NOW_MS + 60_000), counter: 1 });
    await replica.ingest([await bob.run([bob.next(undefined, { hlc: at(TEST_NOW_MS + 60_001) })])], push);
    expect(hlc.next()).toEqual({ time: msToNs(TEST_NOW_MS + 60_000), counter: 2 });
  });

  test('501 ms ahead is counted and logged, 500 is not, and both are accepted [STC-29][STC-30]', async () => {
    const { metrics, logged } = opened;
    await replica.ingest([await alice.run([alice.next(undefined, { hlc: at(TEST_NOW_MS + 500) })])], push);
    expect([metrics.value('clock_skew_events'), logged]).toEqual([0, []]);
    await replica.ingest([await bob.run([bob.next(undefined, { hlc: at(TEST_NOW_MS + 501) })])], push);
    expect(metrics.value('clock_skew_events')).toBe(1);
    expect(logged).toMatchObject([{ level: 'warn' }]);
    expect(replica.count).toBe(2);
  });
});

describe('a failing disk', () => {
  test('leaves nothing of a batch visible, keeps what waited, and the same batch works later', async () => {
    const [first, second] = alice.chain(2) as [Assertion, Assertion];
    const runs = [await alice.run([first]), await alice.run([second])] as const;
    await replica.ingest([runs[1]], push);
    const ids = shown();
    const root = replica.frontier.root();
    store.failNext('write', 'STORE_FULL');
    await expect(replica.ingest([runs[0]], pull)).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect([replica.count, replica.pendingCount, ids]).toEqual([0, 1, []]);
    expect(replica.frontier.root()).toEqual(root);
    expect(await replica.has(first.id)).toBe(false);
    expect(await replica.ingest([runs[0]], pull)).toMatchObject({ accepted: 1 });
    expect(ids).toEqual(idsOf(...runs));
    expect([replica.count, replica.pendingCount]).toEqual([2, 0]);
  });

  test('while reading blames nobody: the run is not refused, and works later', async () => {
    const chain = alice.chain(3);
    await replica.ingest([await alice.run(chain)], push);
    const named = await bob.run([bob.next(undefined, { parents: [chain[0] as Assertion] })]);
    const fork = await alice.run([alice.next(chain[1], { payload: utf8('fork') })]);
    store.failNext('getMany', 'STORE_FAILED');
    await expect(replica.ingest([named], push)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    store.failNext('get', 'STORE_CORRUPT');
    await expect(replica.ingest([fork], push)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(replica.quarantine.count()).toBe(0);
    expect(await replica.ingest([named, fork], push)).toMatchObject({ accepted: 2 });
  });

  test('in the middle of a batch gives back to the pending set what was freed', async () => {
    const chain = alice.chain(3);
    const b = bob.next(undefined, { parents: [chain[0] as Assertion] });
    await replica.ingest([await alice.run(chain.slice(1)), await bob.run([b])], push);
    expect(replica.pendingCount).toBe(3);
    store.failNext('write', 'STORE_FAILED');
    const first = await alice.run(chain.slice(0, 1));
    await expect(replica.ingest([first], push)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(replica.pendingCount).toBe(3);
    await replica.ingest([first], push);
    expect([replica.count, replica.pendingCount]).toEqual([4, 0]);
  });
});

test('a replica that is opened again has the same root, count and clock', async () => {
  await replica.ingest([await alice.run(alice.chain(3)), await bob.run(bob.chain(4))], pull);
  await replica.close();
  const again = await openTestReplica(space, crypto, { store });
  expect(again.replica.count).toBe(7);
  expect(again.replica.frontier.root()).toEqual(replica.frontier.root());
  expect(again.hlc.last).toEqual(opened.hlc.last);
});

test('the same runs taken in several times at once enter once', async () => {
  const runs = [await alice.run(alice.chain(10)), await bob.run(bob.chain(10))];
  const ids = shown();
  const reports = await Promise.all([1, 2, 3, 4].map(() => replica.ingest(runs, push)));
  expect(reports.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(20);
  expect(reports.reduce((sum, { known }) => sum + known, 0)).toBe(60);
  expect(ids).toEqual(idsOf(...runs));
});

test('a large batch is written in parts, and all of it is visible at the end', async () => {
  const runs: Run[] = [];
  let before: Assertion | undefined;
  for (let i = 0; i < 20; i++) {
    const part = alice.chain(100, before);
    runs.push(await alice.run(part));
    before = part.at(-1);
  }
  expect(await replica.ingest(runs, pull)).toMatchObject({ accepted: 2000 });
  expect(replica.frontier.tipsOf(alice.publicKey)).toMatchObject([{ seq: 2000 }]);
});

test('a listener that throws is logged and harms nobody', async () => {
  replica.events.on('visible', () => {
    throw new Error('no');
  });
  const ids = shown();
  await replica.ingest([await alice.run(alice.chain(1))], push);
  expect(ids).toHaveLength(1);
  expect(opened.logged).toMatchObject([{ level: 'error' }]);
});

describe('payloads', () => {
  const claimPayload = utf8('something private');

  test('that are erased keep id, chain and root, and never come back from elsewhere', async () => {
    const chain = alice.chain(3, undefined, () => ({ payload: claimPayload }));
    const run = await alice.run(chain);
    await replica.ingest([run], push);
    const root = replica.frontier.root();
    const { id } = chain[1] as Assertion;
    await replica.erase(id);
    expect(replica.frontier.root()).toEqual(root);
    expect((await replica.journal.find(id))?.payload).toBeUndefined();
    expect((await replica.journal.find((chain[0] as Assertion).id))?.payload).toEqual(claimPayload);
    expect(await replica.restore(chain[1] as Assertion)).toBe(false);
    await replica.ingest([run], pull);
    expect((await replica.journal.find(id))?.payload).toBeUndefined();
    expect(await replica.journal.wanted(10)).toEqual([]);
    await expect(replica.erase(bob.next(undefined).id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('that came erased are wanted, and filled in by the right bytes only', async () => {
    const full = alice.next(undefined, { payload: claimPayload });
    await replica.ingest([await alice.run([{ ...full, payload: undefined }])], pull);
    expect(await replica.journal.wanted(10)).toEqual([full.id]);
    expect(await replica.restore({ ...full, payload: utf8('something else..') })).toBe(false);
    expect(await replica.restore(full)).toBe(true);
    expect(await replica.restore(full)).toBe(false);
    expect((await replica.journal.find(full.id))?.payload).toEqual(claimPayload);
    expect(await replica.journal.wanted(10)).toEqual([]);
    expect(hashPayload(claimPayload)).toEqual(full.payloadHash);
  });

  test('that are erased while somebody reads them are not served from memory afterwards', async () => {
    const [only] = alice.chain(1, undefined, () => ({ payload: claimPayload })) as [Assertion];
    await replica.ingest([await alice.run([only])], push);
    const letGo = store.holdNextGet();
    const reading = replica.journal.run(0);
    await replica.erase(only.id);
    letGo();
    await reading;
    expect((await replica.journal.find(only.id))?.payload).toBeUndefined();
  });
});

describe('the genesis’ write rule', () => {
  test('wants proof of work by seq in an open space', async () => {
    const worked = testSpace({ pow: [[1, 8]] });
    const author = await TestAuthor.create(worked, crypto, 1);
    const at = await openTestReplica(worked, crypto);
    const without = author.next(undefined, { payload: utf8('lazy') });
    const header = await withPow(without, 8);
    const withWork = identify(header, without.payload);
    const report = await at.replica.ingest([await author.run([without])], push);
    const isLucky = report.accepted === 1;
    expect(isLucky || report.refusals[0]?.code).toBe('BAD_POW');
    expect(await at.replica.ingest([await author.run([withWork])], push)).toMatchObject({ accepted: 1 });
    const next = await author.run([author.next(withWork)]);
    expect(await at.replica.ingest([next], push)).toMatchObject({ accepted: 1 });
  });

  test('refuses payloads over the limit of its space, and takes those at it', async () => {
    const small = testSpace({ payloadBytesMax: 10 });
    const author = await TestAuthor.create(small, crypto, 1);
    const at = await openTestReplica(small, crypto);
    const first = author.next(undefined, { payload: new Uint8Array(10) });
    expect(await at.replica.ingest([await author.run([first])], push)).toMatchObject({ accepted: 1 });
    const large = await author.run([author.next(first, { payload: new Uint8Array(11) })]);
    expect(await at.replica.ingest([large], push)).toMatchObject({ refusals: [{ code: 'OVERSIZE' }] });
    expect(at.replica.count).toBe(1);
  });

  test('wants an admission of each chain’s first assertion in an invited space', async () => {
    const root = await TestAuthor.create(space, crypto, 9);
    const invited = testSpace({ write: 'invited', admitters: [root.publicKey] });
    const author = await TestAuthor.create(invited, crypto, 1);
    const stranger = await TestAuthor.create(invited, crypto, 2);
    const at = await openTestReplica(invited, crypto);
    const signature = await crypto.sign(root.key.seed, admitMessage(invited.id, author.publicKey));
    const admitted = (by: TestAuthor, admitter = 0) =>
      identify({ ...by.next(undefined), proof: { pow: null, admit: [{ admitter, signature }] } }, utf8('0'));
    const bad = [
      await author.run([author.next(undefined)]),
      await stranger.run([admitted(stranger)]),
      await author.run([admitted(author, 1)]),
    ];
    for (const run of bad)
      expect(await at.replica.ingest([run], push)).toMatchObject({ refusals: [{ code: 'NOT_ADMITTED' }] });
    const first = admitted(author);
    const run = await author.run([first, author.next(first)]);
    expect(await at.replica.ingest([run], push)).toMatchObject({ accepted: 2 });
    expect(await at.replica.ingest([onWire(run, invited)], push)).toMatchObject({ known: 2 });
  });
});
