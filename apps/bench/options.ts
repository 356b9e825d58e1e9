/** What `npm run bench` can be told. */
import { Command } from 'commander';
import { wholeFrom } from '../setup/tool.ts';
import type { Sizes } from './bench.ts';

export interface Options extends Partial<Sizes> {
  readonly only?: readonly string[];
  readonly full?: true;
  readonly json?: true;
  readonly rounds: number;
  readonly profile?: string;
  readonly charts?: string;
  readonly document?: string;
  readonly from?: readonly string[];
}

const count = wholeFrom(1);

/** A few minutes in all. */
const QUICK: Sizes = {
  assertions: [10_000],
  pushAssertions: 10_000,
  openAssertions: 100_000,
  queryFacts: 20_000,
  reconcileSizes: [10_000],
  keepTips: [1000, 100_000],
  quietSeconds: 20,
  samples: 500,
};

/** What the bars are about: half an hour. */
const FULL: Sizes = {
  assertions: [10_000, 100_000],
  pushAssertions: 50_000,
  openAssertions: 1_000_000,
  queryFacts: 100_000,
  reconcileSizes: [10_000, 100_000, 1_000_000],
  keepTips: [1000, 100_000, 1_000_000],
  quietSeconds: 60,
  samples: 500,
};

const EXAMPLES = `
Examples:
  npm run bench -- --only push fill-runs
  npm run bench -- --json > bench.json
  npm run bench -- --full --document docs/performance.md --charts docs/images/bench
  npm run bench -- --from bench.json --document docs/performance.md`;

export function readOptions(names: readonly string[]): Options {
  const program = new Command('bench')
    .description('Measures Aver on this machine, each figure beside the physical limit of the same run.')
    .option('--only <names...>', `some of: ${names.join(', ')}`)
    .option('--full', 'the sizes that the bars are about')
    .option('--json', 'one JSON document on standard output')
    .option(
      '--rounds <n>',
      'takes of each figure: the median is shown, with the lowest and highest',
      count,
      3,
    )
    .option('--assertions <n...>', 'single-claim assertions of a fill', counts)
    .option('--push-assertions <n>', 'pushed one after the other', count)
    .option('--open-assertions <n>', 'assertions in the store that is opened', count)
    .option('--query-facts <n>', 'facts in the store that is asked', count)
    .option('--reconcile-sizes <n...>', 'assertions in sets that are reconciled', counts)
    .option('--keep-tips <n...>', 'tips that trie and sketch are kept over', counts)
    .option('--quiet-seconds <n>', 'how long quiet peers are listened to', count)
    .option('--samples <n>', 'takes of a latency within a round', count)
    .option('--profile <directory>', 'write a CPU profile of each process there')
    .option('--charts <directory>', 'write charts there, as SVG')
    .option('--document <file>', 'put the tables between its markers: <!-- bench NAME --> … <!-- end -->')
    .option('--from <files...>', 'measure nothing, and take the figures of JSON documents')
    .addHelpText('after', EXAMPLES)
    .parse();
  const options = program.opts<Options>();
  for (const name of options.only ?? []) {
    if (!names.includes(name)) program.error(`error: there is no benchmark ${name}`);
  }
  return options;
}

export function sizesOf(options: Options): Sizes {
  const defaults = options.full === true ? FULL : QUICK;
  const chosen = Object.entries(defaults).map(([name, size]) => [name, options[name as keyof Sizes] ?? size]);
  return Object.fromEntries(chosen) as Sizes;
}

function counts(text: string, before: readonly number[] = []): number[] {
  return [...before, count(text)];
}
