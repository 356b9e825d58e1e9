/** `npm run crash`: real processes over real stores, killed and damaged; see docs/crashes.md. */
import { Command } from 'commander';
import { progress, say, wholeFrom } from '../setup/tool.ts';
import { type DamageReport, damageFiles } from './damage.ts';
import { CALLS } from './failing-disk.ts';
import { type FaultReport, failDisk, failPort } from './faults.ts';
import { killWriters, type LifeReport } from './kills.ts';
import { cutPower, type PowerReport } from './power.ts';

const count = wholeFrom(0);
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

program
  .command('power')
  .description('SIGKILL, and what LevelDB had not synced is gone; needs Linux and a C compiler')
  .option('--cuts <n>', 'processes to kill', count, 40)
  .option('--states <n>', 'states of the disk to try after each', count, 20)
  .option('--holes', 'also lose pages in the midst of what was not synced')
  .option('--seed <n>', 'when they die, and what is lost', count, 1)
  .action(power);

program
  .command('faults')
  .description(
    'each write of a scripted run fails: at the Store port, and where there is a C compiler at the disk',
  )
  .option('--only <calls...>', `of ${['port', ...CALLS].join(', ')}`)
  .action(faults);

program
  .command('damage')
  .description('cuts the newest log at every offset and flips bits in all files and all parts of tables')
  .option('--step <n>', 'every so many offsets', wholeFrom(1), 1)
  .option('--flips <n>', 'bits to flip, as many in each file', count, 1000)
  .option('--tables <n>', 'bits to flip in tables, as many in each part of one', count, 300)
  .option('--seed <n>', 'which bits', count, 1)
  .action(damage);

await program.parseAsync();

async function damage(options: { step: number; flips: number; tables: number; seed: number }): Promise<void> {
  let done = 0;
  const onDamage = (report: DamageReport): void => {
    tell(report);
    if (report.breaches.length > 0)
      say(`${report.file}, ${report.damage}:\n  ${report.breaches.slice(0, 5).join('\n  ')}`);
    progress(`${++done}`);
  };
  const reports = await damageFiles({ ...options, onDamage });
  progress('');
  const kinds = new Map<string, number>();
  for (const { file, damage: what, opened, repaired, healed, forgot } of reports) {
    const kind = [file, what.replace(/ ?\d+ ?/g, ' '), opened];
    if (repaired) kind.push('repaired');
    kind.push(healed ? 'healed' : 'NOT HEALED');
    if (forgot) kind.push('forgot its key or space');
    kinds.set(kind.join(', '), (kinds.get(kind.join(', ')) ?? 0) + 1);
  }
  for (const [kind, times] of [...kinds].sort()) say(`${String(times).padStart(6)}  ${kind}`);
  if (reports.some(({ breaches }) => breaches.length > 0)) process.exitCode = 1;
}

async function faults({ only }: { only?: string[] }): Promise<void> {
  const reports: FaultReport[] = [];
  const onFault = (report: FaultReport): void => {
    reports.push(report);
    tell(report);
    if (report.breaches.length > 0)
      say(`${report.call} ${report.nth}:\n  ${report.breaches.slice(0, 10).join('\n  ')}`);
    progress(`${report.call} ${report.nth}`);
  };
  const isWanted = (call: string) => only === undefined || only.includes(call);
  if (isWanted('port')) await failPort(onFault);
  const calls = CALLS.filter(isWanted);
  if (calls.length > 0 && !(await failDisk(onFault, calls)))
    say('the disk: not run, it needs Linux and a C compiler (cc)');
  progress('');
  for (const call of ['port', ...CALLS].filter(isWanted)) {
    const of = reports.filter((report) => report.call === call);
    const hold = of.filter(({ breaches }) => breaches.length === 0).length;
    const seen = of.filter(({ codes }) => codes.length > 0).length;
    say(`${call}: ${hold} of ${of.length} hold, ${seen} of them said an error`);
    if (hold < of.length) process.exitCode = 1;
  }
}

async function power(options: {
  cuts: number;
  states: number;
  seed: number;
  holes?: boolean;
}): Promise<void> {
  let done = 0;
  const onCut = (report: PowerReport): void => {
    tell(report);
    if (report.breaches.length > 0) say(`cut ${report.cut}:\n  ${report.breaches.slice(0, 10).join('\n  ')}`);
    progress(`${++done} of ${options.cuts}`);
  };
  const reports = await cutPower({ ...options, onCut });
  progress('');
  if (reports === undefined) {
    say('not run: it needs Linux and a C compiler (cc)');
    return;
  }
  const broken = reports.filter(({ breaches }) => breaches.length > 0).length;
  const sum = (of: (report: PowerReport) => number) => reports.reduce((total, each) => total + of(each), 0);
  say(
    `${reports.length - broken} of ${reports.length} cuts hold, ${sum(({ states }) => states)} states of the disk`,
  );
  const several = reports.filter(({ logs }) => logs > 1).length;
  say(`${sum(({ unsyncedBytes }) => unsyncedBytes)} bytes were not synced; ${several} cuts found two logs`);
  if (broken > 0) process.exitCode = 1;
}

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
