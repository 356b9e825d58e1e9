/** `npm run bench` (docs/performance.md): measures this build on this machine, each figure beside its limit. */

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Bench, Context } from './bench.ts';
import { browser } from './browser.ts';
import { bundle } from './bundle.ts';
import { writeCharts } from './charts.ts';
import { updateDocument } from './document.ts';
import { mergeTakes, type Section, type Take } from './figure.ts';
import { fillAlone, fillBulk, fillRuns, fillShort } from './fill.ts';
import { keep } from './keep.ts';
import { open } from './open.ts';
import { readOptions, sizesOf } from './options.ts';
import { push } from './push.ts';
import { puts } from './puts.ts';
import { query } from './query.ts';
import { quiet } from './quiet.ts';
import { reconcile } from './reconcile.ts';
import { describeMachine, machineLine, mergeReports, type Report } from './report.ts';
import { spread } from './spread.ts';
import { formatSection } from './table.ts';
import { watch } from './watch.ts';

const BENCHES: readonly Bench[] = [
  browser,
  push,
  fillRuns,
  fillShort,
  fillAlone,
  fillBulk,
  puts,
  reconcile,
  keep,
  open,
  query,
  watch,
  spread,
  quiet,
  bundle,
];

const options = readOptions(BENCHES.map(({ name }) => name));
const report = options.from === undefined ? await measureAll() : await readReports(options.from);
if (options.json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
if (options.document !== undefined) await updateDocument(options.document, report);
if (options.charts !== undefined) await writeCharts(options.charts, report);

async function measureAll(): Promise<Report> {
  const directory = await mkdtemp(join(tmpdir(), 'aver-bench-'));
  try {
    const sizes = sizesOf(options);
    const context = { ...sizes, directory, profiles: await profileFolder() };
    const machine = describeMachine();
    show(machineLine(machine));
    const sections: Section[] = [];
    for (const bench of BENCHES) {
      if (options.only?.includes(bench.name) === false) continue;
      const section = await measure(bench, context);
      sections.push(section);
      show(formatSection(section));
    }
    return { machine, settings: { ...sizes, rounds: options.rounds }, sections };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, context: Context): Promise<Section> {
  const takes: Take[] = [];
  const loadBefore = load();
  const rounds = bench.once === true ? 1 : options.rounds;
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`bench: ${bench.name} ${round}/${rounds}\n`);
    takes.push(...(await bench.run(context)));
  }
  const { name, about } = bench;
  return { bench: name, about, loadBefore, loadAfter: load(), figures: mergeTakes(takes) };
}

/** For people; a JSON document stands alone. */
function show(text: string): void {
  if (options.json !== true) process.stdout.write(`${text}\n`);
}

async function readReports(files: readonly string[]): Promise<Report> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const report = mergeReports(texts.map((text) => JSON.parse(text) as Report));
  show(machineLine(report.machine));
  for (const section of report.sections) show(formatSection(section));
  return report;
}

function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

async function profileFolder(): Promise<string | undefined> {
  if (options.profile === undefined) return undefined;
  const folder = resolve(options.profile);
  await mkdir(folder, { recursive: true });
  return folder;
}
