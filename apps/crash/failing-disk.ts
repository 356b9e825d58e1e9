/** The library that makes system calls fail and records syncs, compiled where there is a compiler for it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Calls of LevelDB that can be made to fail. */
export const CALLS = ['write', 'flush', 'sync', 'open', 'rename'] as const;
export type Call = (typeof CALLS)[number];

/** The path of the library, built into the directory; undefined on a machine that cannot. */
export function buildFailingDisk(directory: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const library = join(directory, 'failing-disk.so');
  const source = fileURLToPath(new URL('failing-disk.c', import.meta.url));
  const { error, status, stderr } = spawnSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    library,
    source,
    '-ldl',
  ]);
  if (error !== undefined) return undefined;
  if (status !== 0) throw new Error(String(stderr));
  return library;
}

export interface FailingDisk {
  readonly library: string;
  /** Files below are meant. */
  readonly path: string;
  readonly record: string;
  readonly failure?: { readonly call: Call; readonly nth: number };
}

export function failingDisk({ library, path, record, failure }: FailingDisk): Record<string, string> {
  return {
    LD_PRELOAD: library,
    AVER_DISK_PATH: path,
    AVER_DISK_RECORD: record,
    ...(failure === undefined ? {} : { AVER_DISK_CALL: failure.call, AVER_DISK_NTH: String(failure.nth) }),
  };
}

export interface DiskRecord {
  readonly hasFailed: boolean;
  /** Bytes of each file that certainly are on the disk, by path. */
  readonly synced: ReadonlyMap<string, number>;
}

export function readRecord(path: string): DiskRecord {
  const synced = new Map<string, number>();
  let hasFailed = false;
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Nothing happened.
  }
  for (const line of text.split('\n')) {
    const [, what, size, file] = /^(\w+) (\d+) (.*)$/.exec(line) ?? [];
    if (what === 'failed') hasFailed = true;
    if (what === 'synced' && file !== undefined) synced.set(file, Number(size));
  }
  return { hasFailed, synced };
}
