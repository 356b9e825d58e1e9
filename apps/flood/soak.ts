/**
 * `npm run soak`: one peer that lives for long among peers that come and go, and whether anything in it
 * grows that should not. What it writes down (facts, authors) grows of course; on the disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Command } from 'commander';
import { scoped } from '../../src/base/scoped.ts';
import { type Remote, startProcess } from '../bench/remote.ts';
import { positive, progress, say } from '../setup/tool.ts';
import { type Slope, slopeOf, type Tolerance } from './slope.ts';
import type { CrowdMethods } from './soak-crowd.ts';
import type { SoakSample, SubjectMethods } from './soak-subject.ts';

type Measure = Exclude<keyof SoakSample, 'atMs'>;

/**
 * What each may rise within the second half. Each visitor leaves an author in the set (about 1 KiB of trie
 * and sketch), a ban-proof memory of its standing and its score, and libp2p's entry for an hour.
 */
const TOLERANCES: Readonly<Record<Measure, Tolerance>> = {
  heapMiB: { share: 0.1, floor: 4 },
  rssMiB: { share: 0.1, floor: 24 },
  handles: { share: 0.2, floor: 8 },
  connections: { share: 0.2, floor: 3 },
  sockets: { share: 0.2, floor: 8 },
  streams: { share: 0.2, floor: 30 },
  frameStreams: { share: 0.2, floor: 20 },
  links: { share: 0.2, floor: 6 },
  peerSyncs: { share: 0.2, floor: 8 },
  abortSignals: { share: 0.2, floor: 100 },
  listeners: { share: 0.2, floor: 150 },
};

interface Options {
  readonly minutes: number;
  readonly visitors: number;
  readonly every: number;
  readonly json?: true;
}

const program = new Command('soak')
  .description('A peer among peers that come and go, for long: what grows in it that should not.')
  .option('--minutes <n>', 'how long', positive, 20)
  .option('--visitors <n>', 'peers that visit at a time', positive, 3)
  .option('--every <seconds>', 'between samples', positive, 10)
  .option('--json', 'one JSON line for each sample, and one for the slopes, on standard output')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run soak -- --minutes 20\n  npm run soak -- --minutes 2 --every 2 --json',
  )
  .parse();

const options = program.opts<Options>();
process.exitCode = await run();

async function run(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'aver-soak-'));
  const at = (module: string) => join(import.meta.dirname, module);
  const subject = startProcess<SubjectMethods>(at('soak-subject.ts'), {
    profiles: undefined,
    exposeGc: true,
  });
  const crowd = startProcess<CrowdMethods>(at('soak-crowd.ts'), { profiles: undefined });
  try {
    return await scoped(subject, () => scoped(crowd, () => soak(subject.call, crowd.call, directory)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function soak(
  subject: Remote<SubjectMethods>,
  crowd: Remote<CrowdMethods>,
  directory: string,
): Promise<number> {
  const invites = await subject.start(directory);
  await crowd.start(invites, options.visitors);
  const samples: SoakSample[] = [];
  const endMs = performance.now() + options.minutes * 60_000;
  while (performance.now() < endMs) {
    await setTimeout(options.every * 1000);
    const sample = await subject.sample();
    samples.push(sample);
    if (options.json) process.stdout.write(`${JSON.stringify(sample)}\n`);
    const left = Math.max(0, endMs - performance.now()) / 60_000;
    progress(
      `${left.toFixed(1)} min left; heap ${sample.heapMiB.toFixed(1)} MiB, RSS ${sample.rssMiB.toFixed(0)}`,
    );
  }
  progress('');
  const visits = await crowd.counts();
  const counts = await subject.counts();
  await crowd.stop();
  await subject.stop();
  const slopes = Object.entries(TOLERANCES).map(([name, tolerance]) => {
    const series = samples.map((sample) => ({ atMs: sample.atMs, value: sample[name as Measure] }));
    return { name, ...slopeOf(series, tolerance) };
  });
  report(slopes);
  say(`${visits.visits} visits, ${visits.failures} failed${visits.last && ` (last: ${visits.last})`}`);
  say(
    `${counts.writes} writes, ${counts.queries} queries, ${counts.watches} watches, ${counts.assertions} assertions`,
  );
  for (const warning of counts.warnings) say(`Node warned: ${warning}`);
  if (options.json) process.stdout.write(`${JSON.stringify({ slopes, ...visits, ...counts })}\n`);
  const isWell = slopes.every(({ isFlat }) => isFlat) && counts.warnings.length === 0;
  say(isWell ? 'nothing grows' : 'something grows, or Node warned');
  return isWell ? 0 : 1;
}

function report(slopes: readonly ({ readonly name: string } & Slope)[]): void {
  say('within the second half:');
  for (const { name, mean, growth, perMinute, tolerance, isFlat } of slopes) {
    const line = `mean ${mean.toFixed(1)}, ${perMinute.toFixed(3)} a minute, ${growth.toFixed(1)} in all`;
    say(`  ${name.padEnd(13)} ${line} (at most ${tolerance.toFixed(1)})${isFlat ? '' : '  GROWS'}`);
  }
}
