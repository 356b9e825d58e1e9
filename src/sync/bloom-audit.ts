/** How often a digest's filter says yes where the truth is no: measured, not assumed (ICG-30). */
import { bytesToHex, equalBytes, mapKey } from '../base/bytes.ts';
import type { Metrics } from '../base/ports.ts';
import { bloomHas, bloomKey } from '../set/bloom.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { DigestFilter } from './digest.ts';

/** Tips that one side lacks, of each side. */
export interface Tips {
  readonly mine: readonly Tip[];
  readonly theirs: readonly Tip[];
}

/** Tips of ours that the other side lacks, by a proven difference. */
export function lackedThere(diff: Tips): Tip[] {
  const theirs = new Map<string, number>();
  for (const { author, seq } of diff.theirs) {
    const key = mapKey(author);
    theirs.set(key, Math.max(theirs.get(key) ?? 0, seq));
  }
  // Where their chain is as long or longer, they may well have ours within it.
  return diff.mine.filter(({ author, seq }) => (theirs.get(mapKey(author)) ?? 0) < seq);
}

/** Compares the filter with the difference to the very set that it was made of; of another set it says nothing. */
export function auditBloom(
  { bloom, nonce, root }: DigestFilter,
  diff: Tips,
  theirRoot: Uint8Array,
  space: SpaceIdentity,
  metrics: Pick<Metrics, 'observe'>,
): void {
  if (!equalBytes(root, theirRoot)) return;
  const key = bloomKey(space.topic, nonce);
  const labels = { space: bytesToHex(space.tag).slice(0, 8) };
  for (const { id } of lackedThere(diff)) {
    metrics.observe('bloom_false_positive_rate', bloomHas(key, bloom, id) ? 1 : 0, labels);
  }
}
