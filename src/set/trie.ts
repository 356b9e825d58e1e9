/**
 * The Merkle trie over the frontier: one entry per tip, radix 16, a leaf holds at most 32 entries.
 * Its shape depends on the set alone, so equal sets have equal roots. Nodes are never changed, only
 * replaced along one path: a session keeps working on the snapshot that a root names, at no cost.
 */
import { compareBytes, concatBytes, u64Bytes } from '../base/bytes.ts';
import { blake3, domains } from '../base/hash.ts';

export const LEAF_MAX = 32;
export const EMPTY_ROOT: Uint8Array = new Uint8Array(32);
/** Nibbles of a path: 8 bytes of the author's hash and 32 of the id's. */
const PATH_NIBBLES = 80;

/** One tip of one author. */
export interface Tip {
  readonly author: Uint8Array;
  readonly seq: number;
  readonly id: Uint8Array;
}

export interface TrieEntry extends Tip {
  /** BLAKE3("aver/entry" ‖ author ‖ seq ‖ id). */
  readonly hash: Uint8Array;
  /** 8 bytes that depend on the author, then 32 that depend on the id. */
  readonly path: Uint8Array;
}

export type TrieNode = LeafNode | InnerNode;
export interface LeafNode {
  readonly kind: 'leaf';
  readonly hash: Uint8Array;
  /** Sorted by hash, 1 to 32. */
  readonly entries: readonly TrieEntry[];
  readonly size: number;
}
export interface InnerNode {
  readonly kind: 'inner';
  readonly hash: Uint8Array;
  /** 16 places; undefined where empty. */
  readonly children: readonly (TrieNode | undefined)[];
  readonly size: number;
}

export function trieEntry(tip: Tip): TrieEntry {
  const { author, seq, id } = tip;
  const hash = blake3(domains.entry, author, u64Bytes(seq), id);
  const path = concatBytes(blake3(domains.path, author).subarray(0, 8), blake3(id));
  return { author, seq, id, hash, path };
}

function entryOf(tip: Tip | TrieEntry): TrieEntry {
  return 'path' in tip ? tip : trieEntry(tip);
}

function nibble(path: Uint8Array, depth: number): number {
  const byte = path[depth >> 1] as number;
  return depth % 2 === 0 ? byte >> 4 : byte & 15;
}

function leafOf(entries: readonly TrieEntry[]): LeafNode {
  const sorted = [...entries].sort((a, b) => compareBytes(a.hash, b.hash));
  const hash = blake3(domains.leaf, ...sorted.map((entry) => entry.hash));
  return { kind: 'leaf', hash, entries: sorted, size: sorted.length };
}

function innerOf(children: readonly (TrieNode | undefined)[]): InnerNode {
  let size = 0;
  for (const child of children) size += child?.size ?? 0;
  const hash = blake3(domains.node, ...children.map((child) => child?.hash ?? EMPTY_ROOT));
  return { kind: 'inner', hash, children, size };
}

/** The canonical subtree of any number of entries that share `depth` nibbles. */
function build(entries: readonly TrieEntry[], depth: number): TrieNode | undefined {
  if (entries.length === 0) return undefined;
  // No two members share a whole path, but what a liar says of its set may: that ends in one leaf, not never.
  if (entries.length <= LEAF_MAX || depth === PATH_NIBBLES) return leafOf(entries);
  const groups: TrieEntry[][] = Array.from({ length: 16 }, () => []);
  for (const entry of entries) groups[nibble(entry.path, depth)]?.push(entry);
  return innerOf(groups.map((group) => build(group, depth + 1)));
}

function collect(node: TrieNode | undefined, into: TrieEntry[] = []): TrieEntry[] {
  if (node === undefined) return into;
  if (node.kind === 'leaf') into.push(...node.entries);
  else for (const child of node.children) collect(child, into);
  return into;
}

interface Change {
  readonly add: readonly TrieEntry[];
  readonly remove: readonly TrieEntry[];
}

function update(node: TrieNode | undefined, change: Change, depth: number): TrieNode | undefined {
  if (change.add.length === 0 && change.remove.length === 0) return node;
  if (node === undefined) return build(change.add, depth);
  if (node.kind === 'leaf') {
    const kept = node.entries.filter(
      (entry) => !change.remove.some((gone) => compareBytes(gone.hash, entry.hash) === 0),
    );
    return build([...kept, ...change.add], depth);
  }
  const add: TrieEntry[][] = Array.from({ length: 16 }, () => []);
  const remove: TrieEntry[][] = Array.from({ length: 16 }, () => []);
  for (const entry of change.add) add[nibble(entry.path, depth)]?.push(entry);
  for (const entry of change.remove) remove[nibble(entry.path, depth)]?.push(entry);
  const children = node.children.map((child, i) =>
    update(child, { add: add[i] as TrieEntry[], remove: remove[i] as TrieEntry[] }, depth + 1),
  );
  const inner = innerOf(children);
  // What shrank to a leaf's size becomes a leaf, or the shape would tell of the past.
  return inner.size > LEAF_MAX ? inner : build(collect(inner), depth);
}

/** The subtree with everything below a path replaced by a few entries that belong there. */
function replace(
  node: TrieNode | undefined,
  path: readonly number[],
  depth: number,
  entries: readonly TrieEntry[],
): TrieNode | undefined {
  if (node === undefined || depth === path.length) return build(entries, depth);
  if (node.kind === 'leaf') {
    const kept = node.entries.filter((entry) => path.some((digit, i) => nibble(entry.path, i) !== digit));
    return build([...kept, ...entries], depth);
  }
  const digit = path[depth] as number;
  const inner = innerOf(node.children.with(digit, replace(node.children[digit], path, depth + 1, entries)));
  return inner.size > LEAF_MAX ? inner : build(collect(inner), depth);
}

/** One state of the frontier. Immutable: `with` gives the next one and shares what did not change. */
export class Trie {
  static readonly empty: Trie = new Trie(undefined);
  readonly node: TrieNode | undefined;

  private constructor(node: TrieNode | undefined) {
    this.node = node;
  }

  static of(tips: Iterable<Tip>): Trie {
    return new Trie(build([...tips].map(trieEntry), 0));
  }

  /** 32 bytes; zeros for the empty set. */
  get root(): Uint8Array {
    return this.node?.hash ?? EMPTY_ROOT;
  }

  /** Tips. */
  get size(): number {
    return this.node?.size ?? 0;
  }

  /** The trie with some tips gone and others added. What is added must not be in it. */
  with(add: readonly (Tip | TrieEntry)[], remove: readonly (Tip | TrieEntry)[]): Trie {
    const change = { add: add.map(entryOf), remove: remove.map(entryOf) };
    return new Trie(update(this.node, change, 0));
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
    for (let depth = 0; node?.kind === 'inner'; depth++) node = node.children[nibble(entry.path, depth)];
    return node?.entries.some((each) => compareBytes(each.hash, entry.hash) === 0) ?? false;
  }

  /** Entries below a path of nibbles, wherever leaves end. */
  below(prefix: readonly number[]): TrieEntry[] {
    let node = this.node;
    for (const digit of prefix) {
      if (node === undefined) return [];
      if (node.kind === 'leaf') {
        return node.entries.filter((entry) => prefix.every((wanted, i) => nibble(entry.path, i) === wanted));
      }
      node = node.children[digit];
    }
    return collect(node);
  }
}
