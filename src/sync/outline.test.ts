import { expect, test } from 'vitest';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { decodeRun } from '../assertion/run-codec.ts';
import { limits } from '../base/limits.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TEST_NOW_MS, TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { End, Range } from './messages.ts';
import { outlineOf } from './outline.ts';
import { runsOfRanges } from './runs-source.ts';

const space = testSpace();
const crypto = nodeCrypto();

async function replicaOf(runs: readonly Run[]) {
  const { replica } = await openTestReplica(space, crypto);
  expect((await replica.ingest(runs, { from: 'peer', via: 'pull' })).refusals).toEqual([]);
  return replica;
}

/** Two authors who answer each other, one run of so many each in turn. */
async function conversation(turns: number, length: number) {
  const authors = [await TestAuthor.create(space, crypto, 1), await TestAuthor.create(space, crypto, 2)];
  const runs: Run[] = [];
  for (let i = 0; i < turns; i++) {
    const [own, other] = [runs.at(-2), runs.at(-1)];
    const before: Assertion | undefined = own && lastOf(own);
    const parents = other === undefined ? [] : [lastOf(other)];
    const author = authors[i % 2] as TestAuthor;
    runs.push(await author.run(author.chain(length, before, (at) => (at === 0 ? { parents } : {}))));
  }
  const ranges: Range[] = runs.slice(-2).map((run) => ({ ...lastOf(run), have: [] }));
  return { runs, ranges };
}

/** The ranges of each piece that an outline makes, the last one to the tips. */
function piecesOf(ranges: readonly Range[], cuts: readonly (readonly End[])[]): Range[][] {
  const at = new Map<number, End>();
  const pieces: Range[][] = [];
  const piece = (ends: readonly (Pick<Range, 'seq' | 'id'> & { readonly range: number })[]) =>
    ends.map(({ range, seq, id }) => {
      const before = at.get(range);
      return { author: (ranges[range] as Range).author, seq, id, have: before === undefined ? [] : [before] };
    });
  for (const cut of cuts) {
    pieces.push(piece(cut));
    for (const end of cut) at.set(end.range, end);
  }
  pieces.push(piece(ranges.map(({ seq, id }, range) => ({ seq, id, range }))));
  return pieces;
}

test('the pieces of an outline are, one after the other, what one pull would bring', async () => {
  const { runs, ranges } = await conversation(60, 3);
  const replica = await replicaOf(runs);
  const { cuts } = await outlineOf(replica, { ranges, assertions: 20, bytes: 1 << 20 }, TEST_NOW_MS);
  expect(cuts.length).toBe(9);
  const empty = await replicaOf([]);
  for (const piece of piecesOf(ranges, cuts)) {
    for await (const { bytes } of runsOfRanges(replica, { ranges: piece, cursor: null }, TEST_NOW_MS)) {
      const run = decodeRun(bytes, space.id);
      // In order, nothing missing, nothing twice: each is visible as soon as it is there.
      const report = await empty.ingest([run], { from: 'peer', via: 'pull' });
      expect([report.accepted, report.known]).toEqual([run.assertions.length, 0]);
    }
  }
  expect(empty.count).toBe(180);
});

test('pieces keep to their bounds in assertions and in bytes, but have one run at least', async () => {
  const { runs, ranges } = await conversation(20, 10);
  const replica = await replicaOf(runs);
  const lengths = async (assertions: number, bytes: number) => {
    const { cuts } = await outlineOf(replica, { ranges, assertions, bytes }, TEST_NOW_MS);
    return cuts.length;
  };
  expect(await lengths(1, 1 << 20)).toBe(19);
  expect(await lengths(20, 1 << 20)).toBe(9);
  expect(await lengths(1000, 1)).toBe(19);
  expect(await lengths(1000, 1 << 20)).toBe(0);
});

test('of what the other side has, and of what is not here, nothing is told', async () => {
  const { runs, ranges } = await conversation(20, 1);
  const replica = await replicaOf(runs);
  const known = runs.slice(10, 12).map((run) => lastOf(run));
  const later = ranges.map((range, i) => ({ ...range, have: [known[i] as Assertion] }));
  const { cuts } = await outlineOf(replica, { ranges: later, assertions: 2, bytes: 1 << 20 }, TEST_NOW_MS);
  expect(cuts.map((cut) => cut.map(({ seq }) => seq))).toEqual([
    [7, 7],
    [8, 8],
    [9, 9],
  ]);
  const nowhere = ranges.map((range) => ({ ...range, id: new Uint8Array(32) }));
  expect(await outlineOf(replica, { ranges: nowhere, assertions: 2, bytes: 1 << 20 }, TEST_NOW_MS)).toEqual({
    type: 'outline',
    cuts: [],
  });
});

test('an outline that grows too long stops at its bound, and what follows can be asked for then', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const runs: Run[] = [];
  for (let i = 0; i < limits.outlineCutsMax + 50; i++) {
    // Runs that name another chain are not joined when they are served.
    const before = runs.at(-1);
    const parents = before === undefined ? [] : [lastOf(before)];
    runs.push(await author.run(author.chain(1, before && lastOf(before), () => ({ parents }))));
  }
  const replica = await replicaOf(runs);
  const range: Range = { ...lastOf(runs.at(-1) as Run), have: [] };
  const outline = (from: Range) =>
    outlineOf(replica, { ranges: [from], assertions: 1, bytes: 1 << 20 }, TEST_NOW_MS);
  const { cuts } = await outline(range);
  expect(cuts.length).toBe(limits.outlineCutsMax);
  const last = cuts.at(-1)?.[0] as End;
  expect((await outline({ ...range, have: [last] })).cuts.length).toBe(49);
});
