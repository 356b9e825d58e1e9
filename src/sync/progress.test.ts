import { expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import type { Range } from './messages.ts';
import { Progress } from './progress.ts';

const space = testSpace();
const crypto = nodeCrypto();

/** Four runs of three, and the range from after the first to the end of the last. */
async function example() {
  const author = await TestAuthor.create(space, crypto, 1);
  const chain = author.chain(12);
  const runs: Run[] = [];
  for (let from = 0; from < 12; from += 3) runs.push(await author.run(chain.slice(from, from + 3)));
  const tip = lastOf(runs[3] as Run);
  const range: Range = { author: author.publicKey, seq: 12, id: tip.id, have: [lastOf(runs[0] as Run)] };
  return { author, chain, runs: runs as [Run, Run, Run, Run], range };
}

test('a chain that comes without a gap is reached at its end, and may be gone on after at any time', async () => {
  const { author, runs, range } = await example();
  const progress = new Progress([range]);
  expect(progress.reachedOf(author.publicKey)?.seq).toBe(3);
  expect(progress.take(runs[1])).toBe(3);
  expect([progress.reachedOf(author.publicKey)?.seq, progress.isReached(range)]).toEqual([6, false]);
  expect(progress.take(runs[2])).toBe(3);
  expect(progress.take(runs[3])).toBe(3);
  expect([progress.reachedOf(author.publicKey)?.seq, progress.isReached(range)]).toEqual([12, true]);
});

test('a chain of which a run was left out is not reached, and is gone on after what came before', async () => {
  const { author, runs, range } = await example();
  const progress = new Progress([range]);
  progress.take(runs[1]);
  expect(progress.take(runs[3])).toBe(0);
  expect([progress.reachedOf(author.publicKey)?.seq, progress.isReached(range)]).toEqual([6, false]);
});

test('an end within a run is reached with that run, and what comes again counts for nothing', async () => {
  const { author, chain, runs, range } = await example();
  const end = chain[4] as (typeof chain)[number];
  const progress = new Progress([{ ...range, seq: end.seq, id: end.id }]);
  expect([progress.take(runs[1]), progress.take(runs[1])]).toEqual([3, 0]);
  expect(progress.isReached(end)).toBe(true);
  expect(progress.reachedOf(author.publicKey)?.seq).toBe(6);
});

test('another assertion at the seq of the end does not reach it', async () => {
  const { author, runs, range } = await example();
  const progress = new Progress([{ ...range, seq: 6, id: new Uint8Array(32) }]);
  progress.take(runs[1]);
  expect(progress.isReached({ author: author.publicKey, seq: 6, id: new Uint8Array(32) })).toBe(false);
});

test('of a forked chain each end has to show itself, and nothing is gone on after', async () => {
  const { author, runs, range } = await example();
  const other: Range = { ...range, id: new Uint8Array(32) };
  const progress = new Progress([range, other]);
  for (const run of runs.slice(1)) progress.take(run);
  expect([progress.isReached(range), progress.isReached(other)]).toEqual([true, false]);
  expect(progress.reachedOf(author.publicKey)).toBeUndefined();
});
