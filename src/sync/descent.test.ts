import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { bytesToHex, u64Bytes } from '../base/bytes.ts';
import { blake3, loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { Trie } from '../set/trie.ts';
import type { Tip } from '../set/trie-entry.ts';
import { Descent, type DescentOptions, nodeViews } from './descent.ts';
import type { NodeView, Prefix } from './messages.ts';

beforeAll(() => loadFastHash());

const salt = new Uint8Array(16).fill(9);

function tip(number: number, seq = 1): Tip {
  return { author: blake3(u64Bytes(number)), seq, id: blake3(u64Bytes(number), u64Bytes(seq)) };
}

function descent(mine: Trie, theirs: Trie, parts: Partial<DescentOptions> = {}): Descent {
  return new Descent({
    trie: mine,
    root: theirs.root,
    salt,
    prefixesMax: limits.nodePrefixesMax,
    ask: async (prefixes: readonly Prefix[]) => nodeViews(theirs, salt, prefixes),
    known: async (ids) => ids.map(() => false),
    ...parts,
  });
}

const names = (tips: readonly Tip[]) => tips.map(({ id }) => bytesToHex(id)).sort();

test('ten differences among ten thousand tips cost a few visits, not ten thousand [STS-02] [STS-12]', async () => {
  const shared = Array.from({ length: 10_000 }, (_, i) => tip(i));
  const mine = Trie.of([...shared, ...Array.from({ length: 5 }, (_, i) => tip(20_000 + i))]);
  const theirs = Trie.of([...shared, ...Array.from({ length: 5 }, (_, i) => tip(30_000 + i))]);
  const run = descent(mine, theirs);
  const diff = await run.run();
  expect(diff?.theirs).toHaveLength(5);
  expect(diff?.mine).toHaveLength(5);
  expect(diff?.complete).toBe(true);
  // The root, and at most three nodes below it for each difference.
  expect(run.visits).toBeLessThanOrEqual(1 + 3 * 10);
});

test('any two sets give exactly what each has alone', async () => {
  const numbers = fc.uniqueArray(fc.nat(400), { maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(numbers, numbers, fc.integer({ min: 1, max: 5 }), async (a, b, prefixesMax) => {
      const diff = await descent(Trie.of(a.map((n) => tip(n))), Trie.of(b.map((n) => tip(n))), {
        prefixesMax,
      }).run();
      const only = (x: number[], y: number[]) => x.filter((n) => !y.includes(n)).map((n) => tip(n));
      expect(names(diff?.mine ?? [])).toEqual(names(only(a, b)));
      expect(names(diff?.theirs ?? [])).toEqual(names(only(b, a)));
    }),
    { numRuns: 60 },
  );
});

test('several tips of one author, as after a fork, are told apart', async () => {
  const mine = Trie.of([tip(1, 1), tip(1, 2), tip(1, 3)]);
  const theirs = Trie.of([tip(1, 2), tip(1, 4)]);
  const diff = await descent(mine, theirs).run();
  expect(names(diff?.mine ?? [])).toEqual(names([tip(1, 1), tip(1, 3)]));
  expect(names(diff?.theirs ?? [])).toEqual(names([tip(1, 4)]));
});

test('a peer that answers with fewer nodes than asked is asked for the rest', async () => {
  const theirs = Trie.of(Array.from({ length: 500 }, (_, i) => tip(i)));
  const ask = async (prefixes: readonly Prefix[]) => nodeViews(theirs, salt, prefixes.slice(0, 1));
  const diff = await descent(Trie.empty, theirs, { ask }).run();
  expect(diff?.theirs).toHaveLength(500);
});

test('a snapshot that is gone in the middle ends the descent without a verdict', async () => {
  const theirs = Trie.of(Array.from({ length: 500 }, (_, i) => tip(i)));
  let left = 1;
  const ask = async (prefixes: readonly Prefix[]) =>
    left-- > 0 ? nodeViews(theirs, salt, prefixes) : undefined;
  expect(await descent(Trie.empty, theirs, { ask }).run()).toBeUndefined();
});

test('more than one round may take is cut, and says so', async () => {
  const count = limits.diffEntriesMax + 3000;
  const theirs = Trie.of(Array.from({ length: count }, (_, i) => tip(i)));
  const diff = await descent(Trie.empty, theirs).run();
  expect(diff?.complete).toBe(false);
  expect(diff?.theirs.length).toBeGreaterThanOrEqual(limits.diffEntriesMax);
  expect(diff?.theirs.length).toBeLessThan(count);
});

test('older tips of chains on which we are ahead do not use up the round', async () => {
  const count = limits.diffEntriesMax + 3000;
  const theirs = Trie.of(Array.from({ length: count }, (_, i) => tip(i)));
  const news = bytesToHex(tip(count - 1).id);
  const known = async (ids: readonly Uint8Array[]) => ids.map((id) => bytesToHex(id) !== news);
  const diff = await descent(Trie.empty, theirs, { known }).run();
  expect(diff?.complete).toBe(true);
  expect(diff?.theirs.filter((entry) => !entry.known)).toHaveLength(1);
});

test.each<[string, string, (honest: NodeView[]) => NodeView[]]>([
  ['hides a tip', 'BAD_HASH', ([leaf]) => [{ kind: 'leaf', tips: tipsOf(leaf).slice(1) }]],
  ['invents emptiness', 'BAD_HASH', () => [{ kind: 'empty' }]],
  ['reverses a leaf', 'BAD_ENCODING', ([leaf]) => [{ kind: 'leaf', tips: [...tipsOf(leaf)].reverse() }]],
  ['repeats a tip', 'BAD_ENCODING', ([leaf]) => [{ kind: 'leaf', tips: [...tipsOf(leaf), ...tipsOf(leaf)] }]],
  ['answers nothing', 'BAD_ENCODING', () => []],
  ['answers too much', 'BAD_ENCODING', (views) => [...views, { kind: 'empty' }]],
])('a peer that %s is found out', async (_, code, lie) => {
  const theirs = Trie.of([tip(1), tip(2), tip(3)]);
  const ask = async (prefixes: readonly Prefix[]) => lie(nodeViews(theirs, salt, prefixes));
  await expect(descent(Trie.empty, theirs, { ask }).run()).rejects.toMatchObject({ code });
});

test('a trie without end is not followed for ever', async () => {
  const endless: NodeView = { kind: 'inner', digests: new Uint8Array(96).fill(1) };
  const ask = async (prefixes: readonly Prefix[]) => prefixes.map(() => endless);
  await expect(descent(Trie.empty, Trie.of([tip(1)]), { ask }).run()).rejects.toMatchObject({
    code: 'BAD_ENCODING',
  });
});

test('a tip in a subtree where it does not belong is found out', async () => {
  const theirs = Trie.of(Array.from({ length: 500 }, (_, i) => tip(i)));
  const stranger: NodeView = { kind: 'leaf', tips: [tip(9999)] };
  const ask = async (prefixes: readonly Prefix[]) =>
    prefixes[0]?.length === 0 ? nodeViews(theirs, salt, prefixes) : prefixes.map(() => stranger);
  await expect(descent(Trie.empty, theirs, { ask }).run()).rejects.toMatchObject({ code: 'BAD_ENCODING' });
});

/** Ours, the first a prefix of the rest. */
const many = (count: number, from = 0) => Array.from({ length: count }, (_, i) => tip(from + i));

test('a peer that lacks nearly everything of ours costs no look at all of it, and is proven right or wrong', async () => {
  const mine = Trie.of(many(limits.diffEntriesMax + 5000));
  let looked = 0;
  const below = mine.below.bind(mine);
  mine.below = (prefix) => {
    const entries = below(prefix);
    looked += entries.length;
    return entries;
  };
  for (const theirs of [Trie.empty, Trie.of(many(20, 5)), Trie.of([...many(20, 5), ...many(9, 30_000)])]) {
    const diff = await descent(mine, theirs).run();
    expect(diff).toMatchObject({ complete: true });
    expect((diff?.mine.length ?? 0) + (diff?.omitted ?? 0)).toBe(mine.size - Math.min(20, theirs.size));
    expect(names(diff?.theirs ?? [])).toEqual(names(theirs.size > 20 ? many(9, 30_000) : []));
  }
  expect(looked).toBe(0);
  const lies = async () => [{ kind: 'empty' } as const];
  const lying = descent(mine, Trie.of(many(3)), { ask: lies }).run();
  await expect(lying).rejects.toMatchObject({ code: 'BAD_HASH' });
});

test('a difference of any shape beyond what is listed is counted and proven', async () => {
  const mine = Trie.of(many(limits.diffEntriesMax * 2));
  for (const kept of [40, 600, 9000]) {
    const theirs = Trie.of([...many(kept, 100), ...many(30, 50_000)]);
    const diff = await descent(mine, theirs).run();
    expect(diff).toMatchObject({ complete: true });
    expect((diff?.mine.length ?? 0) + (diff?.omitted ?? 0)).toBe(mine.size - kept);
    expect(diff?.theirs).toHaveLength(30);
  }
});

function tipsOf(view: NodeView | undefined): readonly Tip[] {
  return view?.kind === 'leaf' ? view.tips : [];
}
