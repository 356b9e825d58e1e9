/** What keeps a peer from starting, on Node and in a browser: said with a code, and counted. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemoryMetrics } from './base/counters.ts';
import { createPeer as createBrowserPeer } from './browser.ts';
import { createPeer as createNodePeer } from './node.ts';

let directory: string;
let metrics: MemoryMetrics;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aver-start-'));
  metrics = new MemoryMetrics();
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(directory, { recursive: true });
});

const starts = (code: string) => metrics.value('errors', { code, where: 'start' });

test('a second peer on the same data directory', async () => {
  await using first = await createNodePeer({ directory, listen: false });
  const space = await first.create({ name: 'commons', pow: [] });
  const second = createNodePeer({ directory, listen: false, metrics });
  await expect(second).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    advice: expect.stringContaining('--data'),
  });
  expect(starts('STORE_LOCKED')).toBe(1);
  await space.assert({ subject: 'first', predicate: 'goes', object: 'on' });
});

test('a data directory that cannot be one', async () => {
  await writeFile(join(directory, 'file'), '');
  const starting = createNodePeer({ directory: join(directory, 'file', 'data'), listen: false, metrics });
  await expect(starting).rejects.toMatchObject({ code: 'STORE_FAILED' });
  expect(starts('STORE_FAILED')).toBe(1);
});

test('a page over plain HTTP, where browsers offer no cryptography', async () => {
  vi.stubGlobal('crypto', { getRandomValues: globalThis.crypto.getRandomValues });
  await expect(createBrowserPeer({ metrics })).rejects.toMatchObject({
    code: 'NO_WEBCRYPTO',
    advice: expect.stringContaining('https'),
  });
  expect(starts('NO_WEBCRYPTO')).toBe(1);
});
