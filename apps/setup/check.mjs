/**
 * `npm run check`: everything about the project that is not a test of its behaviour. All steps run,
 * whatever fails before them; each ends in one line, a failed one after all that it said.
 */
import { buildLibrary } from './library.mjs';
import { runQuietly, SetupError } from './process.mjs';
import { bundleSdk } from './sizes.mjs';
import { closingLine } from './test.mjs';
import { ensureWebApp } from './web.mjs';

/** @typedef {{ code: number, output: string }} Outcome */

/** @type {[name: string, step: () => Promise<Outcome>][]} */
const STEPS = [
  ['types', () => runQuietly('tsc', ['-p', '.'])],
  ['lint and format', () => runQuietly('biome', ['ci', '--colors=off', '.'])],
  ['import arrows', () => runQuietly('vitest', ['run', '--project=node', 'apps/setup/arrows.test.ts'])],
  ['unused code', () => runQuietly('knip', [])],
  ['package', () => attempt(buildLibrary, 'publint', ['--strict'])],
  ['bundle sizes', () => attempt(buildBundles, 'size-limit', [])],
];

async function buildBundles() {
  await bundleSdk();
  await ensureWebApp();
}

/** @returns {Promise<number>} the exit code */
export async function check() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, step] of STEPS) {
    const startedMs = performance.now();
    const { code, output } = await step();
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    if (code === 0) counts.passed++;
    else {
      counts.failed++;
      process.stdout.write(`${output.trim()}\n`);
    }
    process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s)\n`);
  }
  process.stdout.write(`${closingLine(counts)}\n`);
  return counts.failed > 0 ? 1 : 0;
}

/**
 * Runs a program on what a step before it makes.
 * @param {() => Promise<void>} prepare
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<Outcome>}
 */
async function attempt(prepare, program, args) {
  try {
    await prepare();
  } catch (error) {
    if (error instanceof SetupError) return { code: 1, output: error.message };
    throw error;
  }
  return runQuietly(program, args);
}
