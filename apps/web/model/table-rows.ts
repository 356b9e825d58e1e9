/** Which rows stand in the table and which of them are on the screen. */
import type { Fact, Resolution } from '../../../src/peer/api.ts';
import type { ClaimGroup } from './fact-table.ts';

/** One of the competing claims of a group, below the group's own row. */
export interface ClaimRow {
  readonly kind: 'claim';
  readonly group: ClaimGroup;
  readonly fact: Fact;
  readonly wins: boolean;
}

export type TableRow = ClaimGroup | ClaimRow;

/** Groups with the claims of the expanded ones below them; as the lens ordered them, once it did. */
export function tableRows(
  groups: readonly ClaimGroup[],
  expanded: ReadonlySet<string>,
  resolutions: ReadonlyMap<string, Resolution>,
): readonly TableRow[] {
  if (expanded.size === 0) return groups;
  const rows: TableRow[] = [];
  for (const group of groups) {
    rows.push(group);
    if (!expanded.has(group.key)) continue;
    const resolution = resolutions.get(group.key);
    for (const fact of resolution?.candidates ?? group.facts)
      rows.push({ kind: 'claim', group, fact, wins: isSame(fact, resolution?.winner ?? group.facts[0]) });
  }
  return rows;
}

const isSame = (a: Fact, b: Fact | undefined): boolean => a.id === b?.id && a.index === b.index;

export interface RowWindow {
  readonly from: number;
  readonly to: number;
}

/** Rows to render for a scroll position: what is seen and a few on either side. */
export function rowWindow(scrollTop: number, height: number, rowHeight: number, rows: number): RowWindow {
  const spare = 6;
  const from = Math.max(0, Math.min(rows, Math.floor(scrollTop / rowHeight)) - spare);
  const to = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + spare);
  return { from, to: Math.max(from, to) };
}

/** Claims as JSON, one object a claim. */
export function factsToJson(groups: readonly ClaimGroup[]): string {
  const facts = groups.flatMap((group) => group.facts);
  return JSON.stringify(
    facts.map(({ subject, predicate, object, confidence }) => ({ subject, predicate, object, confidence })),
    null,
    2,
  );
}

/** Claims as CSV with a header, as `aver import` reads it. */
export function factsToCsv(groups: readonly ClaimGroup[]): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = groups
    .flatMap((group) => group.facts)
    .map(({ subject, predicate, object, confidence }) =>
      [subject, predicate, JSON.stringify(object), String(confidence)].map(quote).join(','),
    );
  return ['subject,predicate,object,confidence', ...lines].join('\n');
}
