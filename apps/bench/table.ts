/** Figures as tables: of text for a terminal, of Markdown for the document. */
import type { Figure, Section, Spread, Verdict } from './figure.ts';

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of words; the others are numbers. */
  readonly words: ReadonlySet<number>;
}

export function formatSection(section: Section): string {
  const { head, rows, words } = tableOf(section);
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => (words.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const load = `(load ${section.loadBefore.toFixed(1)}, then ${section.loadAfter.toFixed(1)})`;
  return `${section.bench}: ${section.about} ${load}\n${lines.join('\n')}\n`;
}

export function markdownTable(section: Section): string {
  return markdownOf(tableOf(section));
}

function markdownOf({ head, rows, words }: Table): string {
  const rule = head.map((_, i) => (words.has(i) ? '---' : '--:'));
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** All that has a bar, in one table. */
export function barsTable(sections: readonly Section[]): string {
  const rows = sections.flatMap(({ bench, figures }) =>
    figures.flatMap((figure) => (figure.bar === undefined ? [] : [barRow(bench, figure, figure.bar)])),
  );
  return markdownOf({ head: ['', '', 'value', '', 'bar'], rows, words: new Set([0, 1, 3, 4]) });
}

function barRow(bench: string, { of, name, unit, value, limit }: Figure, bar: Verdict): string[] {
  const named = of === undefined ? name : `${of}: ${name}`;
  if (bar.on === 'value' || limit === undefined)
    return [bench, named, short(value.median), unit, verdict(bar)];
  return [bench, named, `${short(limit.ratio.median)} ×`, limit.name, verdict(bar)];
}

function tableOf(section: Section): Table {
  return section.figures.every(({ of }) => of !== undefined) ? matrixOf(section) : listOf(section);
}

/** A row for each figure. */
function listOf({ figures }: Section): Table {
  const head = ['', 'value', '', 'min–max', 'limit, same run', 'its value', 'ratio', 'min–max', 'bar'];
  return { head, rows: figures.map(listRow), words: new Set([0, 2, 4, 8]) };
}

function listRow({ name, unit, value, limit, bar }: Figure): string[] {
  return [
    name,
    short(value.median),
    unit,
    range(value),
    ...(limit === undefined
      ? ['', '', '', '']
      : [limit.name, short(limit.value.median), `${short(limit.ratio.median)} ×`, range(limit.ratio)]),
    bar === undefined ? '' : verdict(bar),
  ];
}

/** A row for each thing that was measured, a column for each way. */
function matrixOf({ figures }: Section): Table {
  const columns = [...Map.groupBy(figures, ({ name, unit }) => (unit === '' ? name : `${name}, ${unit}`))];
  const rows = [...Map.groupBy(figures, ({ of = '' }) => of)].map(([of, inRow]) => [
    of,
    ...columns.map(([, inColumn]) => cell(inRow.find((figure) => inColumn.includes(figure)))),
  ]);
  return { head: ['', ...columns.map(([name]) => name)], rows, words: new Set([0]) };
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '';
  const { value, limit, bar } = figure;
  const ratio = limit === undefined ? '' : ` (${short(limit.ratio.median)} ×)`;
  return `${short(value.median)}${ratio}${bar === undefined ? '' : ` ${mark(bar)}`}`;
}

function verdict(bar: Verdict): string {
  const sign = bar.op === '<=' ? '≤' : '≥';
  return `${sign} ${short(bar.than)}${bar.on === 'ratio' ? ' ×' : ''} ${bar.met ? 'met' : missed(bar)}`;
}

function mark(bar: Verdict): string {
  return bar.met ? '✓' : `✗ ${bar.op === '<=' ? '≤' : '≥'} ${short(bar.than)}`;
}

function missed({ missedBy = Number.NaN }: Verdict): string {
  return Number.isFinite(missedBy) ? `missed by ${short(missedBy)} ×` : 'missed';
}

function range({ min, max }: Spread): string {
  return min === max ? '' : `${short(min)}–${short(max)}`;
}

/** Three digits that count, or whole numbers. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return Number(value.toPrecision(3)).toString();
}
