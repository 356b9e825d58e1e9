/**
 * The built web app in `dist/web`. It is stale when the list of its inputs (path, size, time of
 * change) differs from the one that the last build was made of.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alone } from './lock.mjs';
import { CACHE, ROOT, runOrFail, say } from './process.mjs';

const INPUTS = ['apps/web', 'src', 'public', 'vite.config.ts', 'package-lock.json'];
const RECORD = join(CACHE, 'web-inputs');
const NO_INPUT = /\.(test|suite)\.tsx?$/;

export function ensureWebApp() {
  return alone(buildIfStale);
}

async function buildIfStale() {
  if (!existsSync(join(ROOT, 'apps', 'web', 'index.html'))) return;
  const inputs = fingerprint(ROOT, INPUTS);
  if (inputs === readRecord() && existsSync(join(ROOT, 'dist', 'web', 'index.html'))) return;
  say('building the web app');
  await runOrFail('Building the web app', 'vite', ['build', '--logLevel', 'warn']);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(RECORD, inputs);
}

/**
 * @param {string} root
 * @param {string[]} inputs files and folders below it
 */
export function fingerprint(root, inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) {
    for (const path of filesBelow(join(root, input))) {
      const { size, mtimeMs } = statSync(path);
      hash.update(`${path}\0${size}\0${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !NO_INPUT.test(name))
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

function readRecord() {
  return existsSync(RECORD) ? readFileSync(RECORD, 'utf8') : undefined;
}
