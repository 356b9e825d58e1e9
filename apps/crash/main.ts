/** `npm run crash`: real processes over real stores, killed and damaged; see docs/crashes.md. */
import { Command, InvalidArgumentError } from 'commander';
import { killWriters, type LifeReport } from './kills.ts';

const program = new Command('crash')
  .description('Kills writers over real stores, cuts the power, breaks disks, and checks what must hold.')
  .option('--json', 'one JSON line for each case on standard output')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run crash -- kills --kills 1000\n  npm run crash -- kills --kills 40 --seed 7 --json',
  );

program
  .command('kills')
  .description('SIGKILL at every named point and at random times')
  .option('--kills <n>', 'processes to kill', count, 100)
  .option('--seed <n>', 'where they die, and what they write', count, 1)
  .action(kills);

await program.parseAsync();

async function kills({ kills, seed }: { kills: number; seed: number }): Promise<void> {
  const startedMs = performance.now();
  let done = 0;
  const onLife = (report: LifeReport): void => {
    done++;
    tell(report);
    if (report.breaches.length > 0)
      say(`life ${report.life}, killed ${report.at}:\n  ${report.breaches.slice(0, 10).join('\n  ')}`);
    progress(`${done} of ${kills}`);
  };
  const reports = await killWriters({ kills, seed, onLife });
  progress('');
  const broken = reports.filter(({ breaches }) => breaches.length > 0).length;
  const opens = reports.flatMap(({ openMs }) => openMs ?? []).sort((a, b) => a - b);
  const at = (part: number) => Math.round(opens[Math.floor((opens.length - 1) * part)] ?? 0);
  const acknowledged = reports.reduce(
    (sum, { acknowledged: now }, i) => sum + Math.max(0, now - (reports[i - 1]?.acknowledged ?? 0)),
    0,
  );
  say(
    `${reports.length - broken} of ${reports.length} lives hold, in ${Math.round((performance.now() - startedMs) / 1000)} s`,
  );
  say(
    `acknowledged: ${acknowledged}; opened in ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest)`,
  );
  if (broken > 0) process.exitCode = 1;
}

function tell(report: object): void {
  if (program.opts().json) process.stdout.write(`${JSON.stringify(report)}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** One line that is written over, where somebody watches. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new InvalidArgumentError('It must be a whole number.');
  return number;
}
