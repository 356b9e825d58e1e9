/** The limit of whatever stores: bare classic-level, given the same rows. */
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';

export type Row = readonly [key: Uint8Array, value: Uint8Array];
export type RawLevel = ClassicLevel<Uint8Array, Uint8Array>;

const VIEWS = { keyEncoding: 'view', valueEncoding: 'view' } as const;
const ROWS_AT_ONCE = 1024;

async function open(directory: string): Promise<RawLevel> {
  const level: RawLevel = new ClassicLevel(directory, VIEWS);
  await level.open();
  return level;
}

/** The store of a peer that is not running. */
export async function withPeerStore<Result>(
  peerDirectory: string,
  use: (level: RawLevel) => Promise<Result>,
): Promise<Result> {
  const level = await open(join(peerDirectory, 'store'));
  try {
    return await use(level);
  } finally {
    await level.close();
  }
}

export interface RawRange {
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
}

/** Rows of a range, in pages. */
export async function* pages(level: RawLevel, range: RawRange = {}): AsyncIterable<Row[]> {
  const iterator = level.iterator(range);
  for (let page = await iterator.nextv(ROWS_AT_ONCE); page.length > 0; ) {
    yield page;
    page = await iterator.nextv(ROWS_AT_ONCE);
  }
  await iterator.close();
}

/** All rows of a store that a peer has closed. */
export function readRows(peerDirectory: string): Promise<Row[]> {
  return withPeerStore(peerDirectory, async (level) => {
    const rows: Row[] = [];
    for await (const page of pages(level)) rows.push(...page);
    return rows;
  });
}

/** Seconds to write the rows to an empty store in batches, the last one synced. */
export async function writeRows(directory: string, rows: readonly Row[], perBatch: number): Promise<number> {
  const level = await open(directory);
  const startedMs = performance.now();
  for (let at = 0; at < rows.length; at += perBatch) {
    const batch = level.batch();
    for (const [key, value] of rows.slice(at, at + perBatch)) batch.put(key, value);
    await batch.write({ sync: at + perBatch >= rows.length });
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await level.close();
  return seconds;
}

/** Milliseconds of each of `count` synced puts, one after the other. */
export async function syncedPuts(directory: string, bytes: number, count: number): Promise<number[]> {
  const level = await open(directory);
  const value = new Uint8Array(bytes).fill(7);
  const tookMs: number[] = [];
  for (let i = 0; i < count; i++) {
    const key = new Uint8Array(new Uint32Array([i]).buffer);
    const startedMs = performance.now();
    await level.put(key, value, { sync: true });
    tookMs.push(performance.now() - startedMs);
  }
  await level.close();
  return tookMs;
}
