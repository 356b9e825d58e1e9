/**
 * One set-up at a time per checkout: two terminals that start at once on a fresh clone would install
 * into each other. The lock is a file with the process id of its holder, so a dead holder's lock is
 * taken over.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, say } from './process.mjs';

const POLL_MS = 250;

/**
 * @template T
 * @param {() => Promise<T>} step
 * @param {{ folder?: string, tell?: (text: string) => void }} [options] where the lock lies, who is told of a wait
 * @returns {Promise<T>}
 */
export async function alone(step, { folder = CACHE, tell = say } = {}) {
  const lock = join(folder, 'setup.lock');
  mkdirSync(folder, { recursive: true });
  for (let told = false; !take(lock); told = true) {
    if (!told) tell('waiting for another set-up of this checkout');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await step();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** @param {string} lock */
function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!isHeld(lock)) rmSync(lock, { force: true });
    return false;
  }
}

/** @param {string} lock */
function isHeld(lock) {
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    // An empty file belongs to somebody who is just writing it.
    if (holder > 0) process.kill(holder, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
