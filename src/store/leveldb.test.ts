import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readU32, u32Bytes, utf8 } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import { STORE_VERSION } from './batch.ts';
import { openLevelDb } from './leveldb.ts';
import { openView } from './leveldb-view-node.ts';
import { storeSuite } from './store.suite.ts';

const durable = { durable: true };

async function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'aver-store-'));
}

storeSuite('LevelDB store', {
  persistent: true,
  makePlace: async () => {
    const directory = await makeDirectory();
    return {
      open: () => openLevelDb({ directory: join(directory, 'store') }),
      remove: () => rm(directory, { recursive: true }),
    };
  },
});

describe('LevelDB store', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await makeDirectory();
  });

  afterEach(() => rm(directory, { recursive: true }));

  test('a second opening is told that the store is locked: in this process and in another', async () => {
    await using store = disposable(await openLevelDb({ directory }));
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    expect(await openInAnotherProcess(directory)).toBe('STORE_LOCKED');
    await store.close();
    expect(await openInAnotherProcess(directory)).toBe('opened');
  });

  test('a process that is killed leaves what it acknowledged, and no lock', async () => {
    const script = `
      const { openLevelDb } = await import(${JSON.stringify(new URL('leveldb.ts', import.meta.url).href)});
      const store = await openLevelDb({ directory: process.argv[1] });
      for (let i = 0; ; i++) {
        await store.write([{ key: new Uint8Array([1]), value: new Uint8Array([i]) }], { durable: true });
        process.stdout.write(String(i) + '\\n');
        if (i === 20) process.kill(process.pid, 'SIGKILL');
      }`;
    const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script, directory]);
    expect(killed.signal).toBe('SIGKILL');
    await using store = disposable(await openLevelDb({ directory }));
    expect((await store.get(new Uint8Array([1])))?.[0]).toBeGreaterThanOrEqual(20);
  });

  test('a damaged store is named as such, and the damage is not made worse', async () => {
    const store = await openLevelDb({ directory });
    await store.write([{ key: utf8('a'), value: utf8('b') }], durable);
    await store.close();
    const before = await readdir(directory);
    await writeFile(join(directory, 'CURRENT'), 'nonsense');
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect((await readdir(directory)).filter((name) => name.endsWith('.log'))).toEqual(
      before.filter((name) => name.endsWith('.log')),
    );
  });

  test.each([
    ['a table is empty', /\.ldb$/, ''],
    ['the manifest is empty', /^MANIFEST/, ''],
    ['CURRENT names another manifest', /^CURRENT$/, 'MANIFEST-009999\n'],
    ['CURRENT names nothing', /^CURRENT$/, 'MANIFESU-000001\n'],
    ['CURRENT is missing', /^CURRENT$/, undefined],
    ['the manifest is missing', /^MANIFEST/, undefined],
  ])('where %s it is damaged, and what is sound can be read beside it [STC-35]', async (_, file, content) => {
    const rows = [1, 2, 3].map((i) => ({ key: u32Bytes(i), value: u32Bytes(i) }));
    // What one session wrote is a table in the next.
    for (const row of rows) {
      await using store = disposable(await openLevelDb({ directory }));
      await store.write([row], durable);
    }
    const damaged = (await readdir(directory)).find((name) => file.test(name)) as string;
    if (content === undefined) await rm(join(directory, damaged));
    else await writeFile(join(directory, damaged), content);
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const { store, isPartial } = await openView(directory);
    expect(isPartial).toBe(true);
    const left = await store.getMany(rows.map(({ key }) => key));
    const lost = left.filter((value) => value === undefined).length;
    expect(lost).toBe(damaged.endsWith('.ldb') ? 1 : 0);
    await store.close();
    await expect(readdir(`${directory}.view`)).rejects.toMatchObject({ code: 'ENOENT' });
    // Whoever looks at it changes nothing.
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('of a store that is open there is no view', async () => {
    await using store = disposable(await openLevelDb({ directory }));
    await expect(openView(directory)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await store.write([{ key: utf8('a'), value: utf8('b') }], durable);
  });

  test('a store of a newer version is not opened, and not locked', async () => {
    const level = new ClassicLevel<Uint8Array, string>(directory, { keyEncoding: 'view' });
    await level.put(new Uint8Array(0), String(STORE_VERSION + 1));
    await level.close();
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_VERSION' });
    await expect(openLevelDb({ directory })).rejects.toMatchObject({ code: 'STORE_VERSION' });
  });

  test('a write whose sync failed was refused, and does not turn up when the log is read again [STC-12]', async () => {
    const [old, key, other] = [utf8('old'), utf8('key'), utf8('other')];
    const store = await openLevelDb({ directory });
    await store.write([{ key: old, value: utf8('1') }], durable);
    // The record is whole in the log, as after a failed fdatasync, and nothing shows it yet.
    const { open } = ClassicLevel.prototype;
    const failing = vi.spyOn(ClassicLevel.prototype, 'batch').mockImplementation((() => {
      throw new Error('the sync failed');
    }) as never);
    const refused = [
      { key: old, value: undefined },
      { key, value: utf8('refused') },
    ];
    await expect(store.write(refused, durable)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    failing.mockRestore();
    const reopening = vi.spyOn(ClassicLevel.prototype, 'open').mockImplementationOnce(async function (
      this: ClassicLevel,
    ) {
      const log = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
        keyEncoding: 'view',
        valueEncoding: 'view',
      });
      await open.call(log as never, {});
      await log.batch([
        { type: 'del', key: old },
        { type: 'put', key, value: utf8('refused') },
      ]);
      await log.close();
      await open.call(this, {});
    });
    await store.write([{ key: other, value: utf8('2') }], durable);
    reopening.mockRestore();
    expect(await store.getMany([old, key, other])).toEqual([utf8('1'), undefined, utf8('2')]);
    await store.close();
    await using again = disposable(await openLevelDb({ directory }));
    expect(await again.getMany([old, key, other])).toEqual([utf8('1'), undefined, utf8('2')]);
  });

  test('a path that can be no directory fails with a code', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(openLevelDb({ directory: file })).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  test('hundreds of durable writes at the same time are one after the other, and few syncs', async () => {
    await using store = disposable(await openLevelDb({ directory }));
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        await store.write([{ key: u32Bytes(i), value: u32Bytes(i) }], durable);
        order.push(i);
      }),
    );
    expect(order).toEqual(Array.from({ length: 500 }, (_, i) => i));
    const [, value] = await store.getMany([u32Bytes(0), u32Bytes(499)]);
    expect(readU32(value as Uint8Array)).toBe(499);
  });
});

describe.runIf(canMountTmpfs())('LevelDB store on a disk of 6 MiB', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await makeDirectory();
    mount(directory, 6);
  });

  afterEach(async () => {
    spawnSync('umount', ['-l', directory]);
    await rm(directory, { recursive: true });
  });

  test('a full disk refuses writes whole, keeps all that it took, and goes on once there is room', async () => {
    const data = join(directory, 'store');
    let store = await openLevelDb({ directory: data });
    const written = await fill(store);
    expect(written).toBeGreaterThan(5);
    await expect(store.write(twoRows(written), durable)).rejects.toMatchObject({ code: 'STORE_FULL' });
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(await held(store)).toEqual(sequence(written));

    mount(directory, 64, 'remount');
    await store.write(twoRows(written), durable);
    await store.write(twoRows(written + 1), durable);
    expect(await held(store)).toEqual(sequence(written + 2));
    await store.close();
    store = await openLevelDb({ directory: data });
    expect(await held(store)).toEqual(sequence(written + 2));
    await store.close();
  });

  test('closing a store on a full disk ends, and loses nothing', async () => {
    const data = join(directory, 'store');
    const store = await openLevelDb({ directory: data });
    const written = await fill(store);
    await store.close();
    mount(directory, 64, 'remount');
    await using again = disposable(await openLevelDb({ directory: data }));
    expect(await held(again)).toEqual(sequence(written));
  });

  test('a new store on a full disk says so', async () => {
    await writeFile(join(directory, 'ballast'), new Uint8Array(6 * 1024 * 1024 - 4096)).catch(
      () => undefined,
    );
    await expect(openLevelDb({ directory: join(directory, 'store') })).rejects.toMatchObject({
      code: 'STORE_FULL',
    });
  });
});

type Opened = Awaited<ReturnType<typeof openLevelDb>>;

function disposable(store: Opened): Opened & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

/** Two rows of about 100 KB that do not compress; if a batch could be torn, one would show alone. */
function twoRows(i: number): { key: Uint8Array; value: Uint8Array }[] {
  const half = () => crypto.getRandomValues(new Uint8Array(50_000));
  return [0, 1].map((part) => ({ key: new Uint8Array([part, ...u32Bytes(i)]), value: half() }));
}

/** Writes until the disk is full; resolves with the number of batches that were acknowledged. */
async function fill(store: Opened): Promise<number> {
  for (let i = 0; i < 1000; i++) {
    try {
      await store.write(twoRows(i), { durable: i % 2 === 0 });
    } catch (error) {
      if (isAverError(error, 'STORE_FULL')) return i;
      throw error;
    }
  }
  throw new Error('The disk was never full.');
}

/** The numbers of the batches whose two rows are both there; throws when there is one alone. */
async function held(store: Opened): Promise<number[]> {
  const parts: number[][] = [[], []];
  for await (const [key] of store.range({ gte: new Uint8Array([0]), lt: new Uint8Array([2]) })) {
    parts[key[0] as number]?.push(readU32(key, 1));
  }
  expect(parts[0]).toEqual(parts[1]);
  return parts[0] as number[];
}

function sequence(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function mount(directory: string, megabytes: number, ...options: string[]): void {
  const flags = [...options, `size=${megabytes}m`].join(',');
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', flags, 'tmpfs', directory]);
  if (status !== 0) throw new Error('tmpfs could not be mounted.');
}

function canMountTmpfs(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const probe = '/tmp/aver-mount-probe';
  spawnSync('mkdir', ['-p', probe]);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe]);
  if (status === 0) spawnSync('umount', ['-l', probe]);
  spawnSync('rmdir', [probe]);
  return status === 0;
}

/** What another process meets when it opens the store: an error code, or `opened`. */
async function openInAnotherProcess(directory: string): Promise<string> {
  const script = `
    const { openLevelDb } = await import(${JSON.stringify(new URL('leveldb.ts', import.meta.url).href)});
    const said = await openLevelDb({ directory: process.argv[1] }).then(
      (store) => store.close().then(() => 'opened'),
      (error) => error.code,
    );
    console.log(said);`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, directory]);
  return stdout.trim();
}
