/**
 * The Merkle trie over the frontier: one entry per tip, radix 16, a leaf holds at most 32 entries.
 * Its shape depends on the set alone, so equal sets have equal roots. Nodes are never changed, only
 * replaced along one path: a session keeps working on the snapshot that a root names, at no cost.
 */
import { compareBytes } from '../base/bytes.ts';
import { entryOf, isBelow, nibbleAt, type Tip, type TrieEntry, trieEntry } from './trie-entry.ts';
import { build, collect, EMPTY_ROOT, leafOf, replace, type TrieNode, update } from './trie-node.ts';

/** One state of the frontier. Immutable: `with` gives the next one and shares what did not change. */
export class Trie {
  static readonly empty: Trie = new Trie(undefined);
  readonly node: TrieNode | undefined;

  private constructor(node: TrieNode | undefined) {
    this.node = node;
  }

  static of(tips: Iterable<Tip>): Trie {
    return new Trie(
      build(
        [...tips].map((tip) => trieEntry(tip)),
        0,
      ),
    );
  }

  /** 32 bytes; zeros for the empty set. */
  get root(): Uint8Array {
    return this.node?.hash ?? EMPTY_ROOT;
  }

  /** Tips. */
  get size(): number {
    return this.node?.size ?? 0;
  }

  /** The trie with some tips gone and others added, to be looked at. What is added must not be in it. */
  with(add: readonly (Tip | TrieEntry)[], remove: readonly (Tip | TrieEntry)[]): Trie {
    if (add.length === 0 && remove.length === 0) return this;
    const change = { add: add.map(entryOf), remove: remove.map(entryOf), isGuess: true };
    return new Trie(update(this.node, change, 0));
  }

  /** The same for the trie that takes the place of this one: what is dear to make is handed on to it. */
  followedBy(add: readonly TrieEntry[], remove: readonly TrieEntry[]): Trie {
    if (add.length === 0 && remove.length === 0) return this;
    return new Trie(update(this.node, { add, remove, isGuess: false }, 0));
  }

  /** The trie with everything below a path replaced, at a cost that does not depend on how much that is. */
  replace(path: readonly number[], entries: readonly TrieEntry[]): Trie {
    return new Trie(replace(this.node, path, 0, entries));
  }

  entries(): TrieEntry[] {
    return collect(this.node);
  }

  /** The node at a path of nibbles (0–15 each), or undefined where nothing is or a leaf ends above. */
  at(prefix: readonly number[]): TrieNode | undefined {
    let node = this.node;
    for (const digit of prefix) {
      if (node === undefined || node.kind === 'leaf') return undefined;
      node = node.children[digit];
    }
    return node;
  }

  /** The node that a path of nibbles would have if no leaf ended above it: what peers compare. */
  canonicalAt(prefix: readonly number[]): TrieNode | undefined {
    const node = this.at(prefix);
    if (node !== undefined) return node;
    const entries = this.below(prefix);
    return entries.length === 0 ? undefined : leafOf(entries);
  }

  /** How many entries are below a path of nibbles, if a node is there; 0 where a leaf ends above. */
  sizeAt(prefix: readonly number[]): number {
    return this.at(prefix)?.size ?? 0;
  }

  has(entry: TrieEntry): boolean {
    let node = this.node;
    for (let depth = 0; node?.kind === 'inner'; depth++) node = node.children[nibbleAt(entry, depth)];
    return node?.entries.some((each) => compareBytes(each.hash, entry.hash) === 0) ?? false;
  }

  /** Entries below a path of nibbles, wherever leaves end. */
  below(prefix: readonly number[]): TrieEntry[] {
    let node = this.node;
    for (const digit of prefix) {
      if (node === undefined) return [];
      if (node.kind === 'leaf') {
        return node.entries.filter((entry) => isBelow(entry, prefix));
      }
      node = node.children[digit];
    }
    return collect(node);
  }
}
