/** Files of LevelDB with a bit flipped or an end missing: none of it is taken for what was stored. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, u32Bytes } from '../base/bytes.ts';
import { type AverError, isAverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { openLevelDb } from './leveldb.ts';
import { readTable } from './leveldb-table.ts';
import { openView, type StoreView } from './leveldb-view-node.ts';

const ROWS = 300;
const ALL = { gte: Uint8Array.of(0), lt: Uint8Array.of(255) };
const durable = { durable: true };

let place: string;
/** A table and a log, each with half of the rows. */
let sound: string;
let rows: ReadonlyMap<string, string>;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'aver-check-'));
  sound = join(place, 'sound');
  const random = new SeededRandom(1);
  for (const half of [0, 1]) {
    const store = await openLevelDb({ directory: sound });
    for (let i = half; i < ROWS; i += 2) {
      // Every third one does not compress.
      const value = i % 3 === 0 ? random.bytes(200) : new Uint8Array(200).fill(i);
      await store.write([{ key: u32Bytes(i), value }], durable);
    }
    await store.close();
  }
  const store = await openLevelDb({ directory: join(place, 'read') }).then(async (empty) => {
    await empty.close();
    await cp(sound, join(place, 'read'), { recursive: true });
    return openLevelDb({ directory: join(place, 'read') });
  });
  rows = await read(store);
  await store.close();
});

afterAll(() => rm(place, { recursive: true }));

async function read(store: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const [key, value] of store.range(ALL)) found.set(bytesToHex(key), bytesToHex(value));
  return found;
}

/** A copy whose file of that kind is changed. */
async function damaged(file: RegExp, change: (bytes: Uint8Array) => Uint8Array): Promise<string> {
  const directory = join(place, 'damaged');
  for (const old of [directory, `${directory}.view`]) await rm(old, { recursive: true, force: true });
  await cp(sound, directory, { recursive: true });
  const name = (await readdir(directory)).find((each) => file.test(each)) as string;
  const path = join(directory, name);
  await writeFile(path, change(new Uint8Array(await readFile(path))));
  return directory;
}

function flip(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  bytes[at] = (bytes[at] as number) ^ (1 << bit);
  return bytes;
}

/** What the view gives of each row; undefined where it says that the row is damaged. */
async function rowsOf({ store }: StoreView): Promise<(boolean | undefined)[]> {
  const found: (boolean | undefined)[] = [];
  for (const [key, value] of rows) {
    try {
      const got = await store.get(Buffer.from(key, 'hex'));
      found.push(got !== undefined && bytesToHex(got) === value);
      if (got !== undefined) expect(bytesToHex(got)).toBe(value);
    } catch (error) {
      if (!isAverError(error, 'STORE_CORRUPT')) throw error;
      found.push(undefined);
    }
  }
  return found;
}

describe('a table', () => {
  const table = /\.ldb$/;

  test('with a bit flipped anywhere but in what nobody reads is damaged [STC-35]', async () => {
    const step = 37;
    let opened = 0;
    let flips = 0;
    const size = (
      await readFile(join(sound, (await readdir(sound)).find((name) => table.test(name)) as string))
    ).length;
    for (let at = 0; at < size; at += step) {
      const directory = await damaged(table, (bytes) => flip(bytes, at, at % 8));
      flips++;
      try {
        const store = await openLevelDb({ directory });
        opened++;
        expect(await read(store)).toEqual(rows);
        await store.close();
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_CORRUPT', message: expect.stringMatching(/\d\.ldb \(/) });
      }
    }
    expect(flips).toBeGreaterThan(300);
    // The footer has some bytes that mean nothing.
    expect(opened).toBeLessThanOrEqual(2);
  });

  test('whose rows are damaged gives all the others, and says which it lacks', async () => {
    const directory = await damaged(table, (bytes) => flip(bytes, 5000));
    const view = await openView(directory);
    expect(view.damage).toMatchObject([
      { kind: 'table', what: expect.stringMatching(/^1 of \d+ blocks of rows$/) },
    ]);
    expect(view.isPartial).toBe(false);
    const found = await rowsOf(view);
    expect(found.filter((each) => each === undefined).length).toBeGreaterThan(0);
    expect(found.filter((each) => each === true).length).toBeGreaterThan(ROWS / 2);
    expect(found).not.toContain(false);
    const listed: string[] = [];
    const list = async () => {
      for await (const [key] of view.store.range(ALL)) listed.push(bytesToHex(key));
    };
    await expect(list()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(listed).toEqual([...rows.keys()].filter((_, i) => found[i] === true));
    await view.store.close();
  });

  test.each([
    ['footer', (bytes: Uint8Array) => bytes.length - 3],
    ['index', (bytes: Uint8Array) => readTable(bytes).index?.offset ?? 0],
    ['filter', (bytes: Uint8Array) => (readTable(bytes).index?.offset ?? 0) - 100],
  ])('whose %s is damaged gives all rows', async (_, where) => {
    const view = await openView(await damaged(table, (bytes) => flip(bytes, where(bytes))));
    expect(view.damage).toHaveLength(1);
    expect(view.isPartial).toBe(false);
    expect(await read(view.store)).toEqual(rows);
    await view.store.close();
  });

  test('whose index and rows are damaged gives those before, and what it lacks is not known', async () => {
    const directory = await damaged(table, (bytes) =>
      flip(flip(bytes, readTable(bytes).index?.offset ?? 0), 5000),
    );
    const view = await openView(directory);
    expect(view.isPartial).toBe(true);
    const found = await rowsOf(view);
    expect(found.filter((each) => each === true).length).toBeGreaterThan(ROWS / 2);
    expect(found).toContain(false);
    await view.store.close();
  });

  test('that lacks its end gives the rows before it', async () => {
    const view = await openView(await damaged(table, (bytes) => bytes.subarray(0, 12_000)));
    expect(view.isPartial).toBe(true);
    expect((await read(view.store)).size).toBeGreaterThan(ROWS / 2);
    await view.store.close();
  });

  test('that is half written by a process that ended is none of the store', async () => {
    const directory = await damaged(/^LOG$/, (bytes) => bytes);
    await writeFile(join(directory, '000999.ldb'), 'half');
    const store = await openLevelDb({ directory });
    expect(await read(store)).toEqual(rows);
    await store.close();
  });

  test('beyond those that are checked at once ends the store when its turn comes, and says so', async () => {
    const directory = await damaged(table, (bytes) => flip(bytes, 5000));
    const ended = Promise.withResolvers<AverError>();
    const store = await openLevelDb({ directory, checkBytesMax: 0, onEnd: ended.resolve });
    expect(await ended.promise).toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(store.get(u32Bytes(1))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const write = store.write([{ key: u32Bytes(1), value: u32Bytes(1) }], durable);
    await expect(write).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await store.close();
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('the newest log', () => {
  const log = /\.log$/;

  test('with a bit flipped anywhere is damaged, and what LevelDB can read of it is there [STC-35]', async () => {
    for (let at = 0; at < 8000; at += 61) {
      const directory = await damaged(log, (bytes) => flip(bytes, at, at % 8));
      await expect(openLevelDb({ directory }), `byte ${at}`).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    }
    // A page that a power cut left out, amid others.
    const holed = await damaged(log, (bytes) => bytes.fill(0, 8192, 12_288));
    await expect(openLevelDb({ directory: holed })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const view = await openView(await damaged(log, (bytes) => flip(bytes, 33_000)));
    expect(view.isPartial).toBe(true);
    const found = await read(view.store);
    expect(found.size).toBeGreaterThan(ROWS / 2);
    for (const [key, value] of found) expect(rows.get(key)).toBe(value);
    await view.store.close();
  });

  test('that ends anywhere is one whose writer was killed [STC-34]', async () => {
    for (let at = 0; at < 3000; at += 61) {
      const store = await openLevelDb({ directory: await damaged(log, (bytes) => bytes.subarray(0, at)) });
      const found = await read(store);
      for (const [key, value] of found) expect(rows.get(key)).toBe(value);
      await store.close();
    }
  });

  test('that is missing is damaged', async () => {
    const directory = await damaged(log, (bytes) => bytes);
    await rm(join(directory, (await readdir(directory)).find((name) => log.test(name)) as string));
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

test('a manifest with a bit flipped anywhere is damaged, and all rows are there', async () => {
  const size = (
    await readFile(join(sound, (await readdir(sound)).find((name) => /^MAN/.test(name)) as string))
  ).length;
  for (let at = 0; at < size; at++) {
    const directory = await damaged(/^MANIFEST/, (bytes) => flip(bytes, at, at % 8));
    await expect(openLevelDb({ directory }), `byte ${at}`).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    if (at % 20 !== 0) continue;
    const view = await openView(directory);
    expect(await read(view.store)).toEqual(rows);
    await view.store.close();
  }
});

test('a manifest whose last record is not whole is that of a writer that was killed', async () => {
  const directory = await damaged(/^LOG$/, (bytes) => bytes);
  const name = (await readdir(directory)).find((each) => /^MAN/.test(each)) as string;
  const path = join(directory, name);
  const before = await readFile(path);
  await writeFile(path, Buffer.concat([before, before.subarray(0, 20)]));
  const store = await openLevelDb({ directory });
  expect(await read(store)).toEqual(rows);
  await store.close();
});
