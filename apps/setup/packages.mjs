/**
 * The packages that the project needs. npm keeps a record of what it installed inside
 * `node_modules`; comparing it with the lock file says what is missing or stale, also after
 * somebody ran npm by hand.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runOrFail, say } from './process.mjs';

/** @typedef {{ version?: string, optional?: boolean }} LockedPackage */
/** @typedef {{ packages?: Record<string, LockedPackage> }} Lock */

export async function ensurePackages() {
  const wanted = readLock(join(ROOT, 'package-lock.json'));
  const installed = readLock(join(ROOT, 'node_modules', '.package-lock.json'));
  if (!installed) {
    say('installing packages (once)');
    await runOrFail('Installing packages', 'npm', ['ci', '--no-audit', '--no-fund']);
  } else if (wanted && isStale(wanted, installed)) {
    say('updating packages, as the lock file changed');
    // Unlike `npm ci` this touches only what differs, so a peer that runs meanwhile keeps its files.
    await runOrFail('Updating packages', 'npm', ['install', '--no-save', '--no-audit', '--no-fund']);
  }
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
