/** What it costs to keep trie and sketch up to date, against hashing as many nodes of the trie and nothing else. */

import { randomBytes } from 'node:crypto';
import { blake3, loadFastHash } from '../../src/base/hash.ts';
import { Frontier } from '../../src/set/frontier.ts';
import type { TipRecord } from '../../src/set/journal-keys.ts';
import type { Trie } from '../../src/set/trie.ts';
import { pathOf, trieEntry } from '../../src/set/trie-entry.ts';
import { LEAF_MAX } from '../../src/set/trie-node.ts';
import { TEST_NOW_MS } from '../../src/testing/chains.ts';
import type { Bench } from './bench.ts';
import { cpuMs } from './clock.ts';
import { atMost, type Take } from './figure.ts';

/** Changes of a take: each author's chain goes on by one. */
const CHANGES = 10_000;
const TOGETHER = 100;
const HASH_BYTES = 32;
/** Of a tip that goes and one that comes: its entry, the two halves of its path, its cells. */
const SMALL_HASHES = 2 * 4;

export const keep: Bench = {
  name: 'keep',
  about:
    'trie and sketch over so many tips, each author’s chain going on by one (×: BLAKE3 of the same nodes)',
  async run({ keepTips }) {
    await loadFastHash();
    return keepTips.flatMap((count) => measure(count));
  },
};

function measure(count: number): Take[] {
  const tips = Array.from({ length: count }, (_, i) => tip(randomBytes(HASH_BYTES), i % 1000));
  const frontier = new Frontier(tips);
  const of = `${count.toLocaleString('en')} tips`;
  apply(frontier, tips, 1); // The first ones compile.
  return [1, TOGETHER].map((together) => {
    const hashed = hashSeconds(frontier.trie, tips, together);
    const seconds = apply(frontier, tips, together);
    const name = together === 1 ? 'one at a time' : `${together} together`;
    const limit = ['BLAKE3 of the same nodes', (1e6 * hashed) / CHANGES] as const;
    return {
      of,
      name,
      unit: 'µs of CPU each',
      value: (1e6 * seconds) / CHANGES,
      limit,
      bar: count === 100_000 ? atMost(15) : undefined,
    };
  });
}

function tip(author: Uint8Array, seq: number): TipRecord {
  return { author, seq, id: randomBytes(HASH_BYTES), hlc: { time: BigInt(TEST_NOW_MS), counter: 0 } };
}

/** CPU seconds of so many changes; the tips follow. */
function apply(frontier: Frontier, tips: TipRecord[], together: number): number {
  const changes: { readonly add: TipRecord[]; readonly remove: TipRecord[] }[] = [];
  for (let done = 0; done < CHANGES; done += together) {
    const [add, remove]: [TipRecord[], TipRecord[]] = [[], []];
    for (let i = 0; i < Math.min(together, tips.length); i++) {
      // Far from each other, as ids are; a prime, so that none comes twice in one batch.
      const place = ((done + i) * 7919) % tips.length;
      const before = tips[place] as TipRecord;
      const after = tip(before.author, before.seq + 1);
      tips[place] = after;
      add.push(after);
      remove.push(before);
    }
    changes.push({ add, remove });
  }
  const beforeMs = cpuMs();
  for (const change of changes) {
    frontier.apply(change);
    frontier.trie.root; // Nodes are hashed when somebody asks for them: that belongs to what a change costs.
  }
  return (cpuMs() - beforeMs) / 1000;
}

/** CPU seconds to hash the nodes that such changes touch: bytes of the same lengths. */
function hashSeconds(trie: Trie, tips: readonly TipRecord[], together: number): number {
  const inner = new Uint8Array(16 * HASH_BYTES + 9);
  const leaf = new Uint8Array((LEAF_MAX / 2) * HASH_BYTES + 9);
  const small = new Uint8Array(HASH_BYTES + 16);
  const { nodes, leaves } = touched(trie, tips, together);
  const beforeMs = cpuMs();
  for (let i = 0; i < nodes; i++) blake3(inner);
  for (let i = 0; i < leaves; i++) blake3(leaf);
  for (let i = 0; i < CHANGES * SMALL_HASHES; i++) blake3(small);
  return (cpuMs() - beforeMs) / 1000;
}

function touched(trie: Trie, tips: readonly TipRecord[], together: number) {
  let nodes = 0;
  let leaves = 0;
  for (let done = 0; done < CHANGES; done += together) {
    const inner = new Set<string>();
    const outer = new Set<string>();
    for (let i = 0; i < together; i++) {
      const path = pathTo(trie, tips[((done + i) * 7919) % tips.length] as TipRecord);
      for (let depth = 0; depth < path.length; depth++) inner.add(path.slice(0, depth));
      outer.add(path);
    }
    nodes += inner.size;
    leaves += outer.size;
  }
  return { nodes, leaves };
}

/** The nibbles down to the leaf that holds the tip. */
function pathTo(trie: Trie, tip: TipRecord): string {
  const digits = Array.from(pathOf(trieEntry(tip)), (byte) => [byte >> 4, byte & 15]).flat();
  let depth = 0;
  while (trie.at(digits.slice(0, depth))?.kind === 'inner') depth++;
  return digits
    .slice(0, depth)
    .map((digit) => digit.toString(16))
    .join('');
}
