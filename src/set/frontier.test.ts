import { beforeAll, expect, test } from 'vitest';
import { u32Bytes } from '../base/bytes.ts';
import { blake3, loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { Frontier } from './frontier.ts';
import type { TipRecord } from './journal-keys.ts';
import { shortId } from './sketch.ts';
import { Trie } from './trie.ts';
import type { TrieEntry } from './trie-entry.ts';

beforeAll(loadFastHash);

function tip(n: number, author = n): TipRecord {
  return {
    author: blake3(u32Bytes(author)),
    seq: n,
    id: blake3(u32Bytes(n), u32Bytes(author)),
    hlc: { time: 1n, counter: 0 },
  };
}

test('holds the tips of each author, several where one forked, and none where the last one went', () => {
  const frontier = new Frontier([tip(1), tip(2, 1), tip(3)]);
  const { author } = tip(1);
  const tipsOf = () => frontier.tipsOf(author).map(({ seq, id, hlc }) => ({ author, seq, id, hlc }));
  expect(tipsOf()).toEqual([tip(1), tip(2, 1)]);
  expect(frontier.authors).toBe(2);
  frontier.apply({ add: [tip(4, 1)], remove: [tip(1)] });
  expect(tipsOf()).toEqual([tip(2, 1), tip(4, 1)]);
  expect([...frontier.tips()]).toHaveLength(3);
  expect(frontier.isForked(author)).toBe(true);
  expect(frontier.highestSeq(author)).toBe(4);
  frontier.apply({ add: [], remove: [tip(4, 1)] });
  expect(frontier.isForked(author)).toBe(false);
  expect(frontier.highestSeq(author)).toBe(2);
  frontier.apply({ add: [tip(4, 1), tip(5, 1)], remove: [] });
  expect(frontier.highestSeq(author)).toBe(5);
  frontier.apply({ add: [], remove: [tip(5, 1)] });
  expect(frontier.highestSeq(author)).toBe(4);
  frontier.apply({ add: [], remove: [tip(2, 1), tip(4, 1)] });
  expect(frontier.tipsOf(author)).toEqual([]);
  expect(frontier.authors).toBe(1);
  expect(frontier.root()).toEqual(Trie.of([tip(3)]).root);
});

test('gives back the state of any root that it named lately, and of the one that is flushed', () => {
  const frontier = new Frontier([tip(0)]);
  const roots: Uint8Array[] = [frontier.root()];
  for (let n = 1; n <= limits.trieSnapshotsMax + 10; n++) {
    frontier.apply({ add: [tip(n)], remove: [] });
    roots.push(frontier.root());
  }
  expect(frontier.at(roots.at(-1) as Uint8Array)?.size).toBe(limits.trieSnapshotsMax + 11);
  expect(frontier.at(roots.at(-40) as Uint8Array)?.size).toBe(limits.trieSnapshotsMax + 11 - 39);
  expect(frontier.at(roots[5] as Uint8Array)).toBeUndefined();
  expect(frontier.flushed.root).toEqual(roots[0]);
  expect(frontier.at(roots[0] as Uint8Array)?.size).toBe(1);
});

test('finds an entry by its short id, now and for a while after it went', () => {
  const frontier = new Frontier([tip(1), tip(2)]);
  const [one, two] = frontier.trie.entries() as [TrieEntry, TrieEntry];
  frontier.apply({ add: [], remove: [one as TrieEntry & TipRecord] });
  expect(frontier.entry(shortId(one.hash))).toEqual(one);
  expect(frontier.entry(shortId(two.hash))).toEqual(two);
  const { high, low } = shortId(two.hash);
  // The same 53 bits, another id.
  expect(frontier.entry({ high: (high ^ 0x80000000) >>> 0, low })).toBeUndefined();
});

test('remembers no state that it was not asked for', () => {
  const frontier = new Frontier([]);
  frontier.apply({ add: [tip(1)], remove: [] });
  const { root } = frontier.trie;
  frontier.apply({ add: [tip(2)], remove: [] });
  expect(frontier.at(root)).toBeUndefined();
});
