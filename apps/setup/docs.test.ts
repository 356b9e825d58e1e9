/** Documents that name what is in the code: they must not drift from it. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allowances } from '../../src/base/allowance.ts';
import { ADVICE } from '../../src/base/errors.ts';
import { PROPERTIES } from './consistency.mjs';

const root = join(import.meta.dirname, '..', '..');

/** Cells of the rows of the table under a heading, without the head. */
function tableUnder(heading: string, text: string): string[][] {
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((line) => line.slice(2, -2).split(' | '));
}

const names = (cell = ''): string[] => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name);

async function sources(): Promise<string> {
  const texts: string[] = [];
  for await (const path of glob('{src,apps}/**/*.ts', { cwd: root })) {
    if (!/\.test\.|\/testing\//.test(path)) texts.push(await readFile(join(root, path), 'utf8'));
  }
  return texts.join('\n');
}

test('docs/errors.md names every code, in order, with the advice that goes with it', async () => {
  const rows = tableUnder('Codes', await readFile(join(root, 'docs/errors.md'), 'utf8'));
  expect(rows.map(([code, , advice]) => [code, advice])).toEqual(
    Object.entries(ADVICE).map(([code, advice]) => [`\`${code}\``, advice]),
  );
});

test('docs/errors.md gives every code a counter that it explains and that the code moves', async () => {
  const text = await readFile(join(root, 'docs/errors.md'), 'utf8');
  const explained = new Set(tableUnder('Counters', text).flatMap(([counter]) => names(counter)));
  const code = await sources();
  for (const [name = '', , , counters] of tableUnder('Codes', text)) {
    expect(names(counters), name).not.toEqual([]);
    for (const counter of names(counters)) expect([...explained], name).toContain(counter);
  }
  for (const counter of explained)
    expect(code, counter).toMatch(new RegExp(`(add|set)\\(\\s*'${counter}'|PREFIX}${counter}\``));
});

test('every code is thrown, told or answered somewhere: none is dead', async () => {
  const code = await sources();
  for (const name of Object.keys(ADVICE)) {
    const told = new RegExp(`AverError\\(\\s*'${name}'|code: '${name}'|note\\('${name}'|\\? '${name}'`);
    expect(code, name).toMatch(told);
  }
});

test('docs/operations.md explains sync metrics that the code moves, and asks for no others [ICG-28] [ICG-31]', async () => {
  const text = await readFile(join(root, 'docs/operations.md'), 'utf8');
  const explained = new Set(tableUnder('Sync metrics', text).flatMap(([metric]) => names(metric)));
  expect(explained.size).toBeGreaterThanOrEqual(15);
  const code = await sources();
  for (const metric of explained)
    expect(code, metric).toMatch(new RegExp(`(add|set|observe)\\(\\s*'${metric}'`));
  const asked = [...text.matchAll(/\baver_([a-z_]+)/g)].map(([, name = '']) => name).filter(Boolean);
  expect(asked.length).toBeGreaterThan(10);
  for (const name of asked) {
    const whole = name.replace(/_(sum|count)$/, '');
    expect(explained.has(name) || explained.has(whole), name).toBe(true);
  }
});

test('docs/consistency.md names all rows, and for each property the tests that cite its rows [STC-42] [STC-43]', async () => {
  const text = await readFile(join(root, 'docs/consistency.md'), 'utf8');
  for (let row = 1; row <= 43; row++) expect(text).toContain(`[STC-${String(row).padStart(2, '0')}]`);
  const table = tableUnder('The six properties', text);
  expect(table.map(([property]) => property)).toEqual(['---', ...Object.keys(PROPERTIES)].slice(1));
  for (const [property = '', what = '', , shownBy = ''] of table) {
    const rows = PROPERTIES[property] ?? [];
    expect(
      [...what.matchAll(/\[(STC-\d+)\]/g)].map(([, row]) => row),
      property,
    ).toEqual(rows);
    const paths = [...shownBy.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
    const tests = await Promise.all(paths.map((path) => readFile(join(root, path), 'utf8')));
    for (const [i, test] of tests.entries())
      expect(
        rows.filter((row) => test.includes(`[${row}]`)),
        paths[i],
      ).not.toEqual([]);
    for (const row of rows) expect(tests.join('').includes(`[${row}]`), `${row} of ${property}`).toBe(true);
  }
});

test('docs/operations.md gives what one peer may do as the code allows it', async () => {
  const text = await readFile(join(root, 'docs/operations.md'), 'utf8');
  const figures = (rows: readonly (readonly unknown[])[]) =>
    rows.map((row) => row.map(Number).join(' ')).sort();
  const told = tableUnder('What one peer may do', text).map(([, start, perSecond, most]) => [
    start,
    perSecond,
    most,
  ]);
  const allowed = Object.values(allowances).map(({ start, perSecond, most }) => [start, perSecond, most]);
  expect(figures(told)).toEqual(figures(allowed));
});
