/** The frontier in memory: every author's tips, the trie over them, and the snapshots that sessions name. */
import { LRUCache } from 'lru-cache';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { TipRecord } from './journal-keys.ts';
import { Trie } from './trie.ts';

/** What a batch of new runs does to the frontier. */
export interface FrontierChange {
  readonly add: readonly TipRecord[];
  readonly remove: readonly TipRecord[];
}

export class Frontier {
  readonly #tips = new Map<string, readonly TipRecord[]>();
  readonly #snapshots = new LRUCache<string, Trie>({ max: limits.trieSnapshotsMax });
  #trie: Trie;
  /** The state that survives a power cut. The replica moves it on. */
  flushed: Trie;

  constructor(tips: readonly TipRecord[]) {
    for (const tip of tips) this.#replace(tip.author, [...this.tipsOf(tip.author), tip]);
    this.#trie = Trie.of(tips);
    this.flushed = this.#trie;
  }

  get trie(): Trie {
    return this.#trie;
  }

  get authors(): number {
    return this.#tips.size;
  }

  /** Tips of one author: one, or several where the author equivocated, or none. */
  tipsOf(author: Uint8Array): readonly TipRecord[] {
    return this.#tips.get(bytesToHex(author)) ?? [];
  }

  *tips(): Iterable<TipRecord> {
    for (const tips of this.#tips.values()) yield* tips;
  }

  /** The current root, whose snapshot can be asked for by `at` for as long as it is cached. */
  root(): Uint8Array {
    this.#snapshots.set(bytesToHex(this.#trie.root), this.#trie);
    return this.#trie.root;
  }

  at(root: Uint8Array): Trie | undefined {
    for (const trie of [this.#trie, this.flushed]) if (equalBytes(root, trie.root)) return trie;
    return this.#snapshots.get(bytesToHex(root));
  }

  apply(change: FrontierChange): void {
    for (const gone of change.remove) {
      this.#replace(
        gone.author,
        this.tipsOf(gone.author).filter((tip) => !equalBytes(tip.id, gone.id)),
      );
    }
    for (const tip of change.add) this.#replace(tip.author, [...this.tipsOf(tip.author), tip]);
    this.#trie = this.#trie.with(change.add, change.remove);
  }

  #replace(author: Uint8Array, tips: readonly TipRecord[]): void {
    if (tips.length === 0) this.#tips.delete(bytesToHex(author));
    else this.#tips.set(bytesToHex(author), tips);
  }
}
