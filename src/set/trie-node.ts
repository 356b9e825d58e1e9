/** Nodes of the trie, and how a change makes new ones along its path. */
import { compareBytes, concatBytes, equalBytes, mapKey } from '../base/bytes.ts';
import { blake3, domains } from '../base/hash.ts';
import { isBelow, nibbleAt, PATH_NIBBLES, type TrieEntry } from './trie-entry.ts';

export const LEAF_MAX = 32;
const HASH_BYTES = 32;
const ALL_DIGITS = 0xffff;
export const EMPTY_ROOT: Uint8Array = new Uint8Array(HASH_BYTES);
/** What an inner node without children is hashed from. */
const NODE_BYTES = concatBytes(domains.node, new Uint8Array(16 * HASH_BYTES));

export type TrieNode = LeafNode | InnerNode;

/**
 * A node is hashed when somebody asks: what changes again before that was never hashed. The bytes to be
 * hashed are kept together and handed on to the node that takes this one's place, with what differs put
 * in: to gather them anew from all over the memory would take longer than hashing them. Who is hashed
 * after it handed them on does gather them anew. For a guess, from which nothing goes on, they are copied.
 */
class LeafNode {
  readonly kind: 'leaf' = 'leaf';
  /** Sorted by hash, 1 to 32. */
  readonly entries: readonly TrieEntry[];
  #bytes: Uint8Array | undefined;
  #hash: Uint8Array | undefined;

  constructor(entries: readonly TrieEntry[], bytes?: Uint8Array) {
    this.entries = entries;
    this.#bytes = bytes;
  }

  static of(entries: readonly TrieEntry[]): LeafNode {
    const sorted = [...entries].sort((a, b) => compareBytes(a.hash, b.hash));
    return new LeafNode(sorted);
  }

  get size(): number {
    return this.entries.length;
  }

  get hash(): Uint8Array {
    this.#hash ??= blake3(this.#gathered());
    return this.#hash;
  }

  /** The domain, then the hashes of the entries. */
  #gathered(): Uint8Array {
    if (this.#bytes === undefined) {
      this.#bytes = new Uint8Array(leafBytes(this.size));
      this.#bytes.set(domains.leaf);
      for (const [i, { hash }] of this.entries.entries()) this.#bytes.set(hash, leafBytes(i));
    }
    return this.#bytes;
  }

  /** The leaf without one entry, with one more, or both. */
  with(gone: TrieEntry | undefined, added: TrieEntry | undefined, isGuess: boolean): LeafNode {
    const entries = this.entries.slice();
    let bytes = this.#gathered();
    if (isGuess) bytes = bytes.slice();
    else this.#bytes = undefined;
    const place = gone === undefined ? -1 : this.#placeOf(gone);
    if (place >= 0) {
      entries.splice(place, 1);
      bytes.copyWithin(leafBytes(place), leafBytes(place + 1));
    }
    if (added !== undefined) {
      let at = 0;
      while (at < entries.length && compareHashAt(bytes, leafBytes(at), added.hash) < 0) at++;
      entries.splice(at, 0, added);
      if (bytes.length < leafBytes(entries.length)) bytes = concatBytes(bytes, added.hash);
      bytes.copyWithin(leafBytes(at + 1), leafBytes(at));
      bytes.set(added.hash, leafBytes(at));
    }
    if (bytes.length > leafBytes(entries.length)) bytes = bytes.slice(0, leafBytes(entries.length));
    return new LeafNode(entries, bytes);
  }

  /** −1 where it is not in the leaf. Mostly it is the very object: then no hash is fetched from the memory. */
  #placeOf(entry: TrieEntry): number {
    const place = this.entries.indexOf(entry);
    return place >= 0 ? place : this.entries.findIndex(({ hash }) => equalBytes(hash, entry.hash));
  }
}

/** Where in a leaf's bytes the hash of its entry stands. */
function leafBytes(place: number): number {
  return domains.leaf.length + HASH_BYTES * place;
}

class InnerNode {
  readonly kind: 'inner' = 'inner';
  /** 16 places; undefined where empty. */
  readonly children: readonly (TrieNode | undefined)[];
  readonly size: number;
  #bytes: Uint8Array | undefined;
  /** The digits of the children whose hashes in there are not those of now. */
  #stale = ALL_DIGITS;
  #hash: Uint8Array | undefined;

  /** In the place of `before`, of which children that are the same are not looked at. */
  constructor(children: readonly (TrieNode | undefined)[], before?: InnerNode, isGuess = false) {
    this.children = children;
    let size = before === undefined ? 0 : before.size;
    let changed = 0;
    for (let digit = 0; digit < 16; digit++) {
      const child = children[digit];
      const replaced = before?.children[digit];
      if (child === replaced) continue;
      size += (child?.size ?? 0) - (replaced?.size ?? 0);
      changed |= 1 << digit;
    }
    this.size = size;
    if (before === undefined || before.#bytes === undefined) return;
    this.#bytes = isGuess ? before.#bytes.slice() : before.#bytes;
    this.#stale = before.#stale | changed;
    if (!isGuess) before.#bytes = undefined;
  }

  get hash(): Uint8Array {
    this.#hash ??= blake3(this.#gathered());
    return this.#hash;
  }

  /** The domain, then the hashes of the children. */
  #gathered(): Uint8Array {
    if (this.#bytes === undefined) {
      this.#bytes = NODE_BYTES.slice();
      this.#stale = ALL_DIGITS;
    }
    for (let digit = 0; digit < 16; digit++) {
      if ((this.#stale & (1 << digit)) === 0) continue;
      const hash = this.children[digit]?.hash ?? EMPTY_ROOT;
      this.#bytes.set(hash, domains.node.length + HASH_BYTES * digit);
    }
    this.#stale = 0;
    return this.#bytes;
  }
}

/** How the hash at a place in some bytes compares to another. */
function compareHashAt(bytes: Uint8Array, from: number, hash: Uint8Array): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (bytes[from + i] as number) - (hash[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The leaf of so many entries, in any order. */
export function leafOf(entries: readonly TrieEntry[]): LeafNode {
  return LeafNode.of(entries);
}

/** The canonical subtree of any number of entries that share `depth` nibbles. */
export function build(entries: readonly TrieEntry[], depth: number): TrieNode | undefined {
  if (entries.length === 0) return undefined;
  // No two members share a whole path, but what a liar says of its set may: that ends in one leaf, not never.
  if (entries.length <= LEAF_MAX || depth === PATH_NIBBLES) return LeafNode.of(entries);
  const groups: TrieEntry[][] = Array.from({ length: 16 }, () => []);
  for (const entry of entries) groups[nibbleAt(entry, depth)]?.push(entry);
  return new InnerNode(groups.map((group) => build(group, depth + 1)));
}

export function collect(node: TrieNode | undefined, into: TrieEntry[] = []): TrieEntry[] {
  if (node === undefined) return into;
  if (node.kind === 'leaf') into.push(...node.entries);
  else for (const child of node.children) collect(child, into);
  return into;
}

interface Change {
  readonly add: readonly TrieEntry[];
  readonly remove: readonly TrieEntry[];
  /** What comes of it is looked at and thrown away. */
  readonly isGuess: boolean;
}

export function update(node: TrieNode | undefined, change: Change, depth: number): TrieNode | undefined {
  if (node === undefined) return build(change.add, depth);
  if (node.kind === 'leaf') return updateLeaf(node, change, depth);
  const children = node.children.slice();
  const digit = commonDigit(change, depth);
  if (digit !== undefined) children[digit] = update(children[digit], change, depth + 1);
  else {
    for (const [each, part] of partsAt(change, depth))
      children[each] = update(children[each], part, depth + 1);
  }
  const inner = new InnerNode(children, node, change.isGuess);
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

function partsAt({ add, remove, isGuess }: Change, depth: number): Map<number, Change> {
  const parts = new Map<number, { add: TrieEntry[]; remove: TrieEntry[]; isGuess: boolean }>();
  const partOf = (entry: TrieEntry) => {
    const digit = nibbleAt(entry, depth);
    let part = parts.get(digit);
    if (part === undefined) {
      part = { add: [], remove: [], isGuess };
      parts.set(digit, part);
    }
    return part;
  };
  for (const entry of add) partOf(entry).add.push(entry);
  for (const entry of remove) partOf(entry).remove.push(entry);
  return parts;
}

function updateLeaf(leaf: LeafNode, { add, remove, isGuess }: Change, depth: number): TrieNode | undefined {
  if (add.length <= 1 && remove.length <= 1) {
    const size = leaf.size + add.length - remove.length;
    if (size > 0 && size <= LEAF_MAX) {
      const next = leaf.with(remove[0], add[0], isGuess);
      // What a liar says is to be removed need not have been in it.
      return next.size <= LEAF_MAX ? next : build(next.entries, depth);
    }
  }
  const gone = new Set(remove.map(({ hash }) => mapKey(hash)));
  const kept = leaf.entries.filter(({ hash }) => gone.size === 0 || !gone.has(mapKey(hash)));
  return build([...kept, ...add], depth);
}

/** The subtree with everything below a path replaced by a few entries that belong there. */
export function replace(
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
  const inner = new InnerNode(node.children.with(digit, child), node, true);
  return inner.size > LEAF_MAX ? inner : build(collect(inner), depth);
}
