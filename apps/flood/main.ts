/** `npm run flood`: bad peers over real sockets, each scenario with what it has to hold. */
import { Command, InvalidArgumentError } from 'commander';
import { say, wholeFrom } from '../setup/tool.ts';
import { ATTACKS, type AttackName } from './attacks.ts';
import { eclipse } from './eclipse.ts';
import { type AttackOutcome, type FloodOptions, type FloodOutcome, flood, type Latency } from './flood.ts';
import { lies } from './lies.ts';
import { relays } from './relays.ts';

/** Bars of a flood. */
const P99_TIMES_QUIET = 2;
const RSS_MIB = 512;
const CUT_MS = 3000;
const REACHABLE_MS = 15_000;
/** Attacks that are cut off. The others cost what is bounded anyway, and honest peers may look like them. */
const OFFENCES: ReadonlySet<AttackName> = new Set([
  'signatures',
  'envelopes',
  'frames',
  'ihave',
  'grafts',
  'digests',
  'toggles',
  'slowloris',
]);

interface Shared {
  readonly json?: true;
}

const count = wholeFrom(0);
const program = new Command('flood')
  .description('Bad peers over real sockets beside honest ones, and whether what must hold does.')
  .option('--json', 'the outcome as one JSON line on standard output')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run flood -- attack\n  npm run flood -- attack --attacks envelopes,ihave --flood 10\n  npm run flood -- attack --renames --json\n  npm run flood -- lies --replays 20000\n  npm run flood -- eclipse --sybils 36\n  npm run flood -- relays --restarts 20',
  );

program
  .command('attack')
  .description('floods of bad messages while honest peers push to each other')
  .option('--members <n>', 'honest peers, a process each', count, 8)
  .option('--attacks <names>', `attackers, one each, of ${ATTACKS.join(', ')}`, attackNames, [...ATTACKS])
  .option('--per-second <n>', 'messages of each attacker', count, 1000)
  .option('--writes <n>', 'facts that each honest peer writes a second', count, 2)
  .option('--quiet <seconds>', 'before the flood', count, 15)
  .option('--flood <seconds>', 'how long it lasts', count, 30)
  .option('--return-ms <ms>', 'between visits of who was thrown out', count, 2000)
  .option('--renames', 'attackers come back under other peer ids')
  .action(async (own) => {
    const options: FloodOptions = {
      ...own,
      quietSeconds: own.quiet,
      floodSeconds: own.flood,
      renames: own.renames === true,
      say,
    };
    const outcome = await flood(options);
    tell(outcome);
    reportFlood(outcome);
    judge(floodFaults(outcome, options));
  });

program
  .command('lies')
  .description('wrong clocks, replays, contradictions and unknown parents, pushed to honest peers')
  .option('--replays <n>', 'old assertions said again', count, 1_000_000)
  .option('--forks <n>', 'authors who contradict themselves', count, 100)
  .option('--orphans <n>', 'assertions with unknown parents', count, 20_000)
  .action(async (own) => {
    const outcome = await lies({ ...own, say });
    tell(outcome);
    say(`${Math.round(outcome.replayedPerSecond)} replayed assertions a second to each peer`);
    judge(outcome.faults);
  });

program
  .command('eclipse')
  .description('a peer among Sybils that knows two honest ones')
  .option('--sybils <n>', 'peer ids around it', count, 18)
  .option('--facts <n>', 'facts that each honest peer writes', count, 20)
  .action(async (own) => {
    const outcome = await eclipse({ ...own, say });
    tell(outcome);
    const { connected, caughtUpMs, convergedMs } = outcome;
    say(
      `${connected} Sybils stayed; caught up after ${ms(caughtUpMs)}, all the same after ${ms(convergedMs)}`,
    );
    judge(caughtUpMs === undefined || convergedMs === undefined ? ['the victim was cut off'] : []);
  });

program
  .command('relays')
  .description('a relay killed and started again under its clients')
  .option('--clients <n>', 'peers that are reached through it only', count, 10)
  .option('--restarts <n>', 'how often', count, 20)
  .action(async (own) => {
    const outcome = await relays({ ...own, say });
    tell(outcome);
    const late = outcome.reachableMs.filter((took) => took === undefined || took > REACHABLE_MS);
    judge(late.map((took) => `not all reached within ${REACHABLE_MS} ms: ${ms(took)}`));
  });

await program.parseAsync();

function ms(took: number | undefined): string {
  return took === undefined ? 'never' : `${took.toFixed(0)} ms`;
}

function floodFaults(outcome: FloodOutcome, { renames }: FloodOptions): string[] {
  const faults: string[] = [];
  const check = (isWell: boolean, what: string) => {
    if (!isWell) faults.push(what);
  };
  const { quiet, flood: flooded } = outcome;
  check(flooded.p99 <= P99_TIMES_QUIET * quiet.p99, `p99 is over ${P99_TIMES_QUIET} × that of the quiet`);
  check(outcome.rssMaxMiB <= RSS_MIB, `a peer took more than ${RSS_MIB} MiB`);
  check(outcome.lost === 0 && outcome.agreed, 'honest facts were lost');
  check(outcome.joinMs !== undefined, 'a new peer could not join');
  for (const { attack, encounters, cut, cutMsMax, letIn } of outcome.attacks) {
    if (!OFFENCES.has(attack)) continue;
    if (!renames) check(cut === encounters, `${attack}: ${encounters - cut} of ${encounters} were not cut`);
    check(cutMsMax <= CUT_MS, `${attack}: cut only after ${Math.round(cutMsMax)} ms`);
    if (!renames) check(letIn === 0, `${attack}: let in again ${letIn} times`);
  }
  return faults;
}

function reportFlood(outcome: FloodOutcome): void {
  const { quiet, flood: flooded, after } = outcome;
  for (const [name, phase] of Object.entries({ quiet, flood: flooded })) {
    const { memberCores, attackerCores } = phase;
    const cores = `honest peers ${memberCores.toFixed(2)}, attackers ${attackerCores.toFixed(2)}`;
    say(`${latencyText(name, phase)}; cores: ${cores}`);
  }
  say(latencyText('after', after));
  say(`p99 of the flood is ${(flooded.p99 / quiet.p99).toFixed(1)} × that of the quiet`);
  for (const each of outcome.attacks) say(attackText(each));
  const { rssMaxMiB, written, lost, joinMs, names } = outcome;
  say(`${names} peer ids of attackers, ${outcome.blocked} messages without room`);
  say(`RSS at most ${rssMaxMiB.toFixed(0)} MiB; ${written} facts written, ${lost} lost`);
  say(`a new peer had everything ${joinMs === undefined ? 'not in time' : `after ${joinMs.toFixed(0)} ms`}`);
}

function latencyText(name: string, { count, p50, p99, max }: Latency): string {
  return `${name.padEnd(6)} p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)}, max ${max.toFixed(0)} (${count} facts seen)`;
}

function attackText(each: AttackOutcome): string {
  const { attack, sentPerSecond, encounters, cut, cutMsMax, sentUntilCutMax, refused, letIn } = each;
  return (
    `${attack.padEnd(10)} ${sentPerSecond.toFixed(0)}/s; cut ${cut} of ${encounters} within ${cutMsMax.toFixed(0)} ms and ${sentUntilCutMax} messages; ` +
    `refused ${refused} times on return, let in ${letIn}`
  );
}

function judge(faults: readonly string[]): void {
  for (const fault of faults) say(`NOT HELD: ${fault}`);
  if (faults.length === 0) say('everything holds');
  process.exitCode = faults.length === 0 ? 0 : 1;
}

function tell(outcome: unknown): void {
  if (program.opts<Shared>().json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

function attackNames(text: string): AttackName[] {
  return text.split(',').map((name) => {
    const known = ATTACKS.find((attack) => attack === name);
    if (known === undefined) throw new InvalidArgumentError(`There is no attack ${name}.`);
    return known;
  });
}
