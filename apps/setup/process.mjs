/**
 * Child processes and one-line messages, for all steps of the set-up. Messages go to standard
 * error, so that standard output stays the data of whatever runs in the end.
 */
import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's top folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What the set-up fetches or remembers; safe to delete at any time. */
export const CACHE = join(ROOT, '.cache');

/**
 * For npm: errors only. The level is named because `npm test --silent` passes its own on to us, and
 * a failure would then say nothing.
 */
export const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

const IS_WINDOWS = process.platform === 'win32';

/** A failure that the person can act on: printed without a stack. */
export class SetupError extends Error {}

/** @param {string} text */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * The environment of everything that the set-up runs: the project's own programs come first, and
 * before them, where there is one, the folder of a fetched Node.
 * @param {string[]} folders
 */
export function putFirstOnPath(folders) {
  const own = join(ROOT, 'node_modules', '.bin');
  const rest = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== own);
  process.env.PATH = [...folders, own, ...rest].join(delimiter);
}

/**
 * Runs a program with our terminal and resolves with its exit code. Signals reach it and are
 * never taken as our own end: it decides how to stop.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string }} [options]
 * @returns {Promise<number>}
 */
export function run(program, args, { env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      stdio: 'inherit',
      env: { ...process.env, ...env },
      shell: IS_WINDOWS,
    });
    const stopForwarding = forwardSignals(child);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      stopForwarding();
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}

/**
 * Runs a program silently; what it printed is in the answer.
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string> }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runQuietly(program, args, { env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
      shell: IS_WINDOWS,
    });
    const stopForwarding = forwardSignals(child);
    let output = '';
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      stopForwarding();
      resolve({ code: 127, output: error.message });
    });
    child.on('close', (code) => {
      stopForwarding();
      resolve({ code: code ?? 1, output });
    });
  });
}

/**
 * As `runQuietly`, and a failure ends the set-up with all that the program said.
 * @param {string} task what fails, for the message
 * @param {string} program
 * @param {string[]} args
 * @param {{ env?: Record<string, string> }} [options]
 */
export async function runOrFail(task, program, args, options) {
  const { code, output } = await runQuietly(program, args, options);
  if (code !== 0) {
    throw new SetupError(
      `${task} failed (${program} ${args.join(' ')} ended with ${code})\n${output.trim()}`,
    );
  }
  return output;
}

/** @param {import('node:child_process').ChildProcess} child */
function forwardSignals(child) {
  // A terminal sends Ctrl-C to the whole group, so only its own end is held off; a SIGTERM comes to us alone.
  const hold = () => {};
  const forward = () => child.kill('SIGTERM');
  process.on('SIGINT', hold);
  process.on('SIGTERM', forward);
  process.on('SIGHUP', forward);
  return () => {
    process.off('SIGINT', hold);
    process.off('SIGTERM', forward);
    process.off('SIGHUP', forward);
  };
}
