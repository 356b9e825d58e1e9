/** What a browser downloads: the web app, and the SDK without libp2p, gzipped. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Bench } from './bench.ts';
import type { Take } from './figure.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The same limits as `npm run check` holds them to (package.json, size-limit). */
const PARTS = [
  { name: 'SDK without libp2p', folder: '.cache/sdk', kB: 100 },
  { name: 'web app, all scripts', folder: 'dist/web/assets', kB: 360 },
] as const;

export const bundle: Bench = {
  name: 'bundle',
  about: 'gzipped JavaScript, of the last build (npm run check builds both)',
  once: true,
  async run() {
    const takes: Take[] = [];
    for (const { name, folder, kB } of PARTS) {
      const value = await gzippedBytes(join(ROOT, folder));
      if (value > 0) takes.push({ name, unit: 'kB', value: value / 1000, limit: ['the budget', kB] });
    }
    return takes;
  },
};

/** 0 when it was not built. */
async function gzippedBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names
    .filter((name) => name.endsWith('.js'))
    .map(async (name) => (await promisify(gzip)(await readFile(join(folder, name)), { level: 9 })).length);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
