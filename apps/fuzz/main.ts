/** `npm run fuzz`: hostile bytes into every decoder, for as long as one likes, led by coverage. */
import { Command } from 'commander';
import { loadFastHash } from '../../src/base/hash.ts';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { positive, say, wholeFrom } from '../setup/tool.ts';
import { CRASHES, keep } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { type Hunt, hunt, newHunt, warmUp } from './guided.ts';
import { liveBytes } from './run.ts';
import { judge, type Target } from './target.ts';

interface Options {
  readonly minutes: number;
  readonly only?: string;
  readonly seed: number;
  readonly input?: string;
  readonly json?: true;
}

const PROGRESS_MS = 10_000;

// Functions that are never called show only where their module is loaded under watch.
const coverage = new Coverage();
const { targets } = await import('./targets/index.ts');

const program = new Command('fuzz')
  .description(
    'Feeds spoiled bytes to every decoder. Keeps what reaches new code, and each input that breaks something.',
  )
  .option('--minutes <n>', 'how long', positive, 5)
  .option('--only <target>', 'only the targets whose names contain it')
  .option('--seed <n>', 'where chance begins', wholeFrom(0), Date.now() % 1_000_000)
  .option('--input <hex>', 'with --only: this one input, and what becomes of it')
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `\nTargets: ${targets.map(({ name }) => name).join(', ')}\n\nExamples:\n  npm run fuzz -- --minutes 20\n  npm run fuzz -- --only 'invite body' --input 80`,
  )
  .parse();

const options = program.opts<Options>();
const chosen = targets.filter(({ name }) => name === options.only);
const meant = chosen.length > 0 ? chosen : targets.filter(({ name }) => name.includes(options.only ?? ''));
const rejected: unknown[] = [];
process.on('unhandledRejection', (error) => rejected.push(error));
await loadFastHash();
if (meant.length === 0) {
  say(`There is no target "${options.only}".`);
  process.exit(2);
}
process.exit(options.input === undefined ? await run() : await replay(meant[0] as Target, options.input));

async function replay(target: Target, hex: string): Promise<number> {
  const outcome = await judge(target, new Uint8Array(Buffer.from(hex, 'hex')));
  process.stdout.write(`${JSON.stringify({ target: target.name, ...outcome })}\n`);
  return outcome.type === 'crash' ? 1 : 0;
}

async function run(): Promise<number> {
  const random = new SeededRandom(options.seed);
  const hunts: Hunt[] = [];
  for (const target of meant) hunts.push(await newHunt(target, options.seed));
  for (const each of hunts) await warmUp(each, coverage);
  const startMs = performance.now();
  const endMs = startMs + options.minutes * 60_000;
  const before = liveBytes();
  let toldMs = startMs;
  const told = new Set<string>();
  for (let turn = 0; performance.now() < endMs; turn++) {
    const next = hunts[turn % hunts.length] as Hunt;
    if (random.number() > (next.target.share ?? 1)) continue;
    await hunt(next, coverage, random);
    tellCrashes(next, told);
    if (performance.now() - toldMs < PROGRESS_MS) continue;
    toldMs = performance.now();
    say(`${Math.round((toldMs - startMs) / 1000)} s: ${tally(hunts)}`);
  }
  const files = coverage.files();
  coverage.stop();
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const grownMiB = (liveBytes() - before) / 2 ** 20;
  for (const error of rejected) say(`rejected unseen: ${String(error)}`);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ...options, seconds, targets: hunts.map(summary), files })}\n`);
  say(`${seconds} s, seed ${options.seed}: ${tally(hunts)}, ${grownMiB.toFixed(1)} MiB more in use`);
  for (const each of hunts) say(`  ${JSON.stringify(summary(each))}`);
  return told.size === 0 && rejected.length === 0 ? 0 : 1;
}

/** Each kind of crash once, and its first input into the files that every run of the tests feeds again. */
function tellCrashes({ target, report }: Hunt, told: Set<string>): void {
  for (const { why, input } of report.crashes.splice(0)) {
    const kind = `${target.name}: ${why
      .split('\n')
      .slice(0, 3)
      .join(' ')
      .replace(/[0-9a-f]{8,}/g, '…')}`;
    if (told.has(kind)) continue;
    told.add(kind);
    say(`${kind}\n  kept as ${keep(CRASHES, target, input)}`);
  }
}

function summary({ target, report, found, pool }: Hunt): object {
  const { inputs, decoded, slowest } = report;
  const slow = slowest && { cpuMs: slowest.cpuMs, bytes: slowest.input.length, isTooSlow: slowest.isTooSlow };
  return {
    target: target.name,
    inputs,
    decoded,
    codes: Object.fromEntries(report.codes),
    found,
    pool: pool.length,
    slow,
  };
}

function tally(hunts: readonly Hunt[]): string {
  const inputs = hunts.reduce((sum, { report }) => sum + report.inputs, 0);
  const found = hunts.reduce((sum, each) => sum + each.found, 0);
  const reached = coverage.files().reduce((sum, file) => sum + file.reached, 0);
  return `${inputs} inputs, ${found} reached something new, ${reached} characters of source reached`;
}
