import { expect, test } from 'vitest';
import { MemoryMetrics } from '../base/counters.ts';
import { blake3, domains } from '../base/hash.ts';
import { bloomKey, buildBloom } from '../set/bloom.ts';
import type { Tip } from '../set/trie-entry.ts';
import { testSpace } from '../testing/chains.ts';
import { auditBloom, lackedThere } from './bloom-audit.ts';
import type { DigestFilter } from './digest.ts';

const space = testSpace();
const nonce = new Uint8Array(16);
const root = new Uint8Array(32).fill(1);
const tipOf = (author: number, seq: number): Tip => ({
  author: blake3(domains.path, Uint8Array.of(author & 255, author >> 8)),
  seq,
  id: blake3(domains.path, Uint8Array.of(author & 255, author >> 8, seq)),
});
const labels = { space: Buffer.from(space.tag).toString('hex').slice(0, 8) };

function filterOf(ids: readonly Uint8Array[]): DigestFilter {
  const bloom = buildBloom(bloomKey(space.topic, nonce), ids);
  return { root, nonce, bloom };
}

test('what they lack are our tips of chains that they have not got as far', () => {
  const mine = [tipOf(1, 5), tipOf(2, 5), tipOf(3, 5)];
  const theirs = [tipOf(1, 4), tipOf(2, 6)];
  expect(lackedThere({ mine, theirs })).toEqual([mine[0], mine[2]]);
});

test('the rate of false positives of a filter is measured, and is about what its size makes it [ICG-30] [ICG-40]', () => {
  const metrics = new MemoryMetrics();
  const digest = filterOf(Array.from({ length: 500 }, (_, i) => tipOf(i, 1).id));
  const mine = Array.from({ length: 2000 }, (_, i) => tipOf(1000 + i, 1));
  auditBloom(digest, { mine, theirs: [] }, root, space, metrics);
  const [count, sum] = ['count', 'sum'].map((part) =>
    metrics.value(`bloom_false_positive_rate_${part}`, labels),
  );
  expect(count).toBe(2000);
  expect(Number(sum) / 2000).toBeGreaterThan(0.005);
  expect(Number(sum) / 2000).toBeLessThan(0.05);
});

test('a filter of another set than the one compared with tells nothing', () => {
  const metrics = new MemoryMetrics();
  const diff = { mine: [tipOf(1, 1)], theirs: [] };
  auditBloom(filterOf([]), diff, new Uint8Array(32), space, metrics);
  expect(metrics.snapshot()).toEqual([]);
});
