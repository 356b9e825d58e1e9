/**
 * The packages that the project needs. npm keeps a record of what it installed inside
 * `node_modules`; comparing it with the lock file says what is missing or stale, also after
 * somebody ran npm by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QUIET, ROOT, runOrFail, say } from './process.mjs';

/** @typedef {{ version?: string, optional?: boolean }} LockedPackage */
/** @typedef {{ packages?: Record<string, LockedPackage> }} Lock */

export async function ensurePackages() {
  const wanted = readLock(join(ROOT, 'package-lock.json'));
  const installed = readLock(join(ROOT, 'node_modules', '.package-lock.json'));
  if (installed && wanted && !isStale(wanted, installed)) return;
  say(installed ? 'updating packages, as the lock file changed' : 'installing packages (once)');
  // Not `npm ci`: it removes what a running peer uses, and refuses a lock file that was written where
  // the registry lacks the binaries for other platforms. The locked versions are taken all the same.
  await runOrFail('Installing packages', 'npm', ['install', '--no-save', ...QUIET]);
}

/**
 * @param {Lock} wanted
 * @param {Lock} installed
 */
export function isStale(wanted, installed) {
  return Object.entries(wanted.packages ?? {}).some(([path, { version, optional }]) => {
    if (path === '') return false;
    const present = installed.packages?.[path];
    // An optional package may be for another platform.
    return present ? present.version !== version : !optional;
  });
}

/**
 * @param {string} path
 * @returns {Lock | undefined}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
