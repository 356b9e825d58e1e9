/** LevelDB's files, which are checked, and read where they are damaged: raw, and with their checksums put right. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes } from '../../../src/base/bytes.ts';
import { openLevelDb } from '../../../src/store/leveldb.ts';
import { checksumOf, FormatError, loadChecksums, varintBytes } from '../../../src/store/leveldb-bytes.ts';
import { readLog, readManifest } from '../../../src/store/leveldb-log.ts';
import { FOOTER_BYTES, MAGIC, mendTable, readTable } from '../../../src/store/leveldb-table.ts';
import type { Target } from '../target.ts';
import { rows } from './samples.ts';

const FULL = 1;
/** A block without entries: one restart, at its begin. */
const EMPTY_BLOCK = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0);

/** Files of a store that was opened twice: what the first time left in its log is in a table then. */
async function files(seed: number, end: RegExp): Promise<Uint8Array[]> {
  await loadChecksums();
  const directory = await mkdtemp(join(tmpdir(), 'aver-fuzz-leveldb-'));
  try {
    for (const half of [0, 1]) {
      const store = await openLevelDb({ directory });
      await store.write(rows(seed + half), { durable: true });
      await store.close();
    }
    const names = (await readdir(directory)).filter((name) => end.test(name));
    return await Promise.all(
      names.map(async (name) => new Uint8Array(await readFile(join(directory, name)))),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

function checksumBytes(content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, checksumOf(content), true);
  return bytes;
}

/** A block with its type behind it, as it is stored. */
function sealed(block: Uint8Array): Uint8Array {
  return concatBytes(block, checksumBytes(block));
}

/** A log of one record. */
function logOf(record: Uint8Array): Uint8Array {
  const content = concatBytes(Uint8Array.of(FULL), record.subarray(0, 0xffff));
  const length = content.length - 1;
  return concatBytes(checksumBytes(content), Uint8Array.of(length % 256, length >> 8), content);
}

/** A table whose index is this block, and whose one block of rows is this block as well. */
function tableOf(block: Uint8Array): Uint8Array {
  const [content, meta] = [sealed(block), sealed(EMPTY_BLOCK)];
  const handle = (offset: number, length: number) => concatBytes(varintBytes(offset), varintBytes(length));
  const handles = concatBytes(
    handle(content.length, EMPTY_BLOCK.length - 1),
    handle(content.length + meta.length, block.length - 1),
  );
  const footer = new Uint8Array(FOOTER_BYTES - MAGIC.length);
  footer.set(handles);
  return concatBytes(content, meta, content, footer, MAGIC);
}

/** The blocks of rows of tables, with their types behind them. */
function blocksOf(tables: readonly Uint8Array[]): Uint8Array[] {
  return tables.flatMap((table) =>
    readTable(table).blocks.map(({ offset, length }) => table.slice(offset, offset + length + 1)),
  );
}

/** Throws where what was mended cannot be read again. */
function mend(table: Uint8Array): void {
  readTable(table);
  const mended = mendTable(table, table.length);
  if (mended !== undefined && readTable(mended.bytes).index === undefined)
    throw new Error('A mended table has no index.');
}

function readList(bytes: Uint8Array): void {
  try {
    readManifest(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

export const levelDbTargets: readonly Target[] = [
  {
    name: 'leveldb table',
    kind: 'bytes',
    sound: (seed) => files(seed, /\.ldb$/),
    decode: (bytes) => mend(bytes) as undefined,
    share: 0.3,
  },
  {
    name: 'leveldb block, resealed',
    kind: 'bytes',
    sound: async (seed) => [EMPTY_BLOCK, ...blocksOf(await files(seed, /\.ldb$/))],
    decode: (bytes) => {
      if (bytes.length > 0) mend(tableOf(bytes));
      return undefined;
    },
  },
  {
    name: 'leveldb log',
    kind: 'bytes',
    sound: (seed) => files(seed, /\.log$|^MANIFEST/),
    decode: (bytes) => void readLog(bytes) as undefined,
    share: 0.3,
  },
  {
    name: 'leveldb manifest, resealed',
    kind: 'bytes',
    sound: async (seed) =>
      (await files(seed, /^MANIFEST/)).flatMap((manifest) => [...readLog(manifest).records]),
    decode: (bytes) => readList(logOf(bytes)) as undefined,
    share: 0.3,
  },
];
