/** Names and values as a description list. */
import type { ComponentChildren } from 'preact';

export type DetailRow = readonly [name: string, value: ComponentChildren];

export function Details({ rows }: { readonly rows: readonly DetailRow[] }) {
  return (
    <dl class="details">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
