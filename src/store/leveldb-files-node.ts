/** LevelDB's files, looked at and synced beside it. */
import { open, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { AverError } from '../base/errors.ts';

/** Room for what LevelDB writes on opening beside the log's content. */
const REOPEN_BYTES = 1024 * 1024;

/** The name of the log that LevelDB writes to; they are numbers of at least six digits. */
export async function newestLog(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  const numbers = names.map((name) => Number.parseInt(name, 10));
  return names[numbers.indexOf(Math.max(...numbers))] ?? '';
}

export async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    await file.datasync().finally(() => file.close());
  } catch (error) {
    // Its content has become a table meanwhile, which LevelDB syncs.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Throws `STORE_FULL`. On opening, LevelDB turns its log into a table file and then deletes the log. */
export async function assertRoomToReopen(directory: string): Promise<void> {
  const names = await readdir(directory);
  const logs = names.filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(directory, name))).size));
  const needed = sizes.reduce((sum, size) => sum + size, REOPEN_BYTES);
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < needed) {
    throw new AverError('STORE_FULL', `The disk of ${directory} is full: ${needed} bytes must be free.`);
  }
}
