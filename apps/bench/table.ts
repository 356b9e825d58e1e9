/** Figures as text for people. */
import type { Figure, Section, Spread } from './figure.ts';

export function formatSection(section: Section): string {
  const rows = [
    ['', 'value', '', 'min–max', 'limit', 'its value', 'ratio', 'min–max'],
    ...section.figures.map(rowOf),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (LEFT.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `${section.bench}: ${section.about}\n${lines.join('\n')}\n`;
}

/** Columns of words. */
const LEFT = new Set([0, 2, 4]);

function rowOf({ name, unit, value, limit }: Figure): string[] {
  const figure = [name, short(value.median), unit, range(value)];
  if (limit === undefined) return [...figure, '', '', '', ''];
  return [
    ...figure,
    limit.name,
    short(limit.value.median),
    `${short(limit.ratio.median)} ×`,
    range(limit.ratio),
  ];
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
