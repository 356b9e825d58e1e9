/** Inputs that once broke something: each is fed again in every run of the tests. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './target.ts';

/** Committed. */
export const CRASHES = join(import.meta.dirname, 'crashes');
/** What a long run found to reach new branches; a cache. */
export const REACHED = join(import.meta.dirname, '..', '..', '.cache', 'fuzz');

const folderOf = (root: string, { name }: Target) => join(root, name.replaceAll(/[^\w]+/g, '-'));

/** The inputs that are kept for a target, in hex, one a file. */
export function kept(root: string, target: Target): Uint8Array[] {
  const folder = folderOf(root, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => new Uint8Array(Buffer.from(readFileSync(join(folder, name), 'utf8').trim(), 'hex')));
}

/** Returns the path. */
export function keep(root: string, target: Target, input: Uint8Array): string {
  const folder = folderOf(root, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${createHash('sha256').update(input).digest('hex').slice(0, 16)}.hex`);
  writeFileSync(path, `${Buffer.from(input).toString('hex')}\n`);
  return path;
}
