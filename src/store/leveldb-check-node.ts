/**
 * LevelDB's files against their own checksums. LevelDB itself checks those of tables never: a bit that flipped in
 * one shows another row than was stored, or ends the process by an assertion.
 */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AverError } from '../base/errors.ts';
import { FormatError, loadChecksums } from './leveldb-bytes.ts';
import { readLog, readManifest, type Version } from './leveldb-log.ts';
import { readTable } from './leveldb-table.ts';

export const MISSING = 'it is missing';

export interface FileDamage {
  readonly file: string;
  /** The list of the store's files, or its name; the newest writes; a table. */
  readonly kind: 'list' | 'log' | 'table';
  readonly what: string;
  /** That are to be in a table, as far as the list tells. */
  readonly bytes: number;
}

/** Of a table so many bytes belong to the store. */
export interface LiveFile {
  readonly name: string;
  readonly kind: 'log' | 'table';
  readonly bytes: number;
}

export interface FileCheck {
  readonly damage: readonly FileDamage[];
  /** Not looked at, for they are beyond the bound. */
  readonly rest: readonly LiveFile[];
}

/** Files are read into it one after the other: in room of their own they would fill the memory until it is collected. */
export class ReadingRoom {
  #bytes = new Uint8Array(0);

  /** What the file holds, until the next one is read. Throws the system's errors. */
  async read(path: string): Promise<Uint8Array> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > this.#bytes.length) this.#bytes = new Uint8Array(size);
      let count = 0;
      while (count < size) {
        const { bytesRead } = await file.read(this.#bytes, count, size - count, count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      return this.#bytes.subarray(0, count);
    } finally {
      await file.close();
    }
  }
}

/** Checks logs, and tables up to so many bytes in all. Throws the system's errors. */
export async function checkFiles(place: string, bytesMax = Number.POSITIVE_INFINITY): Promise<FileCheck> {
  await loadChecksums();
  const damage: FileDamage[] = [];
  const files = await liveFiles(place, damage);
  const room = new ReadingRoom();
  let bytes = 0;
  for (const [i, file] of files.entries()) {
    if (bytes >= bytesMax) return { damage, rest: files.slice(i) };
    const found = await checkFile(place, file, room);
    if (found !== undefined) damage.push(found);
    bytes += file.bytes;
  }
  return { damage, rest: [] };
}

/** After `checkFiles`. */
export async function checkFile(
  place: string,
  { name, kind, bytes }: LiveFile,
  room: ReadingRoom,
): Promise<FileDamage | undefined> {
  const damage = { file: name, kind, bytes };
  const content = await readOrTell(join(place, name), (path) => room.read(path));
  if (typeof content === 'string') return { ...damage, what: content };
  if (kind === 'log') {
    const { damagedAt } = readLog(content);
    return damagedAt === undefined ? undefined : { ...damage, what: `a record at byte ${damagedAt}` };
  }
  if (content.length < bytes) return { ...damage, what: `${content.length} of ${bytes} bytes are there` };
  const { blocks, damaged, index, isEndSound } = readTable(content.subarray(0, bytes));
  if (index === undefined) return { ...damage, what: 'its index' };
  if (damaged.length > 0) return { ...damage, what: `${damaged.length} of ${blocks.length} blocks of rows` };
  return isEndSound ? undefined : { ...damage, what: 'its filter' };
}

export function damageError(place: string, damage: readonly FileDamage[]): AverError {
  const named = damage.slice(0, 3).map(({ file, what }) => `${file} (${what})`);
  const more = damage.length > named.length ? ` and ${damage.length - named.length} more` : '';
  return new AverError('STORE_CORRUPT', `Files of ${place} are damaged: ${named.join(', ')}${more}.`);
}

/**
 * The files that LevelDB reads. What else is there was left by a process that ended: a table that is half
 * written, for one. Where the list of them is damaged, they are all that are there.
 */
async function liveFiles(place: string, damage: FileDamage[]): Promise<readonly LiveFile[]> {
  const names = await readdir(place);
  const logs = names.filter((name) => name.endsWith('.log'));
  const version = await readList(place, names, damage);
  if (version === undefined) {
    const tables = names.filter((name) => name.endsWith('.ldb'));
    const live = async (name: string) =>
      ({ name, kind: 'table', bytes: (await stat(join(place, name))).size }) as const;
    return [...logs.map(liveLog), ...(await Promise.all(tables.map(live)))];
  }
  const { log, logBefore, tables } = version;
  if (log > 0 && !logs.includes(fileName(log, 'log')))
    damage.push({ file: fileName(log, 'log'), kind: 'log', what: MISSING, bytes: 0 });
  const isLive = (name: string) => Number.parseInt(name, 10) >= log || name === fileName(logBefore, 'log');
  return [
    ...logs.filter(isLive).map(liveLog),
    ...[...tables].map(
      ([number, bytes]) => ({ name: fileName(number, 'ldb'), kind: 'table', bytes }) as const,
    ),
  ];
}

function liveLog(name: string): LiveFile {
  return { name, kind: 'log', bytes: 0 };
}

function fileName(number: number, end: string): string {
  return `${String(number).padStart(6, '0')}.${end}`;
}

/** Undefined where it is damaged; of a new store it is empty. */
async function readList(
  place: string,
  names: readonly string[],
  damage: FileDamage[],
): Promise<Version | undefined> {
  const add = (file: string, what: string): undefined =>
    void damage.push({ file, kind: 'list', what, bytes: 0 });
  if (!names.includes('CURRENT')) {
    if (await hasData(place, names)) return add('CURRENT', MISSING);
    return { tables: new Map(), log: 0, logBefore: 0 };
  }
  const current = await readOrTell(join(place, 'CURRENT'));
  const name =
    typeof current === 'string' ? undefined : /^(MANIFEST-\d+)\n$/.exec(new TextDecoder().decode(current));
  if (name?.[1] === undefined) return add('CURRENT', 'it names no manifest');
  const manifest = await readOrTell(join(place, name[1]));
  if (typeof manifest === 'string') return add(name[1], manifest);
  try {
    return readManifest(manifest);
  } catch (error) {
    if (error instanceof FormatError) return add(name[1], error.message);
    throw error;
  }
}

/** Without `CURRENT`, LevelDB would take the directory for a new store, and remove what is in it. */
async function hasData(place: string, names: readonly string[]): Promise<boolean> {
  const data = names.filter((name) => /\.(?:ldb|log)$/.test(name));
  const sizes = await Promise.all(data.map(async (name) => (await stat(join(place, name))).size));
  return sizes.some((size) => size > 0);
}

/** The file, or why it cannot be read. */
async function readOrTell(
  path: string,
  read: (path: string) => Promise<Uint8Array> = readFile,
): Promise<Uint8Array | string> {
  try {
    return await read(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return MISSING;
    if (code === 'EIO') return 'the disk cannot read it';
    throw error;
  }
}
