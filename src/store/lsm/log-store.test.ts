import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, u32Bytes } from '../../base/bytes.ts';
import type { Store, StoreOp, StoreRange } from '../../base/ports.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { storeSuite } from '../store.suite.ts';
import { openLogStore } from './log-store.ts';
import { MemoryDisk } from './memory-records.fixture.ts';
import type { Sizes } from './sizes.ts';
import { decodeManifest } from './tables.ts';

/** So small that a few rows make a table, and every few tables a merge. */
const TINY: Sizes = {
  storeMemoryBytes: 120,
  storePartBytes: 100,
  storeBlockBytes: 40,
  storeSliceBytes: 30,
  storeMergeWidth: 2,
  storeTablesMax: 6,
  storeReadAheadBlocks: 2,
  storeIndexCacheBytes: 200,
  storeBlockCacheBytes: 200,
};
const durable = { durable: true };
const relaxed = { durable: false };
const ALL: StoreRange = { gte: new Uint8Array(0), lt: new Uint8Array(9).fill(0xff) };

const open = (disk: MemoryDisk): Store => openLogStore(disk.open(), TINY);

storeSuite('log-structured store', {
  persistent: true,
  makePlace: async () => {
    const disk = new MemoryDisk();
    return { open: async () => openLogStore(disk.open()), remove: async () => undefined };
  },
});

storeSuite('log-structured store of tiny tables', {
  persistent: true,
  makePlace: async () => {
    const disk = new MemoryDisk();
    return { open: async () => open(disk), remove: async () => undefined };
  },
});

async function rows(store: Store, range: StoreRange = ALL): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const [key, value] of store.range(range)) found.set(bytesToHex(key), bytesToHex(value));
  return found;
}

function put(model: Map<string, string>, batch: readonly StoreOp[]): void {
  for (const { key, value } of batch) {
    if (value === undefined) model.delete(bytesToHex(key));
    else model.set(bytesToHex(key), bytesToHex(value));
  }
}

const sorted = (model: ReadonlyMap<string, string>) => [...model].sort(([a], [b]) => (a < b ? -1 : 1));

const key = fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => bytes.map((byte) => byte & 0xc7));
const value = fc.option(fc.uint8Array({ maxLength: 30 }), { nil: undefined, freq: 3 });
const batch = fc.array(fc.record({ key, value }), { minLength: 1, maxLength: 12 });
const batches = fc.array(batch, { minLength: 1, maxLength: 40 });

function tablesOf(disk: MemoryDisk) {
  return decodeManifest(disk.state.manifest).tables;
}

/** A store with several tables and a merge that is not done. */
async function amidMerge(): Promise<{ disk: MemoryDisk; store: Store; model: Map<string, string> }> {
  const disk = new MemoryDisk();
  const model = new Map<string, string>();
  const random = new SeededRandom(3);
  const store = open(disk);
  for (let i = 0; i < 200; i++) {
    const ops = [{ key: u32Bytes(random.integer(80)), value: random.bytes(20) }];
    await store.write(ops, durable);
    put(model, ops);
    if (i > 30 && tablesOf(disk).some(({ inputs }) => inputs > 0)) return { disk, store, model };
  }
  throw new Error('No merge began.');
}

describe('log-structured store', () => {
  test('answers as a map would through flushes, merges and reopening after every batch', async () => {
    const property = fc.asyncProperty(batches, fc.boolean(), async (writes, isDurable) => {
      const disk = new MemoryDisk();
      const model = new Map<string, string>();
      for (const ops of writes) {
        const store = open(disk);
        await store.write(ops, { durable: isDurable });
        put(model, ops);
        expect([...(await rows(store))]).toEqual(sorted(model));
        const keys = [...ops.map((op) => op.key), u32Bytes(7)];
        const values = await store.getMany(keys);
        expect(values.map((each) => each && bytesToHex(each))).toEqual(
          keys.map((each) => model.get(bytesToHex(each))),
        );
        await store.close();
      }
    });
    await fc.assert(property, { numRuns: 30 });
  });

  test('reads are right at any moment of the merges behind them, in both directions', async () => {
    const property = fc.asyncProperty(batches, async (writes) => {
      const disk = new MemoryDisk();
      const store = open(disk);
      const model = new Map<string, string>();
      for (const ops of writes) {
        await store.write(ops, relaxed);
        put(model, ops);
        const [forward, backward, one] = await Promise.all([
          rows(store),
          rows(store, { ...ALL, reverse: true }),
          store.get((ops[0] as StoreOp).key),
        ]);
        expect([...forward]).toEqual(sorted(model));
        expect([...backward]).toEqual(sorted(model).reverse());
        expect(one && bytesToHex(one)).toBe(model.get(bytesToHex((ops[0] as StoreOp).key)));
      }
      await store.close();
    });
    await fc.assert(property, { numRuns: 40 });
  });

  test('a power cut at any change leaves all that was durable, and batches whole and in order', async () => {
    const property = fc.asyncProperty(
      batches,
      fc.infiniteStream(fc.boolean()),
      fc.nat(60),
      fc.nat(),
      async (writes, flags, cut, pick) => {
        const disk = new MemoryDisk();
        const store = open(disk);
        disk.changesLeft = cut;
        const states: Map<string, string>[] = [new Map()];
        let durableUpTo = 0;
        for (const ops of writes) {
          const next = new Map(states.at(-1));
          put(next, ops);
          const isDurable = flags.next().value as boolean;
          try {
            await store.write(ops, { durable: isDurable });
          } catch {
            break;
          }
          states.push(next);
          if (isDurable) durableUpTo = states.length - 1;
        }
        // The cut: one of the states that the disk may be in, and nobody lets go of anything.
        disk.state = disk.survivors[pick % disk.survivors.length] as MemoryDisk['state'];
        const again = open(disk);
        const found = JSON.stringify([...(await rows(again))]);
        const allowed = states.slice(durableUpTo).map((state) => JSON.stringify(sorted(state)));
        expect(allowed).toContain(found);
        await again.write([{ key: u32Bytes(1), value: u32Bytes(1) }], durable);
        expect(await again.get(u32Bytes(1))).toEqual(u32Bytes(1));
        await Promise.all([again.close(), store.close()]);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  test('whoever is taken over in the middle of a merge changes nothing more', async () => {
    const { disk, store, model } = await amidMerge();
    const second = open(disk);
    await second.close();
    const before = disk.state;
    await expect(store.write([{ key: u32Bytes(1), value: u32Bytes(1) }], durable)).rejects.toMatchObject({
      code: 'STORE_FENCED',
    });
    await store.close();
    expect(disk.state).toBe(before);
    const third = open(disk);
    expect([...(await rows(third))]).toEqual(sorted(model));
    await third.close();
  });

  test('what was taken over reads as of its time, or says that it was taken over; never a mixture', async () => {
    const { disk, store, model } = await amidMerge();
    const second = open(disk);
    for (let i = 0; i < 60; i++) await second.write([{ key: u32Bytes(i), value: u32Bytes(i) }], relaxed);
    await second.close();
    const outcomes = await Promise.allSettled(Array.from({ length: 80 }, (_, i) => store.get(u32Bytes(i))));
    let fenced = 0;
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') {
        expect(outcome.value && bytesToHex(outcome.value)).toBe(model.get(bytesToHex(u32Bytes(i))));
      } else {
        fenced++;
        expect(outcome.reason).toMatchObject({ code: 'STORE_FENCED' });
      }
    }
    expect(fenced).toBeGreaterThan(0);
    await store.close();
  });

  test('a full disk stops merging and then writing, loses nothing, and all goes on once there is room', async () => {
    const { disk, store, model } = await amidMerge();
    disk.isFull = true;
    let refused = 0;
    for (let i = 0; i < 30 && refused === 0; i++) {
      const ops = [{ key: u32Bytes(i), value: new Uint8Array(20) }];
      await store.write(ops, durable).then(
        () => put(model, ops),
        (error) => {
          expect(error).toMatchObject({ code: 'STORE_FULL' });
          refused++;
        },
      );
    }
    // Memory and log stay bounded.
    expect(refused).toBe(1);
    expect([...(await rows(store))]).toEqual(sorted(model));
    disk.isFull = false;
    for (let i = 0; i < 30; i++) await store.write([{ key: u32Bytes(i), value: undefined }], relaxed);
    for (let i = 0; i < 30; i++) model.delete(bytesToHex(u32Bytes(i)));
    expect([...(await rows(store))]).toEqual(sorted(model));
    await store.close();
  });

  test('merging keeps up: the tables stay few, and what was deleted does not pile up', async () => {
    const disk = new MemoryDisk();
    const store = open(disk);
    let most = 0;
    const writeAll = async (value: Uint8Array | undefined) => {
      for (let i = 0; i < 200; i++) {
        await store.write([{ key: u32Bytes(i), value }], relaxed);
        most = Math.max(most, tablesOf(disk).length);
      }
    };
    const bytes = () => [...disk.state.records.values()].reduce((sum, record) => sum + record.length, 0);
    await writeAll(new Uint8Array(20));
    const once = bytes();
    for (let i = 0; i < 5; i++) {
      await writeAll(undefined);
      await writeAll(new Uint8Array(20));
    }
    // As many as are allowed, and the results of merges that have begun.
    expect(most).toBeLessThanOrEqual(TINY.storeTablesMax + TINY.storeMergeWidth);
    expect(bytes()).toBeLessThan(4 * once);
    await store.close();
  });

  test.each(['log', 'records', 'manifest'] as const)('damage to the %s is named, not read', async (what) => {
    const { disk, store } = await amidMerge();
    await store.close();
    const flip = (record: Uint8Array) =>
      record.with(Math.floor(record.length / 2), (record.at(-1) as number) ^ 0x55);
    const { log, records, manifest } = disk.state;
    disk.state = {
      log: what === 'log' ? [...log, flip(log[0] ?? u32Bytes(1))] : log,
      records: what === 'records' ? new Map([...records].map(([n, record]) => [n, flip(record)])) : records,
      manifest: what === 'manifest' ? flip(manifest as Uint8Array) : manifest,
    };
    const reading = async () => rows(open(disk));
    await expect(reading()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  test('a record that is lost is named, not taken for an absent row', async () => {
    const { disk, store } = await amidMerge();
    await store.close();
    const records = new Map(disk.state.records);
    for (const number of records.keys()) if (number % 2 === 1) records.delete(number);
    disk.state = { ...disk.state, records };
    await expect(rows(open(disk))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});
