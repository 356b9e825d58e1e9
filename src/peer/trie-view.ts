/** A node of the trie as an application sees it. */
import { bytesToHex } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import type { Trie } from '../set/trie.ts';
import { EMPTY_ROOT, type TrieNode } from '../set/trie-node.ts';
import type { TrieNodeView } from './api.ts';

/** Throws `BAD_INPUT` for a prefix that is not up to 80 hex digits. */
export function trieNodeView(trie: Trie, prefix: string): TrieNodeView {
  if (!/^[0-9a-f]{0,80}$/.test(prefix))
    throw new AverError('BAD_INPUT', 'A trie prefix is up to 80 hex digits.');
  return viewOf(prefix, trie.at([...prefix].map((digit) => Number.parseInt(digit, 16))));
}

function viewOf(prefix: string, node: TrieNode | undefined): TrieNodeView {
  const empty: TrieNodeView = {
    prefix,
    kind: 'empty',
    hash: bytesToHex(EMPTY_ROOT),
    entries: 0,
    children: [],
    tips: [],
  };
  if (node === undefined) return empty;
  const common = { ...empty, kind: node.kind, hash: bytesToHex(node.hash), entries: node.size };
  if (node.kind === 'inner') {
    return {
      ...common,
      children: node.children.map((child) => (child === undefined ? '' : bytesToHex(child.hash))),
    };
  }
  const tips = node.entries.map(({ author, seq, id }) => ({
    author: bytesToHex(author),
    seq,
    id: bytesToHex(id),
  }));
  return { ...common, tips };
}
