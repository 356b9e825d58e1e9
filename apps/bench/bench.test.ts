/** The benchmarks run and say what they measured. What the figures are is nobody's promise here. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bytesToHex } from '../../src/base/bytes.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import { TestAuthor, testSpace } from '../../src/testing/chains.ts';
import { barChart, lineChart } from './chart.ts';
import { updateDocument } from './document.ts';
import { atLeast, atMost, type Figure, mergeTakes, quantile, type Section, type Take } from './figure.ts';
import { sizesOf } from './options.ts';
import { mergeReports, type Report } from './report.ts';
import { formatSection, markdownTable, short } from './table.ts';

const TINY = [
  ...['--rounds', '1', '--samples', '3', '--quiet-seconds', '1', '--keep-tips', '200'],
  ...['--assertions', '200', '--push-assertions', '200', '--open-assertions', '200'],
  ...['--query-facts', '200', '--reconcile-sizes', '100'],
];
/** The fills differ in how the runs were cut alone. */
const KINDS = [
  'browser',
  'push',
  'fill-runs',
  'puts',
  'reconcile',
  'keep',
  'open',
  'query',
  'watch',
  'spread',
  'quiet',
];
/** A dozen processes start one after the other, each with all of libp2p. */
const TIMEOUT_MS = 180_000;

async function bench(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, 'main.ts');
  return promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args]);
}

test(
  'a tiny run of each kind of benchmark gives figures beside their limits, as JSON, tables and charts',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'aver-bench-test-'));
    const json = join(directory, 'bench.json');
    const { stdout } = await bench('--json', ...TINY, '--only', ...KINDS, 'bundle');
    const report = JSON.parse(stdout) as Report;
    expect(report.machine.cores).toBeGreaterThan(0);
    expect(report.sections.map((section) => section.bench)).toEqual([...KINDS, 'bundle']);
    for (const { bench: name, figures } of report.sections) {
      // What a bundle weighs is known only once it is built.
      if (name !== 'bundle') expect(figures.length, name).toBeGreaterThan(1);
      for (const figure of figures) expectFigure(figure);
      // Nobody knows a limit of how news spreads, and bare nodes may be silent for a second.
      if (!['bundle', 'spread', 'quiet'].includes(name))
        expect(
          figures.some(({ limit }) => limit),
          name,
        ).toBe(true);
    }

    await writeFile(json, stdout);
    const charts = join(directory, 'charts');
    const again = await bench('--from', json, '--charts', charts);
    expect(again.stdout).toContain('100 by 10, d = 10 by 10');
    expect((await readdir(charts)).sort()).toEqual(['fill.svg', 'keep.svg', 'push.svg', 'puts.svg']);
    await rm(directory, { recursive: true });
  },
  TIMEOUT_MS,
);

function expectFigure({ of = '', name, value, limit }: Figure): void {
  const all = [value, ...(limit === undefined ? [] : [limit.value, limit.ratio])];
  for (const { median, min, max } of all) {
    expect
      .soft([of, name, Number.isFinite(median), min <= median, median <= max])
      .toEqual([of, name, true, true, true]);
  }
}

test('an unknown benchmark is named, and nothing is measured', async () => {
  const failed = await bench('--only', 'nothing').catch((error: { code: number; stderr: string }) => error);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('no benchmark nothing') });
});

const LOAD = { loadBefore: 1, loadAfter: 2 };
const WIRE: readonly Take[] = [
  [10, 5],
  [30, 10],
  [20, 5],
].map(([value = 0, limit = 0]) => ({
  name: 'rate',
  unit: '/s',
  value,
  limit: ['the wire', limit] as const,
  bar: atLeast(2, 'ratio'),
}));

test('takes of one figure become its median, lowest and highest, each beside the limit of its own take', () => {
  const [figure, ...others] = mergeTakes(WIRE);
  expect(others).toEqual([]);
  expect(figure?.value).toEqual({ median: 20, min: 10, max: 30 });
  expect(figure?.limit).toEqual({
    name: 'the wire',
    value: { median: 5, min: 5, max: 10 },
    ratio: { median: 3, min: 2, max: 4 },
  });
  const text = formatSection({ bench: 'wire', about: 'a test', ...LOAD, figures: mergeTakes(WIRE) });
  expect(text).toMatch(/rate +20 {2}\/s +10–30 {2}the wire +5 +3 × +2–4 {2}≥ 2 × met/);
});

test('a bar is met or missed by the median, of the value or of the ratio', () => {
  const judged = (bar: Take['bar']) =>
    mergeTakes(WIRE.map((take) => ({ ...take, ...(bar === undefined ? {} : { bar }) })))[0]?.bar;
  expect(judged(atMost(20))).toEqual({ op: '<=', than: 20, on: 'value', met: true });
  expect(judged(atMost(10))).toMatchObject({ met: false, missedBy: 2 });
  expect(judged(atLeast(30))).toMatchObject({ met: false, missedBy: 1.5 });
  expect(judged(atLeast(6, 'ratio'))).toMatchObject({ met: false, missedBy: 2 });
});

test('what was measured in the same ways makes one table, a column for each way', () => {
  const figures = mergeTakes([
    { of: 'small', name: 'took', unit: 'ms', value: 2, bar: atMost(1) },
    { of: 'small', name: 'trips', unit: '', value: 1 },
    { of: 'large', name: 'took', unit: 'ms', value: 3, limit: ['the wire', 1.5], bar: atMost(4) },
  ]);
  expect(markdownTable({ bench: 'table', about: 'a test', ...LOAD, figures })).toBe(
    [
      '|  | took, ms | trips |',
      '| --- | --: | --: |',
      '| small | 2 ✗ ≤ 1 | 1 |',
      '| large | 3 (2 ×) ✓ |  |',
    ].join('\n'),
  );
});

test('tables replace those between the markers of a document, and what is to be reached is told of a whole report', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'aver-bench-test-'));
  const file = join(directory, 'performance.md');
  const marked = (name: string, text = '') => `<!-- bench ${name} -->${text}\n<!-- end -->\n`;
  await writeFile(file, `Before\n${marked('bars')}${marked('wire', 'old')}${marked('disk', 'kept')}after\n`);
  const section = (name: string) => ({
    bench: name,
    about: `the ${name}`,
    ...LOAD,
    figures: mergeTakes(WIRE),
  });
  const report = (...sections: Section[]): Report => ({
    machine: { date: 'today', node: 'v1', cpu: 'a core', cores: 2 },
    settings: { ...sizesOf({ rounds: 1 }), rounds: 1 },
    sections,
  });

  await updateDocument(file, report(section('wire'), section('not in the document')));
  const partial = await readFile(file, 'utf8');
  expect(partial).toMatch(/^Before\n<!-- bench bars -->\n<!-- end -->\n<!-- bench wire -->\n\nthe wire\./);
  expect(partial).toContain('| rate | 20 | /s | 10–30 | the wire | 5 | 3 × | 2–4 | ≥ 2 × met |');
  expect(partial).not.toContain('old');
  expect(partial.endsWith(`${marked('disk', 'kept')}after\n`)).toBe(true);

  await updateDocument(file, report(section('wire'), section('disk')));
  const whole = await readFile(file, 'utf8');
  const summary = whole.slice(0, whole.indexOf('<!-- end -->'));
  expect(summary).toContain('| wire | rate | 3 × | the wire | ≥ 2 × met |');
  expect(summary).toContain('| disk | rate |');
  await rm(directory, { recursive: true });
});

test('of several reports the last of each benchmark counts', () => {
  const report = (...names: readonly string[]) =>
    ({ sections: names.map((name) => ({ bench: name, about: names.join() })) }) as unknown as Report;
  const { sections } = mergeReports([report('push', 'puts'), report('puts', 'open')]);
  expect(sections.map(({ bench: name, about }) => [name, about])).toEqual([
    ['push', 'push,puts'],
    ['puts', 'puts,open'],
    ['open', 'puts,open'],
  ]);
});

test('charts place what they show, the largest farthest, and escape what they are told', () => {
  const bars = barChart({
    title: 'a < b',
    unit: '/s',
    bars: [
      { label: 'one', value: 5 },
      { label: 'limit', value: 10, isReference: true },
    ],
  });
  expect(bars).toContain('a &lt; b');
  const widths = [...bars.matchAll(/class="(own|reference)".* width="([\d.]+)"/g)];
  expect(widths.map(([, name, width]) => [name, Number(width)])).toEqual([
    ['own', 155],
    ['reference', 310],
  ]);
  const points = [
    [1, 10],
    [10, 100],
    [100, 1000],
  ] as const;
  const lines = lineChart({ title: 't', x: 'd', y: 'bytes', lines: [{ label: 'l', points }] });
  const [, drawn = ''] = /points="([^"]+)"/.exec(lines) ?? [];
  const places = drawn.split(' ').map((place) => place.split(',').map(Number));
  // Equal steps on both axes, rightwards and upwards.
  const [[x0 = 0, y0 = 0] = [], [x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = places;
  expect([x1 - x0, y0 - y1]).toEqual([expect.closeTo(x2 - x1, 0), expect.closeTo(y1 - y2, 0)]);
  expect(x1 > x0 && y1 < y0).toBe(true);
});

test('authors have keys of their own beyond 65,536 of them', async () => {
  const space = testSpace();
  const numbers = [1, 2, 257, 1 + 2 ** 16, 1 + 2 ** 24, 2 ** 32 - 1];
  const authors = await Promise.all(numbers.map((n) => TestAuthor.create(space, nodeCrypto(), n)));
  expect(new Set(authors.map(({ publicKey }) => bytesToHex(publicKey))).size).toBe(numbers.length);
});

test('quantiles lie between the two nearest values, and figures are short', () => {
  expect([0, 0.5, 0.99, 1].map((q) => quantile([1, 2, 3], q))).toEqual([1, 2, 2.98, 3]);
  expect([12_345.6, 1.2345, 0.012345, 0, Number.NaN].map(short)).toEqual([
    '12,346',
    '1.23',
    '0.0123',
    '0',
    '–',
  ]);
});
