import { describe, expect, test } from 'vitest';
import { encodeClaims } from '../assertion/claims.ts';
import { type Assertion, kinds } from '../assertion/model.ts';
import { limits } from '../base/limits.ts';
import type { Store } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { ClaimFilter } from './claim-filter.ts';
import type { Replica } from './replica.ts';

function filled(from: number, to: number): ClaimFilter {
  const filter = new ClaimFilter();
  filter.complete();
  for (let n = from; n < to; n++) filter.add(`subject ${n}`, 'is');
  return filter;
}

const falseOnes = (filter: ClaimFilter) =>
  Array.from({ length: 2000 }, (_, n) => filter.mayHave(`other ${n}`, 'is')).filter(Boolean).length;

describe('the filter of claims', () => {
  test('misses nothing, and seldom says perhaps for nothing', () => {
    const filter = filled(0, limits.claimFilterClaimsMax);
    for (let n = 0; n < limits.claimFilterClaimsMax; n += 37)
      expect(filter.mayHave(`subject ${n}`, 'is')).toBe(true);
    expect(falseOnes(filter)).toBeLessThan(2000 * 0.03);
    expect(filter.mayHave('subject 1', 'was')).toBe(false);
    expect(filter.mayHave('subject', '1is')).toBe(false);
  });

  test('is certain of nothing before all that is stored is in', () => {
    const filter = new ClaimFilter();
    expect(filter.mayHave('a', 'b')).toBe(true);
    filter.complete();
    expect(filter.mayHave('a', 'b')).toBe(false);
  });

  test('comes back from its stored segments, with the arrival number from which runs are missing', () => {
    const filter = filled(0, limits.claimFilterClaimsMax);
    const full = filter.takeFull(7);
    expect(full.map(({ index }) => index)).toEqual([0]);
    expect(filter.takeFull(8)).toEqual([]);
    for (let n = 0; n < 1500; n++) filter.add(`later ${n}`, 'is');
    const open = filter.open(9);
    const again = new ClaimFilter();
    expect(again.load([...full, ...(open === undefined ? [] : [open])])).toBe(9);
    again.complete();
    expect(again.mayHave('subject 5', 'is') && again.mayHave('later 5', 'is')).toBe(true);
    expect(falseOnes(again)).toBeLessThan(2000 * 0.05);
  });

  test('reads again what is missing or damaged', () => {
    const filter = filled(0, limits.claimFilterClaimsMax * 2);
    const [first, second] = filter.takeFull(20);
    if (first === undefined || second === undefined) throw new Error('Two segments are full.');
    expect(new ClaimFilter().load([second])).toBe(0);
    expect(new ClaimFilter().load([{ ...first, bytes: first.bytes.subarray(1) }])).toBe(0);
    expect(new ClaimFilter().load([first, second])).toBe(20);
  });

  test('gives up, and is certain of nothing, beyond its last segment', () => {
    const filter = new ClaimFilter();
    filter.complete();
    const full = filled(0, limits.claimFilterClaimsMax).takeFull(0)[0];
    if (full === undefined) throw new Error('A segment is full.');
    filter.load(Array.from({ length: limits.claimFilterSegmentsMax }, (_, index) => ({ ...full, index })));
    expect(filter.mayHave('other', 'is')).toBe(true);
    expect(filter.open(2)).toBeUndefined();
  });
});

/** Its methods without itself, to be put together with others. */
function bound(store: Store): Store {
  const { get, getMany, range, write, flush, close } = store;
  return {
    get: get.bind(store),
    getMany: getMany.bind(store),
    range: range.bind(store),
    write: write.bind(store),
    flush: flush.bind(store),
    close: close.bind(store),
  };
}

describe('a store that is opened again', () => {
  const space = testSpace();
  const crypto = nodeCrypto();

  const own = { from: 'self', via: 'own' } as const;
  const said = { subject: 'late', predicate: 'is', object: 1, confidence: 1_000_000 };

  async function written(replica: Replica, count: number): Promise<void> {
    const author = await TestAuthor.create(space, crypto, 1);
    const chain = author.chain(count, undefined, (n) => ({
      kind: kinds.claim,
      payload: encodeClaims([{ subject: `s${n}`, predicate: 'is', object: n, confidence: 1_000_000 }]),
    }));
    for (let at = 0; at < count; at += 100) {
      await replica.ingest([await author.run(chain.slice(at, at + 100))], own);
    }
  }

  /** Whether the pair is ruled out, once the filter is complete. */
  async function rulesOut(replica: Replica, subject: string): Promise<boolean> {
    await expect.poll(() => replica.journal.mayHave('never said', 'is')).toBe(false);
    return !replica.journal.mayHave(subject, 'is');
  }

  test.each([
    ['closed in order, a few claims', 120, true],
    ['closed in order, many claims', 1500, true],
    ['that crashed', 1500, false],
  ])('knows again what it holds: %s', async (_, count, isClosed) => {
    const store = memoryStore();
    const { replica } = await openTestReplica(space, crypto, { store });
    await written(replica, count);
    if (isClosed) await replica.close();
    const again = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(again.replica, `s${count - 1}`)).toBe(false);
    expect(await rulesOut(again.replica, 's0')).toBe(false);
    expect(await rulesOut(again.replica, `s${count}`)).toBe(true);
  });

  const perRun = 1001;
  const perSegment = Math.ceil(limits.claimFilterClaimsMax / perRun);
  const bulk = (run: number) =>
    encodeClaims(Array.from({ length: perRun }, (_, n) => ({ ...said, subject: `s${run}/${n}` })));

  /** Runs of a thousand claims each, one assertion a run. */
  async function writtenInBulk(replica: Replica, runs: number): Promise<Assertion[]> {
    const author = await TestAuthor.create(space, crypto, 1);
    const chain = author.chain(runs, undefined, (run) => ({ kind: kinds.claim, payload: bulk(run) }));
    for (const assertion of chain) await replica.ingest([await author.run([assertion])], own);
    return chain;
  }

  test('knows again the claims of a run that filled a segment and went on in the next', async () => {
    const store = memoryStore();
    const { replica } = await openTestReplica(space, crypto, { store });
    await writtenInBulk(replica, perSegment);
    // It crashes.
    const again = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(again.replica, `s${perSegment - 1}/${perRun - 1}`)).toBe(false);
  });

  /** An assertion that came without its payload, so that the payload may come later. */
  async function erasedOne(replica: Replica): Promise<Assertion> {
    const author = await TestAuthor.create(space, crypto, 2);
    const late = author.next(undefined, { kind: kinds.claim, payload: encodeClaims([said]) });
    const run = await author.run([{ ...late, payload: undefined }]);
    await replica.ingest([run], { from: 'peer', via: 'pull' });
    return late;
  }

  test('knows again what was read again beyond a segment, when that is stored later', async () => {
    const store = memoryStore();
    const { replica } = await openTestReplica(space, crypto, { store });
    const late = await erasedOne(replica);
    const chain = await writtenInBulk(replica, perSegment + 5);
    // A payload that comes later takes away what is stored of the filter. It crashes.
    expect(await replica.restore(late)).toBe(true);
    const second = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(second.replica, 's0/0')).toBe(false);
    const author = await TestAuthor.create(space, crypto, 1);
    await second.replica.ingest([await author.run([author.next(chain.at(-1))])], own);
    // It crashes again.
    const third = await openTestReplica(space, crypto, { store });
    for (const run of [0, perSegment - 1, perSegment, perSegment + 4])
      expect(await rulesOut(third.replica, `s${run}/${perRun - 1}`), `run ${run}`).toBe(false);
    expect(await rulesOut(third.replica, said.subject)).toBe(false);
  });

  test('knows again a payload that came while a full segment was on its way to the disk', async () => {
    const store = memoryStore();
    const slow = Promise.withResolvers<void>();
    let isSlow = false;
    const write: Store['write'] = async (ops, options) => {
      const isBulk = ops.some(({ key }) => key[0] === 'f'.charCodeAt(0) && key.length === 5);
      if (isSlow && isBulk && ops.length > 100) await slow.promise;
      return store.write(ops, options);
    };
    const delayed: Store = { ...bound(store), write };
    const { replica } = await openTestReplica(space, crypto, { store: delayed });
    const late = await erasedOne(replica);
    const chain = await writtenInBulk(replica, perSegment - 1);
    isSlow = true;
    const author = await TestAuthor.create(space, crypto, 1);
    const filling = author.next(chain.at(-1), { kind: kinds.claim, payload: bulk(perSegment - 1) });
    const ingested = replica.ingest([await author.run([filling])], own);
    // Placed, and waiting for the disk.
    await expect.poll(() => replica.journal.mayHave(`s${perSegment - 1}/0`, 'is')).toBe(true);
    const restored = replica.restore(late);
    await new Promise((resolve) => setTimeout(resolve, 20));
    slow.resolve();
    await Promise.all([ingested, restored]);
    // It crashes.
    const again = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(again.replica, said.subject)).toBe(false);
  });

  test('knows again the claims of a payload that came later than its run', async () => {
    const store = memoryStore();
    const author = await TestAuthor.create(space, crypto, 2);
    const late = author.next(undefined, { kind: kinds.claim, payload: encodeClaims([said]) });
    const { replica } = await openTestReplica(space, crypto, { store });
    const run = await author.run([late]);
    await replica.ingest([{ ...run, assertions: [{ ...late, payload: undefined }] }], {
      from: 'peer',
      via: 'pull',
    });
    await written(replica, 1500);
    await replica.close();
    const second = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(second.replica, said.subject)).toBe(true);
    expect(await second.replica.restore(late)).toBe(true);
    // It crashes.
    const third = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(third.replica, said.subject)).toBe(false);
  });
});
