/** Where imports come from: a file, or standard input kept in a temporary file so it can be read twice. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AverError } from '../../../src/base/errors.ts';
import type { FactsFile } from './import-facts.ts';
import type { FactsFormat } from './rows.ts';

/** First bytes of an export file. */
const EXPORT_MAGIC = 'AVER1';
const SNIFF_BYTES = 4096;

export type FileFormat = FactsFormat | 'aver';

export interface SourceFile extends FactsFile, AsyncDisposable {
  /** Told by the first bytes and by the file's name. */
  readonly format: FileFormat;
}

/** Opens `path`, or standard input for `-`. Throws `NOT_FOUND`, `BAD_INPUT`. */
export async function openSource(path: string, stdin: Readable, signal: AbortSignal): Promise<SourceFile> {
  if (path !== '-') return describeFile(path, path, async () => undefined);
  const dir = await mkdtemp(join(tmpdir(), 'aver-import-'));
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  const spooled = join(dir, 'stdin');
  try {
    await pipeline(stdin, createWriteStream(spooled, { mode: 0o600 }), { signal });
    return await describeFile('standard input', spooled, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

async function describeFile(name: string, path: string, remove: () => Promise<void>): Promise<SourceFile> {
  const bytes = await sizeOf(path);
  return {
    name,
    bytes,
    format: await formatOf(path),
    open: () => createReadStream(path),
    [Symbol.asyncDispose]: remove,
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isFile()) return found.size;
  } catch (cause) {
    throw new AverError('NOT_FOUND', `There is no file ${path}.`, { cause });
  }
  throw new AverError('BAD_INPUT', `${path} is no file; pipe it in and name it "-".`);
}

async function formatOf(path: string): Promise<FileFormat> {
  const head = await readHead(path);
  if (head.toString('latin1', 0, EXPORT_MAGIC.length) === EXPORT_MAGIC) return 'aver';
  const extension = extname(path).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (['.ndjson', '.jsonl', '.json'].includes(extension)) return 'ndjson';
  return /^\ufeff?\s*[[{]/.test(head.toString('utf8')) ? 'ndjson' : 'csv';
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new AverError('BAD_INPUT', `${path} cannot be read.`, { cause });
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
