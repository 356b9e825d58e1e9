import { afterEach, describe, expect, test, vi } from 'vitest';
import { cdp } from 'vitest/browser';
import { hexToBytes, u32Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Store, StoreOp, StoreRange } from '../base/ports.ts';
import { systemRandom } from '../base/system-random.ts';
import { DATABASE_VERSION, type IndexedDbOptions, openIndexedDb } from './indexeddb.ts';
import { doneOf, resultOf } from './indexeddb-requests.ts';
import { packBlock } from './lsm/block.ts';
import { type Sizes, usualSizes } from './lsm/sizes.ts';
import type { StoppedWriter } from './stopped-writer.fixture.ts';
import { storeSuite } from './store.suite.ts';

const durable = { durable: true };
const relaxed = { durable: false };
const key = hexToBytes('01');
const ALL: StoreRange = { gte: new Uint8Array(0), lt: hexToBytes('ff') };

let names = 0;
function newName(): string {
  return `aver-test-${++names}-${Math.random()}`;
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}

/** Opens without our adapter, as another version of the program would. */
function openRaw(name: string, version: number): Promise<IDBDatabase> {
  return resultOf(indexedDB.open(name, version));
}

function count(db: IDBDatabase, objectStore: string): Promise<number> {
  return resultOf(db.transaction(objectStore).objectStore(objectStore).count());
}

async function makePlace() {
  const name = newName();
  return { open: () => openIndexedDb({ name }), remove: () => deleteDatabase(name) };
}

storeSuite('IndexedDB store', { persistent: true, makePlace });

/** So small that a few rows make a table, and every few tables a merge. */
const tiny: Sizes = {
  ...usualSizes,
  storeMemoryBytes: 400,
  storePartBytes: 300,
  storeBlockBytes: 100,
  storeSliceBytes: 100,
  storeMergeWidth: 2,
  storeTablesMax: 6,
};

storeSuite('IndexedDB store of tiny tables', {
  persistent: true,
  makePlace: async () => {
    const name = newName();
    return { open: () => openIndexedDb({ name, sizes: tiny }), remove: () => deleteDatabase(name) };
  },
});

describe('IndexedDB store', () => {
  const opened: Store[] = [];
  const madeNames: string[] = [];

  function name(): string {
    madeNames.push(newName());
    return madeNames.at(-1) as string;
  }

  async function open(options: IndexedDbOptions): Promise<Store> {
    const store = await openIndexedDb(options);
    opened.push(store);
    return store;
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await Promise.all(madeNames.splice(0).map(deleteDatabase));
  });

  test('who opens it last writes; the one before is fenced off, whole batches and flushes too', async () => {
    const place = name();
    const first = await open({ name: place });
    await first.write([{ key, value: hexToBytes('aa') }], durable);
    const second = await open({ name: place });
    await second.write([{ key, value: hexToBytes('bb') }], relaxed);
    const fenced = { code: 'STORE_FENCED' };
    const late = [
      { key, value: hexToBytes('cc') },
      { key: hexToBytes('02'), value: hexToBytes('cc') },
    ];
    await expect(first.write(late, durable)).rejects.toMatchObject(fenced);
    await expect(first.write(late, relaxed)).rejects.toMatchObject(fenced);
    await expect(first.write([], durable)).rejects.toMatchObject(fenced);
    await expect(first.flush()).rejects.toMatchObject(fenced);
    expect(await second.getMany([key, hexToBytes('02')])).toEqual([hexToBytes('bb'), undefined]);
    // What it still reads is as of its time.
    expect(await first.get(key)).toEqual(hexToBytes('aa'));
  });

  test('all that were taken over stay fenced off, also when the log behind them is cleared and taken over again', async () => {
    const place = name();
    const tabs: Store[] = [];
    const check = async (value: Uint8Array) => {
      const store = await open({ name: place, sizes: tiny });
      // So much that tables are made, and the log is cleared.
      for (let i = 0; i < 40; i++) await store.write([{ key: u32Bytes(i), value }], relaxed);
      for (const tab of tabs) {
        const late = tab.write([{ key: u32Bytes(0), value: key }], durable);
        await expect(late).rejects.toMatchObject({ code: 'STORE_FENCED' });
      }
      tabs.push(store);
      expect(await store.getMany([u32Bytes(0), u32Bytes(39)])).toEqual([value, value]);
    };
    // One of them never writes.
    await check(hexToBytes('a0'));
    tabs.push(await open({ name: place, sizes: tiny }));
    for (const value of ['a1', 'a2', 'a3']) await check(hexToBytes(value));
    const last = await open({ name: place, sizes: tiny });
    expect(await last.getMany([u32Bytes(0), u32Bytes(39)])).toEqual([hexToBytes('a3'), hexToBytes('a3')]);
  });

  test('a tab that was taken over writes nothing where the browser goes on after a failed request, as Firefox does', async () => {
    const { add } = IDBObjectStore.prototype;
    const { commit } = IDBTransaction.prototype;
    IDBTransaction.prototype.commit = () => undefined;
    IDBObjectStore.prototype.add = function (value, key) {
      const request = add.call(this, value, key);
      // So an error does not end the transaction.
      request.addEventListener('error', (event) => event.preventDefault());
      return request;
    };
    try {
      const place = name();
      const [flushed, full] = [await open({ name: place, sizes: tiny }), name()];
      await flushed.write([{ key, value: key }], durable);
      await flushed.flush();
      const second = await open({ name: place, sizes: tiny });
      await second.write([{ key, value: hexToBytes('aa') }], durable);
      // It would take away the row that its flush left; the other one would make a table, and clear the log.
      await expect(flushed.write([{ key, value: key }], durable)).rejects.toMatchObject({
        code: 'STORE_FENCED',
      });
      const first = await open({ name: full, sizes: tiny });
      await first.write([{ key, value: new Uint8Array(450) }], durable);
      const next = await open({ name: full, sizes: tiny });
      for (let i = 0; i < 40; i++) await next.write([{ key: u32Bytes(i), value: key }], durable);
      await expect(first.write([{ key, value: key }], durable)).rejects.toMatchObject({
        code: 'STORE_FENCED',
      });
      expect(await (await open({ name: place })).get(key)).toEqual(hexToBytes('aa'));
      const rows = Array.from({ length: 40 }, (_, i) => u32Bytes(i));
      const last = await open({ name: full, sizes: tiny });
      expect(await last.getMany(rows)).toEqual(rows.map(() => key));
    } finally {
      IDBObjectStore.prototype.add = add;
      IDBTransaction.prototype.commit = commit;
    }
  });

  test('a table that the browser cannot even take leaves the log as it is', async () => {
    const place = name();
    const store = await open({ name: place, sizes: tiny });
    const original = IDBObjectStore.prototype.put;
    let failures = 0;
    IDBObjectStore.prototype.put = function (value, key) {
      // What Chromium throws when it runs out of memory.
      if (this.name === 'records' && failures++ < 2)
        throw new DOMException('out of memory', 'DataCloneError');
      return original.call(this, value, key);
    };
    const written: number[] = [];
    try {
      for (let i = 0; i < 60; i++) {
        const write = store.write([{ key: u32Bytes(i), value: u32Bytes(i) }], durable);
        await write.then(
          () => written.push(i),
          (error) => expect(error).toMatchObject({ code: 'STORE_FAILED' }),
        );
      }
    } finally {
      IDBObjectStore.prototype.put = original;
    }
    expect(failures).toBeGreaterThan(2);
    expect(written.length).toBeGreaterThan(50);
    const again = await open({ name: place, sizes: tiny });
    expect(await again.getMany(written.map(u32Bytes))).toEqual(written.map(u32Bytes));
  });

  test('flushing again and again leaves one row', async () => {
    const place = name();
    const store = await open({ name: place });
    await store.write([{ key, value: key }], relaxed);
    for (let i = 0; i < 10; i++) await store.flush();
    const db = await openRaw(place, DATABASE_VERSION);
    // A fence, what was written, and what the last flush needed.
    expect(await count(db, 'log')).toBe(3);
    db.close();
    await store.write([{ key: hexToBytes('02'), value: key }], durable);
    const again = await open({ name: place });
    expect(await again.getMany([key, hexToBytes('02')])).toEqual([key, key]);
  });

  test('a store of the version before, with its fence elsewhere, is taken over with all that is in its log', async () => {
    const place = name();
    const opening = indexedDB.open(place, DATABASE_VERSION - 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore('log', { autoIncrement: true });
      for (const each of ['records', 'meta']) opening.result.createObjectStore(each);
    };
    const before = await resultOf(opening);
    const writing = before.transaction(['log', 'meta'], 'readwrite');
    for (let i = 0; i < 3; i++)
      writing.objectStore('log').add(packBlock([{ key: u32Bytes(i), value: u32Bytes(i) }]));
    for (let i = 1; i < 4; i++) writing.objectStore('meta').put(0, i);
    await doneOf(writing);
    before.close();
    for (let round = 0; round < 2; round++) {
      const store = await open({ name: place, sizes: tiny });
      expect(await store.getMany([0, 1, 2].map(u32Bytes))).toEqual([0, 1, 2].map(u32Bytes));
      for (let i = 3; i < 40; i++) await store.write([{ key: u32Bytes(i), value: key }], durable);
    }
  });

  test('writes that were handed over before the takeover are in, those after it are not', async () => {
    const place = name();
    const first = await open({ name: place });
    const writes = Array.from({ length: 50 }, (_, i) =>
      first.write([{ key: new Uint8Array([i]), value: key }], { durable: i % 2 === 0 }),
    );
    const second = await open({ name: place });
    await Promise.all(writes);
    await expect(first.write([{ key: hexToBytes('f0'), value: key }], relaxed)).rejects.toMatchObject({
      code: 'STORE_FENCED',
    });
    let count = 0;
    for await (const _ of second.range(ALL)) count++;
    expect(count).toBe(50);
  });

  test('one that stops in the middle of a write and a read holds up nobody who takes over', async () => {
    const place = name();
    const worker = new Worker(new URL('./stopped-writer.fixture.ts', import.meta.url), { type: 'module' });
    try {
      worker.postMessage({ name: place, sizes: tiny } satisfies StoppedWriter);
      await new Promise((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = reject;
      });
      const store = await open({ name: place, sizes: tiny });
      // So much that tables are made and merged.
      for (let i = 0; i < 100; i++) await store.write([{ key: u32Bytes(i), value: key }], durable);
      expect(await store.getMany([u32Bytes(0), u32Bytes(99)])).toEqual([key, key]);
    } finally {
      worker.terminate();
    }
  });

  test('one that is fenced off in the middle of a merge changes nothing, and reads no mixture', async () => {
    const place = name();
    const first = await open({ name: place, sizes: tiny });
    const rows = Array.from({ length: 300 }, (_, i) => ({ key: u32Bytes(i), value: u32Bytes(i) }));
    // Each batch is in once it is written; the merges behind it go on.
    for (const row of rows) await first.write([row], relaxed);
    const second = await open({ name: place, sizes: tiny });
    for (const { key } of rows) await second.write([{ key, value: hexToBytes('bb') }], relaxed);
    const outcomes = await Promise.allSettled(rows.map((row) => first.get(row.key)));
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') expect(outcome.value).toEqual(rows[i]?.value);
      else expect(outcome.reason).toMatchObject({ code: 'STORE_FENCED' });
    }
    expect(await second.getMany(rows.map((row) => row.key))).toEqual(rows.map(() => hexToBytes('bb')));
  });

  test('damaged and lost records are named, not read', async () => {
    const place = name();
    const store = await open({ name: place, sizes: tiny });
    for (let i = 0; i < 100; i++) await store.write([{ key: u32Bytes(i), value: u32Bytes(i) }], relaxed);
    await store.close();
    const db = await openRaw(place, DATABASE_VERSION);
    const records = db.transaction('records', 'readwrite').objectStore('records');
    const numbers = await new Promise<IDBValidKey[]>((resolve) => {
      const request = records.getAllKeys();
      request.onsuccess = () => resolve(request.result);
    });
    for (const [i, number] of numbers.entries()) {
      if (i % 2 === 0) records.put(hexToBytes('0102030405060708'), number);
      else records.delete(number);
    }
    await new Promise((resolve) => {
      records.transaction.oncomplete = resolve;
    });
    db.close();
    const again = await open({ name: place, sizes: tiny });
    await expect(again.getMany([u32Bytes(0)])).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(
      (async () => {
        for await (const _ of again.range(ALL));
      })(),
    ).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('a store of a newer version is not opened', async () => {
    const place = name();
    (await openRaw(place, DATABASE_VERSION + 1)).close();
    await expect(open({ name: place })).rejects.toMatchObject({ code: 'STORE_VERSION' });
  });

  test('a store of an older version is not opened, and stays as it is', async () => {
    const place = name();
    (await openRaw(place, 1)).close();
    await expect(open({ name: place })).rejects.toMatchObject({ code: 'STORE_VERSION' });
    const db = await openRaw(place, 1);
    expect(db.version).toBe(1);
    db.close();
  });

  test('it makes way for a newer version of the program, and then says why it stopped', async () => {
    const place = name();
    const store = await open({ name: place });
    await store.write([{ key, value: key }], durable);
    const newer = await openRaw(place, DATABASE_VERSION + 1);
    await expect(store.get(key)).rejects.toMatchObject({ code: 'STORE_VERSION' });
    await expect(store.write([{ key, value: key }], durable)).rejects.toMatchObject({
      code: 'STORE_VERSION',
    });
    newer.close();
  });

  test('deleting the site data under it is told at once, and is what reads and writes fail with', async () => {
    const place = name();
    const ends: string[] = [];
    const store = await open({ name: place, onEnd: ({ code }) => ends.push(code) });
    await deleteDatabase(place);
    expect(ends).toEqual(['STORE_GONE']);
    await expect(store.get(key)).rejects.toMatchObject({ code: 'STORE_GONE' });
    await expect(store.write([{ key, value: key }], durable)).rejects.toMatchObject({ code: 'STORE_GONE' });
  });

  test('an opening that a sleeping tab holds up fails with a code instead of hanging', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const place = name();
    // This connection does not answer the request to close, so the deletion waits, and all after it.
    const sleeping = await openRaw(place, 1);
    const deletion = deleteDatabase(place);
    const opening = expect(open({ name: place })).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    vi.advanceTimersByTime(limits.storeOpenTimeoutMs);
    vi.useRealTimers();
    await opening;
    sleeping.close();
    await deletion;
  });

  test('a batch of which one row cannot be stored leaves nothing', async () => {
    const store = await open({ name: name() });
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    const batch = [
      { key, value: key },
      { key: hexToBytes('02'), value: detached },
    ];
    await expect(store.write(batch, durable)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await store.get(key)).toBeUndefined();
    await store.write([{ key, value: key }], durable);
  });

  test('without IndexedDB it says so', async () => {
    const original = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB') as PropertyDescriptor;
    Object.defineProperty(globalThis, 'indexedDB', { value: undefined, configurable: true });
    try {
      await expect(openIndexedDb({ name: 'none' })).rejects.toMatchObject({ code: 'NO_STORAGE' });
    } finally {
      Object.defineProperty(globalThis, 'indexedDB', original);
    }
  });

  test('a used-up quota refuses writes whole, keeps all that it took, and goes on once there is room', async () => {
    await using bucket = await openBucket();
    const store = await open({ name: bucket.name });
    let written = 0;
    const filling = (async () => {
      for (; written < 200; written++) await store.write(rowsOf(written), durable);
    })();
    await expect(filling).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(written).toBeGreaterThan(2);
    await expect(store.write(rowsOf(written), relaxed)).rejects.toMatchObject({ code: 'STORE_FULL' });
    await bucket.setQuota(undefined);
    await store.write(rowsOf(written), durable);
    // What was refused has left no way past the fence.
    const next = await open({ name: bucket.name });
    await expect(store.write(rowsOf(written), durable)).rejects.toMatchObject({ code: 'STORE_FENCED' });
    await next.close();
    const found = Array.from({ length: 20 }, (): number[] => []);
    for await (const [row] of store.range(ALL)) found[row[0] as number]?.push(row[1] as number);
    const expected = Array.from({ length: written + 1 }, (_, i) => i);
    expect(found).toEqual(found.map(() => expected));
  });
});

/** One batch of 400 KB in rows of which each could be there alone. */
function rowsOf(i: number): StoreOp[] {
  return Array.from({ length: 20 }, (_, part) => ({
    key: new Uint8Array([part, i]),
    value: systemRandom.bytes(20_000),
  }));
}

/**
 * Storage of its own with a quota of 5 MB, which `indexedDB` means until it is disposed of. Chromium
 * remembers for half a minute how much room a bucket has, so that the one in use would not do.
 */
async function openBucket() {
  const devtools = cdp() as unknown as { send(method: string, params: object): Promise<unknown> };
  const setQuota = (quotaSize: number | undefined) =>
    devtools.send('Storage.overrideQuotaForOrigin', {
      origin: location.origin,
      ...(quotaSize && { quotaSize }),
    });
  const { storageBuckets } = navigator as unknown as {
    storageBuckets: {
      open(name: string): Promise<{ indexedDB: IDBFactory }>;
      delete(name: string): Promise<void>;
    };
  };
  const original = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB') as PropertyDescriptor;
  await setQuota(5_000_000);
  const bucket = await storageBuckets.open('small');
  Object.defineProperty(globalThis, 'indexedDB', { value: bucket.indexedDB, configurable: true });
  return {
    name: 'small',
    setQuota,
    async [Symbol.asyncDispose]() {
      Object.defineProperty(globalThis, 'indexedDB', original);
      await storageBuckets.delete('small');
      await setQuota(undefined);
    },
  };
}
