/** LevelDB changes its log when its buffer is full: what is in the log before must be synced by then. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { u32Bytes } from '../base/bytes.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { openLevelDb } from './leveldb.ts';
import { newestLog } from './leveldb-files-node.ts';

/** Logs that were synced by name. */
const synced: string[] = [];

vi.mock('./leveldb-files-node.ts', async (original) => {
  const files = await original<typeof import('./leveldb-files-node.ts')>();
  return {
    ...files,
    syncFile: (path: string) => {
      synced.push(basename(path));
      return files.syncFile(path);
    },
  };
});

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'aver-log-'));
});

afterEach(() => rm(directory, { recursive: true }));

test.each([0, 0.5, 0.75, 1])(
  'what is in a log before the newest one is synced, where a share of %s of the writes is [STC-12]',
  async (durableShare) => {
    const random = new SeededRandom(7);
    const store = await openLevelDb({ directory });
    /** Logs with something that a power cut might take. */
    const dirty = new Set<string>();
    const logs = new Set<string>();
    // Writes come in stretches: a long one of synced ones leaves much to find out about the log.
    for (let i = 0; i < 120; i++) {
      const durable = (Math.floor(i / 30) + 0.5) / 4 < durableShare;
      const size = 20_000 + Math.floor(200_000 * random.number());
      await store.write([{ key: u32Bytes(i), value: random.bytes(size) }], { durable });
      const newest = await newestLog(directory);
      logs.add(newest);
      for (const log of synced.splice(0)) dirty.delete(log);
      if (durable) dirty.delete(newest);
      else dirty.add(newest);
      expect([...dirty].filter((log) => log !== newest)).toEqual([]);
    }
    expect(logs.size).toBeGreaterThan(2);
    await store.close();
  },
);
