import { describe, expect, test } from 'vitest';
import { encodeClaims } from '../assertion/claims.ts';
import { kinds } from '../assertion/model.ts';
import { limits } from '../base/limits.ts';
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
    const full = filled(0, limits.claimFilterClaimsMax).takeFull(1)[0];
    if (full === undefined) throw new Error('A segment is full.');
    filter.load(Array.from({ length: limits.claimFilterSegmentsMax }, (_, index) => ({ ...full, index })));
    expect(filter.mayHave('other', 'is')).toBe(true);
    expect(filter.open(2)).toBeUndefined();
  });
});

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

  test('knows again the claims of a run that filled a segment and went on in the next', async () => {
    const store = memoryStore();
    const { replica } = await openTestReplica(space, crypto, { store });
    const author = await TestAuthor.create(space, crypto, 1);
    const perRun = 1001;
    const runs = Math.ceil(limits.claimFilterClaimsMax / perRun);
    const claimsOf = (run: number) =>
      Array.from({ length: perRun }, (_, n) => ({ ...said, subject: `s${run}/${n}` }));
    const chain = author.chain(runs, undefined, (run) => ({
      kind: kinds.claim,
      payload: encodeClaims(claimsOf(run)),
    }));
    for (const assertion of chain) await replica.ingest([await author.run([assertion])], own);
    // It crashes.
    const again = await openTestReplica(space, crypto, { store });
    expect(await rulesOut(again.replica, `s${runs - 1}/${perRun - 1}`)).toBe(false);
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
