/**
 * The Merkle trie over the frontier: one entry per tip, radix 16, a leaf holds at most 32 entries.
 * Its shape depends on the set alone, so equal sets have equal roots. Nodes are never changed, only
 * replaced along one path: a session keeps working on the snapshot that a root names, at no cost.
 */
import { bytesToHex, compareBytes, concatBytes, readU32, u32Bytes, u64Bytes } from '../base/bytes.ts';
import { blake3, domains } from '../base/hash.ts';

export const LEAF_MAX = 32;
const HASH_BYTES = 32;
const ALL_DIGITS = 0xffff;
export const EMPTY_ROOT: Uint8Array = new Uint8Array(HASH_BYTES);

/** One tip of one author. */
export interface Tip {
  readonly author: Uint8Array;
  readonly seq: number;
  readonly id: Uint8Array;
}

export interface TrieEntry extends Tip {
  /** BLAKE3("aver/entry" ‖ author ‖ seq ‖ id). */
  readonly hash: Uint8Array;
  /** The first 8 bytes of the path, as two signed words: they depend on the author alone. */
  readonly high: number;
  readonly low: number;
}

/** Nibbles of the path that depend on the author; the others depend on the id. */
const AUTHOR_NIBBLES = 16;
const PATH_NIBBLES = 80;

export type TrieNode = LeafNode | InnerNode;

/**
 * A node is hashed when somebody asks: what changes again before that was never hashed. The bytes to be
 * hashed are kept together and handed on to the node that takes this one's place, with what differs put
 * in: to gather them anew from all over the memory would take longer than hashing them.
 */
class LeafNode {
  readonly kind: 'leaf' = 'leaf';
  /** Sorted by hash, 1 to 32. */
  readonly entries: readonly TrieEntry[];
  /** Hashes of the entries. */
  readonly #hashes: Uint8Array;
  #hash: Uint8Array | undefined;

  constructor(entries: readonly TrieEntry[], hashes: Uint8Array) {
    this.entries = entries;
    this.#hashes = hashes;
  }

  static of(entries: readonly TrieEntry[]): LeafNode {
    const sorted = [...entries].sort((a, b) => compareBytes(a.hash, b.hash));
    const hashes = new Uint8Array(HASH_BYTES * sorted.length);
    for (const [i, entry] of sorted.entries()) hashes.set(entry.hash, HASH_BYTES * i);
    return new LeafNode(sorted, hashes);
  }

  get size(): number {
    return this.entries.length;
  }

  get hash(): Uint8Array {
    this.#hash ??= blake3(domains.leaf, this.#hashes);
    return this.#hash;
  }

  /** The leaf without one entry, with one more, or both. Not for an empty or an overfull one. */
  with(gone: TrieEntry | undefined, added: TrieEntry | undefined): LeafNode {
    const entries = this.entries.slice();
    const hashes = new Uint8Array(HASH_BYTES * (this.size + 1));
    hashes.set(this.#hashes);
    let { size } = this;
    if (gone !== undefined) {
      let place = 0;
      while (place < size && compareHashAt(hashes, place, gone.hash) !== 0) place++;
      if (place < size) {
        entries.splice(place, 1);
        hashes.copyWithin(HASH_BYTES * place, HASH_BYTES * (place + 1));
        size--;
      }
    }
    if (added !== undefined) {
      let place = 0;
      while (place < size && compareHashAt(hashes, place, added.hash) < 0) place++;
      entries.splice(place, 0, added);
      hashes.copyWithin(HASH_BYTES * (place + 1), HASH_BYTES * place);
      hashes.set(added.hash, HASH_BYTES * place);
      size++;
    }
    return new LeafNode(entries, hashes.subarray(0, HASH_BYTES * size));
  }
}

class InnerNode {
  readonly kind: 'inner' = 'inner';
  /** 16 places; undefined where empty. */
  readonly children: readonly (TrieNode | undefined)[];
  readonly size: number;
  /** Hashes of the children, those of `#stale` digits excepted. */
  readonly #hashes: Uint8Array;
  #stale: number;
  #hash: Uint8Array | undefined;

  constructor(children: readonly (TrieNode | undefined)[], before?: InnerNode) {
    this.children = children;
    let size = 0;
    let stale = before === undefined ? ALL_DIGITS : before.#stale;
    for (let digit = 0; digit < 16; digit++) {
      const child = children[digit];
      if (child !== undefined) size += child.size;
      if (before !== undefined && child !== before.children[digit]) stale |= 1 << digit;
    }
    this.size = size;
    this.#hashes = before === undefined ? new Uint8Array(16 * HASH_BYTES) : before.#hashes.slice();
    this.#stale = stale;
  }

  get hash(): Uint8Array {
    if (this.#hash === undefined) {
      for (let digit = 0; digit < 16; digit++) {
        if ((this.#stale & (1 << digit)) === 0) continue;
        this.#hashes.set(this.children[digit]?.hash ?? EMPTY_ROOT, HASH_BYTES * digit);
      }
      this.#stale = 0;
      this.#hash = blake3(domains.node, this.#hashes);
    }
    return this.#hash;
  }
}

/** How the hash at a place compares to another. */
function compareHashAt(hashes: Uint8Array, place: number, hash: Uint8Array): number {
  const from = HASH_BYTES * place;
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (hashes[from + i] as number) - (hash[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `kin` is another entry of the same author, if there is one: it has half of the path in common. */
export function trieEntry(tip: Tip, kin?: TrieEntry): TrieEntry {
  const { author, seq, id } = tip;
  const hash = blake3(domains.entry, author, u64Bytes(seq), id);
  if (kin !== undefined) return { author, seq, id, hash, high: kin.high, low: kin.low };
  const path = blake3(domains.path, author);
  return { author, seq, id, hash, high: readU32(path) | 0, low: readU32(path, 4) | 0 };
}

function entryOf(tip: Tip | TrieEntry): TrieEntry {
  return 'hash' in tip ? tip : trieEntry(tip);
}

/** 8 bytes that depend on the author, then 32 that depend on the id. */
export function pathOf({ high, low, id }: TrieEntry): Uint8Array {
  return concatBytes(u32Bytes(high), u32Bytes(low), blake3(id));
}

/** One digit of an entry's path. Below the author's half it is hashed again: only forks go so deep. */
export function nibbleAt(entry: TrieEntry, depth: number): number {
  if (depth < 8) return (entry.high >>> (28 - 4 * depth)) & 15;
  if (depth < AUTHOR_NIBBLES) return (entry.low >>> (60 - 4 * depth)) & 15;
  const byte = blake3(entry.id)[(depth - AUTHOR_NIBBLES) >> 1] as number;
  return depth % 2 === 0 ? byte >> 4 : byte & 15;
}

/** Whether the entry belongs below a path of nibbles. Its id is hashed once at most, however long the path is. */
export function isBelow(entry: TrieEntry, prefix: readonly number[]): boolean {
  for (let depth = 0; depth < Math.min(prefix.length, AUTHOR_NIBBLES); depth++)
    if (nibbleAt(entry, depth) !== prefix[depth]) return false;
  if (prefix.length <= AUTHOR_NIBBLES) return true;
  const hash = blake3(entry.id);
  return prefix.every((digit, depth) => {
    if (depth < AUTHOR_NIBBLES) return true;
    const byte = hash[(depth - AUTHOR_NIBBLES) >> 1] as number;
    return digit === (depth % 2 === 0 ? byte >> 4 : byte & 15);
  });
}

/** The canonical subtree of any number of entries that share `depth` nibbles. */
function build(entries: readonly TrieEntry[], depth: number): TrieNode | undefined {
  if (entries.length === 0) return undefined;
  // No two members share a whole path, but what a liar says of its set may: that ends in one leaf, not never.
  if (entries.length <= LEAF_MAX || depth === PATH_NIBBLES) return LeafNode.of(entries);
  const groups: TrieEntry[][] = Array.from({ length: 16 }, () => []);
  for (const entry of entries) groups[nibbleAt(entry, depth)]?.push(entry);
  return new InnerNode(groups.map((group) => build(group, depth + 1)));
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
  if (node === undefined) return build(change.add, depth);
  if (node.kind === 'leaf') return updateLeaf(node, change, depth);
  const children = node.children.slice();
  const digit = commonDigit(change, depth);
  if (digit !== undefined) children[digit] = update(children[digit], change, depth + 1);
  else {
    for (const [each, part] of partsAt(change, depth))
      children[each] = update(children[each], part, depth + 1);
  }
  const inner = new InnerNode(children, node);
  // What shrank to a leaf's size becomes a leaf, or the shape would tell of the past.
  return inner.size > LEAF_MAX ? inner : build(collect(inner), depth);
}

/** The next digit of all paths of a change. Most changes put one tip in place of another: nothing is to be sorted. */
function commonDigit({ add, remove }: Change, depth: number): number | undefined {
  const digit = nibbleAt((add[0] ?? remove[0]) as TrieEntry, depth);
  for (const entry of add) if (nibbleAt(entry, depth) !== digit) return undefined;
  for (const entry of remove) if (nibbleAt(entry, depth) !== digit) return undefined;
  return digit;
}

function partsAt(
  { add, remove }: Change,
  depth: number,
): Map<number, { add: TrieEntry[]; remove: TrieEntry[] }> {
  const parts = new Map<number, { add: TrieEntry[]; remove: TrieEntry[] }>();
  const partOf = (entry: TrieEntry) => {
    const digit = nibbleAt(entry, depth);
    let part = parts.get(digit);
    if (part === undefined) {
      part = { add: [], remove: [] };
      parts.set(digit, part);
    }
    return part;
  };
  for (const entry of add) partOf(entry).add.push(entry);
  for (const entry of remove) partOf(entry).remove.push(entry);
  return parts;
}

function updateLeaf(leaf: LeafNode, { add, remove }: Change, depth: number): TrieNode | undefined {
  if (add.length <= 1 && remove.length <= 1) {
    const size = leaf.size + add.length - remove.length;
    if (size > 0 && size <= LEAF_MAX) return leaf.with(remove[0], add[0]);
  }
  const gone = new Set(remove.map(({ hash }) => bytesToHex(hash)));
  const kept = leaf.entries.filter(({ hash }) => gone.size === 0 || !gone.has(bytesToHex(hash)));
  return build([...kept, ...add], depth);
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
    const kept = node.entries.filter((entry) => !isBelow(entry, path));
    return build([...kept, ...entries], depth);
  }
  const digit = path[depth] as number;
  const child = replace(node.children[digit], path, depth + 1, entries);
  const inner = new InnerNode(node.children.with(digit, child), node);
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

  /** The trie with some tips gone and others added. What is added must not be in it. */
  with(add: readonly (Tip | TrieEntry)[], remove: readonly (Tip | TrieEntry)[]): Trie {
    if (add.length === 0 && remove.length === 0) return this;
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
    return entries.length === 0 ? undefined : LeafNode.of(entries);
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
