/** The open part of the trie as rows: one node a row, ours beside the peer's. */
import type { TrieComparison, TrieNodeView } from '../../../src/peer/api.ts';

/** One of the 16 branches below a node: nothing there, the same there, or not the same. */
export type Branch = 'none' | 'same' | 'differs';

export interface TrieRow {
  readonly prefix: string;
  readonly depth: number;
  /** Undefined until it was read. */
  readonly node: TrieNodeView | undefined;
  /** Our hash, which the parent knows as well; empty where we have nothing. */
  readonly hash: string;
  readonly open: boolean;
  readonly expandable: boolean;
  /** Undefined without a comparison. */
  readonly differs: boolean | undefined;
  readonly mine: readonly Branch[];
  readonly theirs: readonly Branch[];
}

const DIGITS = [...'0123456789abcdef'];

/** Rows of the open nodes, parents first. A row is also where only the peer has something. */
export function trieRows(
  nodes: ReadonlyMap<string, TrieNodeView>,
  open: ReadonlySet<string>,
  comparison: TrieComparison | undefined,
): readonly TrieRow[] {
  const differing = new Set(comparison?.differing);
  const rows: TrieRow[] = [];
  const walk = (prefix: string, hash: string) => {
    const node = nodes.get(prefix);
    const row = trieRow(
      prefix,
      node,
      hash,
      open.has(prefix),
      comparison === undefined ? undefined : differing,
    );
    rows.push(row);
    if (!row.open || node?.kind !== 'inner') return;
    for (const [place, digit] of DIGITS.entries())
      if (node.children[place] || differing.has(prefix + digit))
        walk(prefix + digit, node.children[place] ?? '');
  };
  walk('', nodes.get('')?.hash ?? '');
  return rows;
}

function trieRow(
  prefix: string,
  node: TrieNodeView | undefined,
  hash: string,
  open: boolean,
  differing: ReadonlySet<string> | undefined,
): TrieRow {
  const branches = (theirs: boolean) =>
    DIGITS.map((digit, place): Branch => {
      const here = Boolean(node?.children[place]);
      if (differing?.has(prefix + digit)) return here || theirs ? 'differs' : 'none';
      return here ? 'same' : 'none';
    });
  const inner = node?.kind === 'inner';
  return {
    prefix,
    depth: prefix.length,
    node,
    hash: node?.kind === 'empty' ? '' : (node?.hash ?? hash),
    open,
    expandable: hash !== '' && node?.kind !== 'empty',
    differs: differing?.has(prefix),
    mine: inner ? branches(false) : [],
    theirs: inner ? branches(true) : [],
  };
}
