/** The rows of a LevelDB directory, read past the Store port; and copies of directories. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

export type Row = readonly [key: Uint8Array, value: Uint8Array];

/** All rows of a store that nobody has open. LevelDB recovers its log meanwhile, so give it a copy. */
export async function readRows(directory: string): Promise<Row[]> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: false,
  });
  await level.open();
  try {
    return await level.iterator().all();
  } finally {
    await level.close();
  }
}

/** Runs `use` on a copy of a directory, and removes it. */
export async function onCopy<Result>(
  directory: string,
  use: (copy: string) => Promise<Result>,
): Promise<Result> {
  const place = mkdtempSync(join(tmpdir(), 'aver-crash-copy-'));
  try {
    const copy = join(place, 'store');
    cpSync(directory, copy, { recursive: true });
    return await use(copy);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
