/** Open nodes of the trie, one a row: ours on the left, the peer's on the right. */
import { formatCount, shortKey } from '../model/format.ts';
import { type Branch, type TrieRow, trieRows } from '../model/trie-rows.ts';
import { AuthorChip } from './author-chip.tsx';
import type { OfSpace } from './context.ts';
import { Icon } from './icon.tsx';

export function TrieTable({ model }: OfSpace) {
  const { nodes, open, comparison } = model.trie;
  const rows = trieRows(nodes.value, open.value, comparison.value);
  const compared = comparison.value !== undefined;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region is focusable
    <section class="table-scroll" tabIndex={0} aria-label="Nodes of the trie">
      <table class="table trie" aria-label="Trie nodes">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Ours</th>
            {compared && <th scope="col">Theirs</th>}
            <th scope="col" class="number">
              Entries
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <NodeRows key={row.prefix} model={model} row={row} compared={compared} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface NodeProps extends OfSpace {
  readonly row: TrieRow;
  readonly compared: boolean;
}

function NodeRows({ model, row, compared }: NodeProps) {
  const { node, differs } = row;
  const name = row.prefix === '' ? 'root' : row.prefix;
  return (
    <>
      <tr class={differs ? 'differs' : ''}>
        <th scope="row" style={{ '--depth': row.depth }}>
          {row.expandable ? (
            <button
              type="button"
              class="disclose"
              aria-expanded={row.open}
              aria-label={`Node ${name}`}
              onClick={() => void model.trie.toggle(row.prefix)}
            >
              <Icon name="chevron" />
              <code>{name}</code>
            </button>
          ) : (
            <code class="no-disclose">{name}</code>
          )}
        </th>
        <td>
          <Branches branches={row.mine} />
          <code>{row.hash === '' ? 'nothing' : shortKey(row.hash)}</code>
        </td>
        {compared && (
          <td>
            <Branches branches={row.theirs} />
            {differs ? (
              <strong class="differs-word">≠ differs</strong>
            ) : (
              <span class="same-word">= same</span>
            )}
          </td>
        )}
        <td class="number">{node === undefined ? '' : formatCount(node.entries)}</td>
      </tr>
      {row.open && node?.kind === 'leaf' && <LeafRows model={model} row={row} columns={compared ? 4 : 3} />}
    </>
  );
}

function LeafRows({ model, row, columns }: OfSpace & { readonly row: TrieRow; readonly columns: number }) {
  const own = model.status.value?.author;
  const behind = new Set(model.trie.comparison.value?.authors.map(({ author }) => author));
  return (
    <tr class="leaf">
      <td colSpan={columns} style={{ '--depth': row.depth }}>
        <ul class="tips" aria-label={`Entries of node ${row.prefix || 'root'}`}>
          {row.node?.tips.map((tip) => (
            <li key={tip.id} class={behind.has(tip.author) ? 'differs' : ''}>
              <AuthorChip author={tip.author} self={tip.author === own} />
              <span>number {formatCount(tip.seq)}</span>
              <code title={tip.id}>{shortKey(tip.id)}</code>
              {behind.has(tip.author) && <strong class="differs-word">≠</strong>}
            </li>
          ))}
        </ul>
      </td>
    </tr>
  );
}

/** The 16 branches below a node: filled where there is something, tall where it differs. */
function Branches({ branches }: { readonly branches: readonly Branch[] }) {
  if (branches.length === 0) return null;
  return (
    <svg class="branches" viewBox="0 0 96 14" width="96" height="14" aria-hidden="true">
      {branches.map((branch, place) => (
        <rect
          key={place}
          class={branch}
          x={place * 6}
          y={branch === 'differs' ? 0 : branch === 'same' ? 4 : 6.5}
          width="4.5"
          height={branch === 'differs' ? 14 : branch === 'same' ? 6 : 1}
          rx="1"
        />
      ))}
    </svg>
  );
}
