/** Entries of the trie: a tip, its hash, and its place, a path of 80 nibbles. */
import { concatBytes, readU32, u32Bytes } from '../base/bytes.ts';
import { blake3, domains } from '../base/hash.ts';

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
export const PATH_NIBBLES = 80;

/** What an entry's hash is made of, written in place: an entry comes with each change. */
const hashed = new Uint8Array(domains.entry.length + 32 + 8 + 32);
const hashedView = new DataView(hashed.buffer);
hashed.set(domains.entry);
const AUTHOR_AT = domains.entry.length;
const SEQ_AT = AUTHOR_AT + 32;

/** `kin` is another entry of the same author, if there is one: it has half of the path in common. */
export function trieEntry(tip: Tip, kin?: TrieEntry): TrieEntry {
  const { author, seq, id } = tip;
  hashed.set(author, AUTHOR_AT);
  hashedView.setUint32(SEQ_AT, Math.floor(seq / 0x100000000));
  hashedView.setUint32(SEQ_AT + 4, seq >>> 0);
  hashed.set(id, SEQ_AT + 8);
  const hash = blake3(hashed);
  if (kin !== undefined) return { author, seq, id, hash, high: kin.high, low: kin.low };
  const path = blake3(domains.path, author);
  return { author, seq, id, hash, high: readU32(path) | 0, low: readU32(path, 4) | 0 };
}

export function entryOf(tip: Tip | TrieEntry): TrieEntry {
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
