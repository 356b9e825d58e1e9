import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, u32Bytes } from '../base/bytes.ts';
import { blake3, domains, loadFastHash } from '../base/hash.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { Trie } from './trie.ts';
import { nibbleAt, pathOf, type Tip, type TrieEntry, trieEntry } from './trie-entry.ts';
import { EMPTY_ROOT, LEAF_MAX, type TrieNode } from './trie-node.ts';

beforeAll(loadFastHash);

/** Tip `n`: of its own author, or one of many of a forked author. */
function tip(n: number, author = n): Tip {
  return { author: blake3(u32Bytes(author)), seq: 1 + (n % 7), id: blake3(u32Bytes(n), u32Bytes(author)) };
}

function tips(count: number, from = 0): Tip[] {
  return Array.from({ length: count }, (_, i) => tip(from + i));
}

const rootOf = (trie: Trie) => bytesToHex(trie.root);

function nodes(node: TrieNode | undefined, into: Set<TrieNode> = new Set()): Set<TrieNode> {
  if (node === undefined) return into;
  into.add(node);
  if (node.kind === 'inner') for (const child of node.children) nodes(child, into);
  return into;
}

describe('the root', () => {
  test('of nothing is 32 zero bytes', () => {
    expect(Trie.of([]).root).toEqual(EMPTY_ROOT);
    expect(Trie.of(tips(40)).with([], tips(40)).root).toEqual(new Uint8Array(32));
  });

  test('depends on the set alone, not on order or history [STS-02]', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 400 }), (seed, size) => {
        const random = new SeededRandom(seed);
        // Some authors fork a lot: their tips share half of the path.
        const all = Array.from({ length: size }, (_, i) => tip(i, random.integer(3) === 0 ? 0 : i));
        const kept = all.filter(() => random.integer(2) === 0);
        let trie = Trie.empty;
        const present = new Set<Tip>();
        for (const part of [random.shuffle(all), random.shuffle(all), random.shuffle(all)]) {
          for (let at = 0; at < part.length; ) {
            const some = part.slice(at, at + 1 + random.integer(60));
            at += some.length;
            const add = some.filter((each) => !present.has(each) && random.integer(3) > 0);
            const remove = some.filter((each) => present.has(each) && random.integer(3) === 0);
            for (const each of add) present.add(each);
            for (const each of remove) present.delete(each);
            trie = trie.with(add, remove);
          }
        }
        const missing = kept.filter((each) => !present.has(each));
        const surplus = [...present].filter((each) => !kept.includes(each));
        trie = trie.with(missing, surplus);
        expect(rootOf(trie)).toBe(rootOf(Trie.of(random.shuffle(kept))));
        expect(trie.size).toBe(kept.length);
      }),
      { numRuns: 60 },
    );
  });

  test('is that of the set also where a guess removes what a full leaf does not hold [STS-02]', () => {
    const held = tips(LEAF_MAX);
    const [added, absent] = tips(2, 1000) as [Tip, Tip];
    const guess = Trie.of(held).with([added], [absent]);
    expect(rootOf(guess)).toBe(rootOf(Trie.of([...held, added])));
    expect(guess.node?.kind).toBe('inner');
  });

  test('stays what it was for a state that others followed, whenever and however often it is asked for [STS-02]', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new SeededRandom(seed);
        const states = [{ trie: Trie.of(tips(150)), entries: tips(150).map((each) => trieEntry(each)) }];
        for (let n = 1000; n < 1100; n++) {
          // Mostly from the newest, now and then from one that has been followed already.
          const from = states.at(random.integer(4) === 0 ? -1 - random.integer(states.length) : -1);
          const { trie, entries } = from as (typeof states)[number];
          const gone = entries.filter(() => random.integer(entries.length) < random.integer(4));
          const added = tips(random.integer(3) + (gone.length === 0 ? 1 : 0), n * 10).map((each) =>
            trieEntry(each),
          );
          const left = [...entries.filter((each) => !gone.includes(each)), ...added];
          const next = random.integer(5) === 0 ? trie.with(added, gone) : trie.followedBy(added, gone);
          states.push({ trie: next, entries: left });
          if (random.integer(3) === 0) next.root;
        }
        for (const { trie, entries } of random.shuffle(states))
          expect(rootOf(trie)).toBe(rootOf(Trie.of(entries)));
      }),
      { numRuns: 20 },
    );
  });

  test('differs for every other author, seq and id', () => {
    const { author, seq, id } = tip(1);
    const roots = [
      { author, seq, id },
      { author: id, seq, id },
      { author, seq: seq + 1, id },
      { author, seq, id: author },
    ];
    expect(new Set(roots.map((each) => rootOf(Trie.of([each])))).size).toBe(4);
  });
});

test("a path is half the author's hash and half the id's, digit by digit", () => {
  const entry = trieEntry(tip(5));
  const path = [...blake3(domains.path, entry.author).subarray(0, 8), ...blake3(entry.id)];
  expect([...pathOf(entry)]).toEqual(path);
  const digits = path.flatMap((byte) => [byte >> 4, byte & 15]);
  expect(digits.map((_, depth) => nibbleAt(entry, depth))).toEqual(digits);
  expect(trieEntry(tip(9, 5), entry)).toEqual(trieEntry(tip(9, 5)));
});

describe('a node', () => {
  test('is a leaf up to 32 entries and an inner one from 33 on, whichever way it got there', () => {
    const full = Trie.of(tips(LEAF_MAX));
    expect(full.node?.kind).toBe('leaf');
    const over = full.with(tips(1, LEAF_MAX), []);
    expect([over.node?.kind, over.size]).toEqual(['inner', LEAF_MAX + 1]);
    const back = over.with([], tips(1));
    expect([back.node?.kind, back.size]).toEqual(['leaf', LEAF_MAX]);
    expect(rootOf(back)).toBe(rootOf(Trie.of(tips(LEAF_MAX, 1))));
    // One change that adds and removes.
    expect(rootOf(over.with(tips(5, 100), tips(6)))).toBe(rootOf(Trie.of([...tips(27, 6), ...tips(5, 100)])));
  });

  test('holds hundreds of tips of one forked author, which share 16 nibbles', () => {
    const forks = Array.from({ length: 500 }, (_, i) => tip(i, 7));
    const trie = Trie.of([...forks, ...tips(100, 1000)]);
    expect(trie.size).toBe(600);
    const nibbles = [...pathOf(trieEntry(forks[0] as Tip))].flatMap((byte) => [byte >> 4, byte & 15]);
    expect(trie.at(nibbles.slice(0, 16))?.size).toBe(500);
    expect(trie.below(nibbles.slice(0, 16))).toHaveLength(500);
    const less = trie.with([], forks.slice(20));
    expect(rootOf(less)).toBe(rootOf(Trie.of([...forks.slice(0, 20), ...tips(100, 1000)])));
  });

  test('is found by its path, and the entries below any path wherever leaves end', () => {
    const trie = Trie.of(tips(3000));
    expect(trie.at([])).toBe(trie.node);
    for (const entry of trie.entries().slice(0, 200)) {
      const nibbles = [...pathOf(entry)].flatMap((byte) => [byte >> 4, byte & 15]);
      for (const depth of [0, 1, 2, 3, 5, 80]) {
        const prefix = nibbles.slice(0, depth);
        const expected = trie
          .entries()
          .filter((each) => prefix.every((digit, i) => digit === nibbleAt(each, i)));
        const below = trie.below(prefix);
        expect(new Set(below)).toEqual(new Set(expected));
        expect(below).toContain(entry);
        expect(trie.at(prefix)?.size ?? below.length).toBe(below.length);
      }
    }
  });
});

test('nodes of two tries are the same at a path exactly where the entries below it are', () => {
  const one = Trie.of(tips(700));
  const other = one.with(tips(40, 5000), tips(40));
  let same = 0;
  for (const entry of [...one.entries(), ...other.entries()]) {
    const nibbles = [...pathOf(entry)].flatMap((byte) => [byte >> 4, byte & 15]);
    for (const depth of [0, 1, 2, 3, 4]) {
      const prefix = nibbles.slice(0, depth);
      const hashes = (trie: Trie) =>
        trie
          .below(prefix)
          .map(({ hash }) => bytesToHex(hash))
          .sort()
          .join();
      const [a, b] = [one.canonicalAt(prefix), other.canonicalAt(prefix)];
      const isSame = a?.hash !== undefined && b?.hash !== undefined && rootBytes(a) === rootBytes(b);
      expect(isSame).toBe(hashes(one) === hashes(other));
      expect(a?.size ?? 0).toBe(one.below(prefix).length);
      if (isSame) same++;
    }
  }
  expect(same).toBeGreaterThan(100);
  expect(Trie.empty.canonicalAt([1, 2])).toBeUndefined();
});

describe('a change', () => {
  test('leaves the trie before it as it was, and shares what did not change', () => {
    const before = Trie.of(tips(2000));
    const root = rootOf(before);
    const after = before.with(tips(1, 5000), tips(1));
    expect(rootOf(before)).toBe(root);
    expect(before.size).toBe(2000);
    const old = nodes(before.node);
    const fresh = [...nodes(after.node)].filter((node) => !old.has(node));
    expect(fresh.length).toBeLessThan(12);
  });

  test('of one entry makes O(log n) new nodes [STS-02]', () => {
    const freshAt = (size: number) => {
      const before = Trie.of(tips(size));
      const old = nodes(before.node);
      let most = 0;
      for (let i = 0; i < 20; i++) {
        const after = before.with(tips(1, size + i), tips(1, i));
        most = Math.max(most, [...nodes(after.node)].filter((node) => !old.has(node)).length);
      }
      return most;
    };
    // Two paths of at most log16(n / 2) + 1 nodes each, and the children of a leaf that splits.
    expect(freshAt(300)).toBeLessThanOrEqual(2 * 3 + 16);
    expect(freshAt(10_000)).toBeLessThanOrEqual(2 * 4 + 16);
  });

  test('of ten entries in ten thousand is found by visiting a few hundred nodes [STS-02]', () => {
    const before = Trie.of(tips(10_000));
    const after = before.with(tips(10, 20_000), []);
    let visited = 0;
    const differing = (a: TrieNode | undefined, b: TrieNode | undefined): number => {
      visited++;
      if (a === b || (a !== undefined && b !== undefined && rootBytes(a) === rootBytes(b))) return 0;
      if (a?.kind !== 'inner' || b?.kind !== 'inner') return Math.abs((b?.size ?? 0) - (a?.size ?? 0));
      let sum = 0;
      for (let i = 0; i < 16; i++) sum += differing(a.children[i], b.children[i]);
      return sum;
    };
    expect(differing(before.node, after.node)).toBe(10);
    expect(visited).toBeLessThan(600);
  });
});

function rootBytes(node: TrieNode): string {
  return bytesToHex(node.hash);
}

test('a subtree that is replaced leaves the trie of the set without what was in it', () => {
  const size = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(size, fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 3 }), size, (count, path, n) => {
      const isBelow = (entry: TrieEntry) => Trie.of([entry]).below(path).length === 1;
      const all = tips(count).map((each) => trieEntry(each));
      const others = tips(n, 1000)
        .map((each) => trieEntry(each))
        .filter(isBelow);
      const replaced = Trie.of(all).replace(path, others);
      expect(rootOf(replaced)).toBe(rootOf(Trie.of([...all.filter((each) => !isBelow(each)), ...others])));
      for (const each of all) expect(replaced.has(each)).toBe(!isBelow(each));
      for (const each of others) expect(replaced.has(each)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('tips that share a whole path, as no set has them, end in a leaf [STS-02]', () => {
  const { author, id } = tip(1);
  const lies = Array.from({ length: LEAF_MAX + 1 }, (_, i) => ({ author, seq: i + 1, id }));
  expect(Trie.of(lies).size).toBe(LEAF_MAX + 1);
  expect(Trie.of([...lies, ...lies]).with([tip(1)], []).size).toBe(2 * LEAF_MAX + 3);
});
