/** What a browser downloads: the web app, and the SDK without libp2p, gzipped. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Bench } from './bench.ts';
import type { Take } from './figure.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The limits that `npm run check` holds the same folders to. */
interface Budget {
  readonly name: string;
  readonly path: string;
  readonly limit: string;
}

export const bundle: Bench = {
  name: 'bundle',
  about: 'gzipped JavaScript, of the last build (npm run check builds both)',
  once: true,
  async run() {
    const takes: Take[] = [];
    const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const { name, path, limit } of manifest['size-limit'] as readonly Budget[]) {
      const value = await gzippedBytes(join(ROOT, dirname(path)));
      const budget = ['the budget', Number.parseFloat(limit)] as const;
      if (value > 0) takes.push({ name, unit: 'kB', value: value / 1000, limit: budget });
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
