/**
 * The simulator's part of `npm test`: five hundred seeds, on what the other tests leave of the processor,
 * because many of them wait for real time to pass.
 */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { ROOT } from './process.mjs';

const SEEDS = 500;
const PEERS = 12;

/** @typedef {import('./test.mjs').Counts} Counts */

/**
 * Starts them, and resolves with how many held and failed. What they have to say comes at the end, in one piece.
 * @returns {Promise<Counts>}
 */
export async function runSeeds() {
  const options = ['--seeds', String(SEEDS), '--peers', String(PEERS), '--json'];
  const args = ['--disable-warning=ExperimentalWarning', 'apps/sim/main.ts', ...options];
  const child = spawn('node', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => child.kill();
  process.on('exit', end);
  // Its threads come later, and take this over.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const [outcomes, report, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise((resolve) => child.on('close', resolve).on('error', resolve)),
  ]);
  process.off('exit', end);
  process.stdout.write(`\n${SEEDS} seeds of the simulator, ${PEERS} peers each:\n${report}`);
  const counts = countSeeds(outcomes);
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * A seed that ran twice counts once.
 * @param {string} lines one outcome each, as JSON
 * @returns {Counts}
 */
export function countSeeds(lines) {
  const outcomes = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const all = new Set(outcomes.map(({ seed }) => seed));
  const broken = new Set(outcomes.filter(({ breach }) => breach !== undefined).map(({ seed }) => seed));
  return { passed: all.size - broken.size, failed: broken.size, skipped: 0 };
}

/** @param {AsyncIterable<Buffer>} stream */
async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
