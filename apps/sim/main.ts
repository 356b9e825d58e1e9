/** `npm run sim`: peers through seeded faults in virtual time. What fails is replayed from its seed. */
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { HAPPENINGS } from '../../src/testing/sim/happenings.ts';
import { type Action, describeAction, FAULTS, type FaultName, planOf } from '../../src/testing/sim/plan.ts';
import type { Shrunk } from '../../src/testing/sim/shrink.ts';
import { type Outcome, type SimulationOptions, simulate } from '../../src/testing/sim/simulation.ts';
import { progress, say, wholeFrom } from '../setup/tool.ts';
import { runAll } from './pool.ts';
import { watchRejections } from './rejections.ts';
import { measureScale, writeScaleCharts } from './scale.ts';

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly keep?: readonly number[];
  readonly peers: number;
  readonly rogues: number;
  readonly deeds: number;
  readonly assertions: number;
  readonly faults: number;
  readonly seconds: number;
  readonly kinds?: readonly FaultName[];
  readonly clubs: number;
  readonly shrink: boolean;
  readonly jobs: number;
  readonly bail?: true;
  readonly scale?: readonly number[];
  readonly charts?: string;
  readonly json?: true;
}

const count = wholeFrom(0);
const program = new Command('sim')
  .description('Runs whole peers over simulated time, network, disks and clocks, and checks what must hold.')
  .option('--seeds <n>', 'simulations, one from each seed', wholeFrom(1), 50)
  .option('--from <seed>', 'the first seed', count, 1)
  .option('--seed <n>', 'only this seed, with a readable log', count)
  .option(
    '--keep <numbers>',
    'with --seed: only these actions of its plan, as a shortened trace names them',
    list,
  )
  .option('--peers <n>', 'peers in each simulation', wholeFrom(1), 12)
  .option('--rogues <n>', 'peers beside them that lie and forge', count, 2)
  .option('--deeds <n>', 'what these do, in all', count, 20)
  .option('--assertions <n>', 'assertions that they write', count, 150)
  .option('--faults <n>', 'faults that they suffer', count, 40)
  .option('--seconds <n>', 'virtual seconds with faults, before everything heals', count, 30)
  .addOption(
    new Option('--kinds <names...>', 'only these kinds of faults, not about half of them by chance').choices(
      FAULTS,
    ),
  )
  .option('--clubs <percent>', 'seeds in which some peers are in a secret or invited space too', count, 30)
  .option('--no-shrink', 'do not look for a shorter trace of a failure')
  .option(
    '--scale <counts>',
    'instead: convergence after a partition for so many peers, as docs/scale.md has it',
    list,
  )
  .option('--charts <directory>', 'with --scale: draws what was found as SVG')
  .option(
    '--jobs <n>',
    'simulations at a time, each on a thread of its own',
    wholeFrom(1),
    availableParallelism(),
  )
  .option('--bail', 'stop at the first failure')
  .option('--json', 'one JSON line for each simulation on standard output')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run sim -- --seeds 500 --peers 12\n  npm run sim -- --seed 42\n  npm run sim -- --seeds 1 --peers 100 --assertions 10000',
  )
  .parse();

const options = program.opts<Options>();
process.exitCode = await run();

async function run(): Promise<number> {
  if (options.scale === undefined) return options.seed === undefined ? runMany() : replay(options.seed);
  const found = await measureScale(
    options.scale,
    options.from,
    (line) => void process.stdout.write(`${line}\n`),
  );
  if (options.charts !== undefined) await writeScaleCharts(options.charts, found);
  return 0;
}

function optionsOf(seed: number): SimulationOptions {
  const { peers, rogues, deeds, assertions, faults, seconds, kinds, clubs } = options;
  const world = { peers, rogues, deeds, assertions, faults, kinds };
  return { seed, ...world, faultsMs: seconds * 1000, clubs: clubs / 100 };
}

async function runMany(): Promise<number> {
  const { seeds, from, jobs } = options;
  const startMs = performance.now();
  const seedsToRun = Array.from({ length: seeds }, (_, i) => from + i);
  // The first once more: on another thread it has to leave the same trace.
  const tasks = (seeds > 1 ? [...seedsToRun, from] : seedsToRun).map((seed) => ({
    options: optionsOf(seed),
    shrinks: options.shrink,
  }));
  const outcomes: Outcome[] = [];
  for await (const { outcome, shrunk } of runAll(tasks, jobs)) {
    outcomes.push(outcome);
    if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
    if (outcome.breach !== undefined) explain(outcome, shrunk);
    progress(`${Math.min(outcomes.length, seeds)} of ${seeds} seeds`);
    if (options.bail && outcome.breach !== undefined) return 1;
  }
  progress('');
  const failed = new Set(outcomes.filter(({ breach }) => breach !== undefined).map(({ seed }) => seed));
  say(
    `${seeds - failed.size} of ${seeds} seeds hold, in ${Math.round((performance.now() - startMs) / 1000)} s`,
  );
  say(describeConvergence(outcomes));
  for (const line of describeTally(outcomes)) say(line);
  const [hash, again] = outcomes.filter(({ seed }) => seed === from).map((outcome) => outcome.hash);
  if (seeds === 1) say(`trace ${hash}`);
  else if (hash === again) say(`seed ${from} twice: the same trace ${hash}`);
  else say(`seed ${from} twice: traces ${hash} and ${again} differ`);
  return failed.size === 0 && (seeds === 1 || hash === again) ? 0 : 1;
}

/** What happened how often, and in how many seeds; what never happened was not tested. */
function describeTally(outcomes: readonly Outcome[]): string[] {
  return HAPPENINGS.map((what) => {
    const counts = outcomes.map(({ tally }) => tally[what] ?? 0);
    const all = counts.reduce((sum, count) => sum + count, 0);
    const seeds = counts.filter((count) => count > 0).length;
    return `${String(all).padStart(9)} in ${String(seeds).padStart(4)} seeds  ${what}`;
  });
}

function describeConvergence(outcomes: readonly Outcome[]): string {
  const times = outcomes.flatMap(({ convergedMs }) => convergedMs ?? []).sort((a, b) => a - b);
  const at = (part: number) => ((times[Math.floor((times.length - 1) * part)] ?? 0) / 1000).toFixed(1);
  return `equal roots after the heal: median ${at(0.5)} s, 90 % within ${at(0.9)} s, all within ${at(1)} s`;
}

function explain({ seed, breach }: Outcome, shrunk: Shrunk | undefined): void {
  progress('');
  say(`seed ${seed} fails: ${breach?.rule}\n  ${breach?.what}`);
  if (shrunk === undefined) return;
  const plan = planOf(optionsOf(seed)).map(describeAction);
  const kept = shrunk.plan.map(describeAction);
  say(`  the shortest trace found, ${kept.length} of ${plan.length} actions:`);
  for (const action of kept) say(`  ${action}`);
  say(`  ${shrunk.outcome.breach?.what}`);
  const numbers = kept.map((action) => plan.indexOf(action));
  say(`  npm run sim -- ${worldFlags()} --seed ${seed} --keep ${numbers.join()}`);
}

function worldFlags(): string {
  const { peers, rogues, deeds, assertions, faults, seconds, clubs, kinds = [] } = options;
  const flags = Object.entries({ peers, rogues, deeds, assertions, faults, seconds, clubs });
  const chosen = kinds.length === 0 ? [] : ['--kinds', ...kinds.map((name) => `"${name}"`)];
  return [...flags.map(([name, value]) => `--${name} ${value}`), ...chosen].join(' ');
}

async function replay(seed: number): Promise<number> {
  const whole = planOf(optionsOf(seed));
  const plan = options.keep
    ?.map((number) => whole[number])
    .filter((action): action is Action => action !== undefined);
  const print = options.json ? undefined : (line: string) => void process.stdout.write(`${line}\n`);
  const outcome = await simulate({ ...optionsOf(seed), plan: plan ?? whole, print, watchRejections });
  if (options.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
  if (outcome.breach === undefined) say(`seed ${seed} holds; trace ${outcome.hash}`);
  else say(`seed ${seed} fails: ${outcome.breach.rule}\n  ${outcome.breach.what}`);
  return outcome.breach === undefined ? 0 : 1;
}

function list(text: string): number[] {
  return text.split(',').map(count);
}
