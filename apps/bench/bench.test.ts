/** The benchmarks run and say what they measured. What the figures are is nobody's promise here. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type Figure, mergeTakes, quantile, type Section } from './figure.ts';
import { formatSection, short } from './table.ts';

interface Report {
  readonly machine: { readonly cores: number };
  readonly sections: readonly Section[];
}

const TINY = ['--rounds', '1', '--assertions', '200', '--samples', '3', '--open-assertions', '200'];
/** The fills differ in what they write alone. */
const KINDS = ['browser', 'push', 'fill-runs', 'puts', 'reconcile', 'open', 'bundle'];
/** A dozen processes start one after the other, each with all of libp2p. */
const TIMEOUT_MS = 120_000;

async function bench(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const main = join(import.meta.dirname, 'main.ts');
  return promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args]);
}

test(
  'a tiny run of each kind of benchmark gives figures beside their limits, as JSON',
  async () => {
    const { stdout } = await bench('--json', ...TINY, '--only', ...KINDS);
    const report = JSON.parse(stdout) as Report;
    expect(report.machine.cores).toBeGreaterThan(0);
    const names = report.sections.map((section) => section.bench);
    expect(names).toEqual(KINDS);
    for (const section of report.sections) {
      // What a bundle weighs is known only once it is built.
      if (section.bench !== 'bundle') expect(section.figures.length).toBeGreaterThan(1);
      for (const figure of section.figures) expectFigure(figure);
      if (section.bench !== 'bundle') expect(section.figures.some(({ limit }) => limit)).toBe(true);
    }
  },
  TIMEOUT_MS,
);

function expectFigure({ name, value, limit }: Figure): void {
  const all = [value, ...(limit === undefined ? [] : [limit.value, limit.ratio])];
  for (const { median, min, max } of all) {
    expect
      .soft([name, Number.isFinite(median), min <= median, median <= max])
      .toEqual([name, true, true, true]);
  }
}

test('an unknown benchmark is named, and nothing is measured', async () => {
  const failed = await bench('--only', 'nothing').catch((error: { code: number; stderr: string }) => error);
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('no benchmark nothing') });
});

test('takes of one figure become its median, lowest and highest, each beside the limit of its own take', () => {
  const takes = [
    [10, 5],
    [30, 10],
    [20, 5],
  ].map(([value = 0, limit = 0]) => ({
    name: 'rate',
    unit: '/s',
    value,
    limit: ['the wire', limit] as const,
  }));
  const [figure, ...others] = mergeTakes(takes);
  expect(others).toEqual([]);
  expect(figure?.value).toEqual({ median: 20, min: 10, max: 30 });
  expect(figure?.limit).toEqual({
    name: 'the wire',
    value: { median: 5, min: 5, max: 10 },
    ratio: { median: 3, min: 2, max: 4 },
  });
  const text = formatSection({
    bench: 'wire',
    about: 'a test',
    figures: figure === undefined ? [] : [figure],
  });
  expect(text).toContain('rate');
  expect(text).toMatch(/20 {2}\/s +10–30 {2}the wire +5 +3 × +2–4/);
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
