/**
 * `npm run consistency`: the tests that show what Aver promises, property by property. A test belongs to a property
 * by the rows that its name cites, such as `[STC-12]`; docs/consistency.md says what each property is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, SetupError } from './process.mjs';
import { test } from './test.mjs';

/** @type {Readonly<Record<string, readonly string[]>>} */
export const PROPERTIES = {
  convergence: ['STC-01', 'STC-02', 'STC-03', 'STC-33', 'STC-36', 'STC-37', 'STC-38'],
  causality: ['STC-04', 'STC-05'],
  availability: ['STC-07', 'STC-08', 'STC-09', 'STC-10', 'STC-39', 'STC-40'],
  durability: ['STC-12', 'STC-13', 'STC-34', 'STC-35'],
  resolution: ['STC-14', 'STC-15', 'STC-19', 'STC-21'],
  recency: ['STC-06', 'STC-28', 'STC-29', 'STC-30', 'STC-32', 'STC-41'],
};

/**
 * @param {string[]} args one property, or none for all six
 * @returns {Promise<number>} the exit code
 */
export async function consistency(args) {
  const names = Object.keys(PROPERTIES);
  if (args.length > 1 || args.some((name) => !names.includes(name)))
    throw new SetupError(`npm run consistency [-- PROPERTY], one of ${names.join(', ')}; all without one`);
  const rows = (args.length === 1 ? args : names).flatMap((name) => PROPERTIES[name] ?? []);
  const pattern = rows.map((row) => `\\[${row}\\]`).join('|');
  return test([...testsThat(new RegExp(pattern)), '-t', pattern]);
}

/** @param {RegExp} cite */
function testsThat(cite) {
  return ['src', 'apps', 'e2e']
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true }).map((path) => `${folder}/${path}`),
    )
    .filter((path) => /\.test\.tsx?$/.test(path) && cite.test(readFileSync(join(ROOT, path), 'utf8')));
}
