/** How far the chains of a pull have come: what another pull goes on after, and whether a peer left something out. */
import { lastOf, type Run } from '../assertion/model.ts';
import { equalBytes, mapKey } from '../base/bytes.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Known, Range } from './messages.ts';

interface Chain {
  /** Up to here without a gap. Undefined where nothing of it was known. */
  at: Known | undefined;
  /** Something before what came is missing. */
  hasGap: boolean;
  readonly ends: readonly Tip[];
}

export class Progress {
  readonly #chains = new Map<string, Chain>();
  /** Ids of ends that came. */
  readonly #reached = new Set<string>();

  constructor(ranges: readonly Range[]) {
    for (const { author, seq, id, have } of ranges) {
      const key = mapKey(author);
      const ends = [...(this.#chains.get(key)?.ends ?? []), { author, seq, id }];
      const at = have.reduce<Known | undefined>(
        (highest, point) => (point.seq > (highest?.seq ?? 0) ? point : highest),
        undefined,
      );
      this.#chains.set(key, { at, hasGap: false, ends });
    }
  }

  /** Returns by how many assertions the chain has come on. */
  take(run: Run): number {
    const chain = this.#chains.get(mapKey(run.author));
    if (chain === undefined) return 0;
    const [first, last] = [run.assertions[0] as Run['assertions'][0], lastOf(run)];
    const seq = chain.at?.seq ?? 0;
    // Of a chain that is asked for up to several ends, seq tells no place.
    const isFork = chain.ends.length > 1;
    if (!isFork && first.seq > seq + 1) chain.hasGap = true;
    if (chain.hasGap) return 0;
    for (const end of chain.ends) {
      const found = run.assertions[end.seq - first.seq];
      if (found !== undefined && equalBytes(found.id, end.id)) this.#reached.add(mapKey(end.id));
    }
    if (isFork || last.seq <= seq) return 0;
    chain.at = { seq: last.seq, id: last.id };
    return last.seq - seq;
  }

  isReached({ id }: Tip): boolean {
    return this.#reached.has(mapKey(id));
  }

  /** What another pull of this chain may go on after; undefined where that is what is visible. */
  reachedOf(author: Uint8Array): Known | undefined {
    const chain = this.#chains.get(mapKey(author));
    return chain?.ends.length === 1 ? chain.at : undefined;
  }
}
