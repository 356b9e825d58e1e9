/** `npm run bench` (docs/performance.md): measures this build on this machine, each figure beside its limit. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Bench, Context } from './bench.ts';
import { browser } from './browser.ts';
import { bundle } from './bundle.ts';
import { mergeTakes, type Section, type Take } from './figure.ts';
import { fillAlone, fillBulk, fillRuns } from './fill.ts';
import { open } from './open.ts';
import { push } from './push.ts';
import { puts } from './puts.ts';
import { reconcile } from './reconcile.ts';
import { formatSection } from './table.ts';

const BENCHES: readonly Bench[] = [
  browser,
  push,
  fillRuns,
  fillAlone,
  fillBulk,
  puts,
  reconcile,
  open,
  bundle,
];

interface Options {
  readonly json?: true;
  readonly only?: readonly string[];
  readonly rounds: number;
  readonly assertions: number;
  readonly openAssertions: number;
  readonly samples: number;
  readonly profile?: string;
}

const program = new Command('bench')
  .description('Measures Aver on this machine, each figure beside the physical limit of the same run.')
  .option('--only <names...>', `some of: ${BENCHES.map(({ name }) => name).join(', ')}`)
  .option('--json', 'one JSON document on standard output')
  .option('--rounds <n>', 'takes of each figure: the median is shown, with the lowest and highest', count, 3)
  .option('--assertions <n>', 'single-claim assertions of a fill', count, 10_000)
  .option('--open-assertions <n>', 'assertions in the store that is opened', count, 100_000)
  .option('--samples <n>', 'takes of a latency within a round', count, 500)
  .option('--profile <directory>', 'write a CPU profile of each process there')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run bench -- --only push fill-runs\n  npm run bench -- --json > bench.json',
  )
  .parse();

const options = program.opts<Options>();
const chosen = BENCHES.filter(({ name }) => options.only?.includes(name) ?? true);
for (const name of options.only ?? []) {
  if (!chosen.some((bench) => bench.name === name)) program.error(`error: there is no benchmark ${name}`);
}
await main();

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'aver-bench-'));
  try {
    const context = { ...options, directory, profiles: await profileFolder() };
    const machine = describeMachine();
    if (options.json === undefined) process.stdout.write(`${machineLine(machine)}\n\n`);
    const sections: Section[] = [];
    for (const bench of chosen) {
      const section = await measure(bench, context);
      sections.push(section);
      if (options.json === undefined) process.stdout.write(`${formatSection(section)}\n`);
    }
    if (options.json === true) {
      const { rounds, assertions, openAssertions, samples } = options;
      const settings = { rounds, assertions, openAssertions, samples };
      const report = { machine, settings, loadAfter: loadavg()[0], sections };
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, context: Context): Promise<Section> {
  const takes: Take[] = [];
  const rounds = bench.once === true ? 1 : options.rounds;
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`bench: ${bench.name} ${round}/${rounds}\n`);
    takes.push(...(await bench.run(context)));
  }
  return { bench: bench.name, about: bench.about, figures: mergeTakes(takes) };
}

async function profileFolder(): Promise<string | undefined> {
  if (options.profile === undefined) return undefined;
  const folder = resolve(options.profile);
  await mkdir(folder, { recursive: true });
  return folder;
}

interface Machine {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core in the minute before: above 0.3, others were using the machine. */
  readonly loadBefore: number;
}

function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    loadBefore: loadavg()[0] ?? Number.NaN,
  };
}

function machineLine({ date, node, cpu, cores, loadBefore }: Machine): string {
  return `${date}, Node ${node}, ${cores} × ${cpu}, load before ${loadBefore.toFixed(1)}`;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be 1 or more.');
  return value;
}
