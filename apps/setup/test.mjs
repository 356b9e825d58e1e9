/**
 * `npm test`: Vitest (Node and Chromium) and Playwright, each over the files that the filters name, and
 * beside them the seeds of the simulator; one closing line over all, counted from their own reports.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CACHE, ROOT, run, SetupError, say } from './process.mjs';
import { runSeeds } from './seeds.mjs';
import { ensureWebApp } from './web.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @type {Counts} */
const NOTHING = { passed: 0, failed: 0, skipped: 0 };

/**
 * @param {string[]} args filters, as parts of file names, and `-t NAME` for parts of test names
 * @returns {Promise<number>} the exit code
 */
export async function test(args) {
  const { files, name } = readArguments(args);
  mkdirSync(CACHE, { recursive: true });
  if (!hasTests(['src', 'apps', 'e2e'], files)) say(`no test file has ${files.join(' or ')} in its path`);
  const seeds = wantsSeeds(files, name) ? runSeeds() : NOTHING;
  const total = [await runVitest(files, name), await runPlaywright(files, name), await seeds].reduce(add);
  // Under a name, all tests of other names count as skipped.
  if (name) total.skipped = 0;
  process.stdout.write(`${closingLine(total)}\n`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** @param {string[]} args */
export function readArguments(args) {
  const at = args.findIndex((arg) => arg === '-t' || arg === '--name');
  const name = at < 0 ? undefined : args[at + 1];
  const files = at < 0 ? args : args.toSpliced(at, 2);
  return { files, name };
}

/**
 * The seeds run with everything, or by the name of the file that runs them.
 * @param {string[]} files
 * @param {string | undefined} name
 */
function wantsSeeds(files, name) {
  const isNamed = files.length === 0 || files.some((file) => 'apps/sim/main.ts'.includes(file));
  return isNamed && name === undefined;
}

/** @param {Counts} counts */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * @param {string[]} files
 * @param {string | undefined} name
 */
async function runVitest(files, name) {
  if (!hasTests(['src', 'apps'], files)) return NOTHING;
  const report = freshReport('vitest.json');
  const args = [
    'run',
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const code = await run('vitest', [...args, ...(name ? ['-t', name] : []), ...files]);
  return atLeastOneFailure(readReport(report, countVitest), code);
}

/**
 * @param {string[]} files
 * @param {string | undefined} name
 */
async function runPlaywright(files, name) {
  if (!hasTests(['e2e'], files)) return NOTHING;
  try {
    await ensureWebApp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return { ...NOTHING, failed: 1 };
  }
  const report = freshReport('playwright.json');
  const args = ['test', '--config=e2e/playwright.config.ts', '--pass-with-no-tests', '--reporter=list,json'];
  const code = await run('playwright', [...args, ...(name ? ['--grep', name] : []), ...files], {
    env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  return atLeastOneFailure(readReport(report, countPlaywright), code);
}

/**
 * `npm run crash:browser`: the tests of killed tabs, with as many kills as one has time for.
 * @param {string[]} args `--kills N` (50) and `--seed S`
 */
export function crashBrowser(args) {
  const { kills, seed } = parseArgs({
    args,
    options: { kills: { type: 'string', default: '50' }, seed: { type: 'string' } },
  }).values;
  process.env.CRASH_KILLS = kills;
  if (seed !== undefined) process.env.CRASH_SEED = seed;
  return test(['e2e/crashes']);
}

/**
 * Whether a runner has anything to do: without, its set-up and its noise are spared.
 * @param {string[]} folders
 * @param {string[]} filters
 */
function hasTests(folders, filters) {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true }).map((path) => `${folder}/${path}`),
    )
    .filter((path) => /\.(test|spec|e2e)\.tsx?$/.test(path))
    .some((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
}

/** @param {{ testResults: { status: string, assertionResults: { status: string }[] }[] }} report */
export function countVitest({ testResults }) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of testResults) {
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed++;
      else if (test.status === 'failed') counts.failed++;
      else counts.skipped++;
    }
    // A file that cannot be loaded has no tests to count, and is a failure all the same.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) counts.failed++;
  }
  return counts;
}

/** @param {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number } }} report */
export function countPlaywright({ stats }) {
  // A test that fails now and then is a failing test.
  return { passed: stats.expected, failed: stats.unexpected + stats.flaky, skipped: stats.skipped };
}

/**
 * A runner that ends with an error outside of its tests has failed once.
 * @param {Counts} counts
 * @param {number} code
 */
export function atLeastOneFailure(counts, code) {
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * @param {Counts} a
 * @param {Counts} b
 */
function add(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** @param {string} name */
function freshReport(name) {
  const path = join(CACHE, name);
  rmSync(path, { force: true });
  return path;
}

/**
 * @param {string} path
 * @param {(report: any) => Counts} count
 */
function readReport(path, count) {
  if (!existsSync(path)) return NOTHING;
  return count(JSON.parse(readFileSync(path, 'utf8')));
}
