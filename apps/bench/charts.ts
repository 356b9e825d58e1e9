/** Which figures of a report become charts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { barChart, lineChart } from './chart.ts';
import type { Figure } from './figure.ts';
import type { Report } from './report.ts';

/** Measured on one core of such a machine, N = 1,000,000, d = 100, before Aver was built. */
const OTHERS = [
  { label: 'negentropy', bytes: 165_000 },
  { label: '@peerbit/riblt, cells only', bytes: 3400 },
] as const;
const OTHERS_D = 100;

const CHARTS: Readonly<Record<string, (report: Report) => string | undefined>> = {
  'reconcile.svg': reconcileChart,
  'fill.svg': fillChart,
  'puts.svg': putsChart,
  'push.svg': pushChart,
  'keep.svg': keepChart,
};

/** Leaves alone the charts whose figures the report does not have. */
export async function writeCharts(directory: string, report: Report): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, draw] of Object.entries(CHARTS)) {
    const chart = draw(report);
    if (chart !== undefined) await writeFile(join(directory, name), chart);
  }
}

function figuresOf({ sections }: Report, bench: string): readonly Figure[] {
  return sections.find((section) => section.bench === bench)?.figures ?? [];
}

/** Of the largest set by a thousand authors, spread over as many authors as can be. */
function reconcileChart(report: Report): string | undefined {
  const size = Math.max(...report.settings.reconcileSizes).toLocaleString('en');
  const found = figuresOf(report, 'reconcile').flatMap((figure) => {
    const match = /^(.+) by 1,000, d = (.+) by (.+)$/.exec(figure.of ?? '');
    if (match === null || match[1] !== size || figure.name !== 'found with') return [];
    const [d, by] = [number(match[2]), number(match[3])];
    return [{ d, by, bytes: figure.value.median, least: figure.limit?.value.median ?? Number.NaN }];
  });
  if (found.length === 0) return undefined;
  const spread = found.filter(({ d, by }) => by === Math.min(d, 1000));
  const clustered = found.filter(({ d, by }) => by === Math.ceil(d / 1000));
  return lineChart({
    title: `Finding d of ${size} assertions by 1,000 authors`,
    x: 'd',
    y: 'bytes both ways',
    lines: [
      { label: 'spread over authors', points: spread.map(({ d, bytes }) => [d, bytes]) },
      { label: 'clustered', points: clustered.map(({ d, bytes }) => [d, bytes]) },
      { label: 'roots and tips alone', points: spread.map(({ d, least }) => [d, least]), isReference: true },
      ...OTHERS.map(({ label, bytes }) => ({
        label,
        points: [[OTHERS_D, bytes] as const],
        isReference: true,
      })),
    ],
  });
}

function number(text: string | undefined): number {
  return Number((text ?? '').replaceAll(',', ''));
}

function fillChart(report: Report): string | undefined {
  const kinds = [
    ['fill-runs', 'runs of 128'],
    ['fill-short', 'runs of 16'],
    ['fill-alone', 'each signed alone'],
  ] as const;
  const fills = kinds.flatMap(([bench, label]) => {
    const figures = figuresOf(report, bench).filter(({ name }) => name.endsWith('join to all visible'));
    return [...Map.groupBy(figures, ({ name }) => name)].map(([name, group]) => {
      const size = /^(.+): /.exec(name)?.[1];
      const value = group[0]?.value.median ?? Number.NaN;
      return { label: `Aver, ${label}${size === undefined ? '' : `, ${size}`}`, value };
    });
  });
  if (fills.length === 0) return undefined;
  const limits = kinds.flatMap(([bench]) => figuresOf(report, bench).flatMap(({ limit }) => limit ?? []));
  const references = ['Ed25519 verify, one core', 'Ed25519 verify, all cores'].flatMap((label) => {
    const limit = limits.find(({ name }) => name === label);
    return limit === undefined ? [] : [{ label, value: limit.value.median, isReference: true }];
  });
  return barChart({ title: 'Cold fill', unit: 'assertions/s', bars: [...fills, ...references] });
}

function putsChart(report: Report): string | undefined {
  const rates = figuresOf(report, 'puts').filter(({ unit }) => unit === '/s');
  const [first] = rates;
  if (first?.limit === undefined) return undefined;
  const bars = rates.map(({ name, value }) => ({ label: `Aver, ${name}`, value: value.median }));
  const raw = { label: 'synced LevelDB puts', value: first.limit.value.median, isReference: true };
  return barChart({ title: 'Durable writes', unit: 'assertions/s', bars: [...bars, raw] });
}

function pushChart(report: Report): string | undefined {
  const figures = figuresOf(report, 'push').filter(
    ({ name, limit }) => /visible, p\d+$/.test(name) && limit?.name === 'bare gossipsub',
  );
  if (figures.length === 0) return undefined;
  const references = figures.filter(({ name }) => name.startsWith('durable'));
  return barChart({
    title: 'Push, one fact at a time',
    unit: 'ms',
    bars: [
      ...figures.map(({ name, value }) => ({ label: `Aver, ${name}`, value: value.median })),
      ...references.map(({ name, limit }) => ({
        label: `bare gossipsub, ${name.split(', ')[1]}`,
        value: limit?.value.median ?? Number.NaN,
        isReference: true,
      })),
    ],
  });
}

function keepChart(report: Report): string | undefined {
  const figures = figuresOf(report, 'keep');
  if (figures.length === 0) return undefined;
  const bars = figures.flatMap(({ of = '', name, value, limit }) => [
    { label: `${of}, ${name}`, value: value.median },
    { label: 'its BLAKE3 alone', value: limit?.value.median ?? Number.NaN, isReference: true },
  ]);
  return barChart({ title: 'Keeping trie and sketch', unit: 'µs an assertion', bars });
}
