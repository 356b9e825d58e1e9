/** `npm run sim:mutants`: plants each bug alone, and sees whether the simulator finds it. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { wholeFrom } from '../setup/tool.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

interface Options {
  readonly seeds: number;
  readonly jobs: number;
  readonly only?: readonly string[];
  readonly json?: true;
}

interface Verdict {
  readonly mutant: string;
  readonly caught: boolean;
  readonly seed: number | undefined;
  readonly by: string;
  readonly ms: number;
}

/** Half of the default world in each way: a third of its time. */
const WORLD = '--peers 6 --rogues 2 --deeds 15 --assertions 80 --faults 30 --seconds 40'.split(' ');
/** A mutant that hangs the simulator is found, too: no simulation takes so long. */
const HANGS_MS = 180_000;

const program = new Command('sim:mutants')
  .description('Plants bugs in the sources, one at a time, and counts those that the simulator finds.')
  .option('--seeds <n>', 'simulations for each mutant, until one fails', wholeFrom(1), 40)
  .option('--jobs <n>', 'mutants at a time', wholeFrom(1), availableParallelism())
  .option('--only <names...>', 'mutants whose names contain one of these')
  .option('--json', 'one JSON line for each mutant on standard output')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run sim:mutants\n  npm run sim:mutants -- --only "drag" --seeds 100',
  )
  .parse();

const options = program.opts<Options>();
const chosen = MUTANTS.filter(({ name }) => options.only?.some((part) => name.includes(part)) ?? true);
const verdicts: Verdict[] = [];
// Whoever is done takes the next.
const queue = chosen.values();
await Promise.all(
  Array.from({ length: options.jobs }, async () => {
    for (const mutant of queue) {
      const verdict = await judge(mutant);
      verdicts.push(verdict);
      const line = options.json ? JSON.stringify(verdict) : lineOf(verdict);
      process.stdout.write(`${line}\n`);
    }
  }),
);
const unseen = verdicts.filter(({ caught }) => !caught);
process.stderr.write(`${verdicts.length - unseen.length} of ${verdicts.length} mutants caught\n`);
process.exitCode = unseen.length === 0 ? 0 : 1;

function lineOf({ mutant, caught, seed, by, ms }: Verdict): string {
  const seconds = `${(ms / 1000).toFixed(0).padStart(4)} s`;
  if (!caught) return `UNSEEN  ${seconds}  ${mutant}`;
  return `caught  ${seconds}  ${mutant}: ${by}${seed === undefined ? '' : `, seed ${seed}`}`;
}

async function judge(mutant: Mutant): Promise<Verdict> {
  const startMs = performance.now();
  const { code, said } = await run(mutant);
  const [, seed, by] = /^seed (\d+) fails: (.+)$/m.exec(said) ?? [];
  const how = code === 0 ? '' : (by ?? (code === undefined ? 'the simulator hangs' : 'the simulator breaks'));
  const ms = performance.now() - startMs;
  return {
    mutant: mutant.name,
    caught: code !== 0,
    seed: seed === undefined ? undefined : Number(seed),
    by: how,
    ms,
  };
}

function argsOf({ seenBy: { kinds, inClub, assertions, large } = {} }: Mutant): string[] {
  return [
    ...(large ? [] : WORLD),
    ...(kinds === undefined ? [] : ['--kinds', ...kinds]),
    ...(inClub ? ['--clubs', '100'] : []),
    ...(assertions === undefined ? [] : ['--assertions', String(assertions)]),
  ];
}

function run(mutant: Mutant): Promise<{ code: number | undefined; said: string }> {
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    new URL('./mutant-loader.ts', import.meta.url).href,
  ];
  const child = spawn(
    process.execPath,
    [
      ...args,
      file('./main.ts'),
      '--seeds',
      String(options.seeds),
      '--bail',
      '--no-shrink',
      '--json',
      '--jobs',
      '1',
      ...argsOf(mutant),
    ],
    { env: { ...process.env, AVER_MUTANT: mutant.name }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += String(bytes);
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve({ code: undefined, said });
    }, HANGS_MS);
    // A line for each simulation.
    child.stdout.on('data', () => timer.refresh());
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, said });
    });
  });
}
