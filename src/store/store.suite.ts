/** What every adapter of the Store port must do. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesToHex, compareBytes, hexToBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Store, StoreOp, StoreRange } from '../base/ports.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { prefixed } from './prefixed.ts';

/** Where a store lives: `open` opens it, the second time with what the first one wrote. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

export interface StoreSuiteOptions {
  readonly makePlace: () => Promise<StorePlace>;
  /** Whether rows outlive `close`. */
  readonly persistent: boolean;
}

const durable = { durable: true };
const relaxed = { durable: false };
/** Above every key of these tests. */
const END = new Uint8Array(9).fill(0xff);
const ALL: StoreRange = { gte: new Uint8Array(0), lt: END };

function row(keyHex: string, value: string | number): StoreOp {
  const bytes = typeof value === 'number' ? new Uint8Array(value).fill(7) : hexToBytes(value);
  return { key: hexToBytes(keyHex), value: bytes };
}

function gone(keyHex: string): StoreOp {
  return { key: hexToBytes(keyHex), value: undefined };
}

async function rows(store: Store, range: StoreRange = ALL): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const [key, value] of store.range(range)) found.push([bytesToHex(key), bytesToHex(value)]);
  return found;
}

async function keys(store: Store, range: StoreRange = ALL): Promise<string[]> {
  return (await rows(store, range)).map(([key]) => key);
}

export function storeSuite(name: string, options: StoreSuiteOptions): void {
  let place: StorePlace;
  let store: Store;

  describe(name, () => {
    beforeEach(async () => {
      place = await options.makePlace();
      store = await place.open();
    });

    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    describe('rows', () => {
      test('what was written is read, what was deleted or never written is not', async () => {
        await store.write([row('01', 'aa'), row('02', 'bb')], durable);
        await store.write([gone('01'), row('02', 'cc')], relaxed);
        expect(await store.get(hexToBytes('01'))).toBeUndefined();
        expect(await store.get(hexToBytes('02'))).toEqual(hexToBytes('cc'));
        const many = await store.getMany(['02', '01', '02', '03'].map((hex) => hexToBytes(hex)));
        expect(many).toEqual([hexToBytes('cc'), undefined, hexToBytes('cc'), undefined]);
        expect(await store.getMany([])).toEqual([]);
      });

      test('keys and values come back as plain byte arrays', async () => {
        await store.write([row('01', 'aa')], relaxed);
        for await (const [key, value] of store.range(ALL)) {
          expect([key.constructor, value.constructor]).toEqual([Uint8Array, Uint8Array]);
        }
        expect((await store.get(hexToBytes('01')))?.constructor).toBe(Uint8Array);
        expect((await store.getMany([hexToBytes('01')]))[0]?.constructor).toBe(Uint8Array);
      });

      test('an empty value is a value', async () => {
        await store.write([row('01', '')], durable);
        expect(await store.get(hexToBytes('01'))).toEqual(new Uint8Array(0));
        expect(await rows(store)).toEqual([['01', '']]);
      });

      test('a view into a larger buffer is stored as what it shows', async () => {
        const buffer = new Uint8Array(1_000_000).fill(9);
        await store.write([{ key: buffer.subarray(10, 12), value: buffer.subarray(100, 103) }], durable);
        const value = await store.get(hexToBytes('0909'));
        expect(value).toEqual(hexToBytes('090909'));
        expect(value?.buffer.byteLength).toBeLessThan(1000);
      });

      test('bytes may be changed after the write and after the read', async () => {
        const op = row('01', 'aa');
        await store.write([op], durable);
        op.key.fill(0xee);
        op.value?.fill(0xee);
        (await store.get(hexToBytes('01')))?.fill(0xdd);
        expect(await rows(store)).toEqual([['01', 'aa']]);
      });

      test('values of several megabytes are kept whole', async () => {
        const value = new SeededRandom(5).bytes(3_000_000);
        await store.write([{ key: hexToBytes('aa'), value }, row('ab', 200_000)], durable);
        expect(compareBytes((await store.get(hexToBytes('aa'))) as Uint8Array, value)).toBe(0);
      });

      test('empty and over-long keys are refused, and the batch with them', async () => {
        const long = new Uint8Array(limits.storeKeyBytesMax + 1);
        for (const key of [new Uint8Array(0), long]) {
          const batch = [row('01', 'aa'), { key, value: new Uint8Array(1) }];
          await expect(store.write(batch, durable)).rejects.toMatchObject({ code: 'BAD_INPUT' });
        }
        await store.write([{ key: long.subarray(1), value: hexToBytes('bb') }], durable);
        expect(await keys(store)).toEqual([bytesToHex(long.subarray(1))]);
        expect(await store.get(new Uint8Array(0))).toBeUndefined();
        expect(await store.getMany([new Uint8Array(0)])).toEqual([undefined]);
      });
    });

    describe('order', () => {
      const sorted = ['00', '0000', '01', '7f', '7fff', '80', '8000', '80ff', 'c3a4', 'ff', 'ff00', 'ffff'];

      test('keys are ordered as unsigned bytes, a prefix before what it begins', async () => {
        await store.write(
          new SeededRandom(1).shuffle(sorted).map((key) => row(key, 'aa')),
          durable,
        );
        expect(await keys(store)).toEqual(sorted);
        expect(await keys(store, { ...ALL, reverse: true })).toEqual([...sorted].reverse());
      });

      test('a range includes its lower bound and excludes its upper bound', async () => {
        await store.write(
          sorted.map((key) => row(key, 'aa')),
          durable,
        );
        const range = { gte: hexToBytes('7f'), lt: hexToBytes('ff') };
        expect(await keys(store, range)).toEqual(['7f', '7fff', '80', '8000', '80ff', 'c3a4']);
        expect(await keys(store, { ...range, limit: 2 })).toEqual(['7f', '7fff']);
        expect(await keys(store, { ...range, limit: 2, reverse: true })).toEqual(['c3a4', '80ff']);
        expect(await keys(store, { ...range, limit: 0 })).toEqual([]);
        expect(await keys(store, { gte: range.lt, lt: range.gte })).toEqual([]);
        expect(await keys(store, { gte: range.lt, lt: range.lt })).toEqual([]);
        expect(await keys(store, { gte: hexToBytes('7e'), lt: hexToBytes('7e99') })).toEqual([]);
      });

      test('a range of many rows of unequal size comes whole, in either direction', async () => {
        const random = new SeededRandom(2);
        const batch = Array.from({ length: 3000 }, (_, i) =>
          row(i.toString(16).padStart(6, '0'), i % 500 === 0 ? 300_000 : random.integer(50)),
        );
        await store.write(batch, durable);
        const expected = batch.map(({ key }) => bytesToHex(key));
        expect(await keys(store)).toEqual(expected);
        expect(await keys(store, { ...ALL, reverse: true })).toEqual([...expected].reverse());
        expect(await keys(store, { ...ALL, limit: 1500 })).toEqual(expected.slice(0, 1500));
        expect(await keys(store, { ...ALL, limit: 1500, reverse: true })).toEqual(
          expected.slice(1500).reverse(),
        );
        const from = hexToBytes(expected[0] as string);
        expect(await keys(store, { gte: from, lt: END, reverse: true })).toHaveLength(3000);
      });

      test('a reader may stop early and write while it reads', async () => {
        const batch = Array.from({ length: 2500 }, (_, i) => row(i.toString(16).padStart(4, '0'), 'aa'));
        await store.write(batch, durable);
        let seen = 0;
        for await (const [key] of store.range(ALL)) {
          await store.write([{ key, value: undefined }], relaxed);
          if (++seen === 100) break;
        }
        expect(await keys(store)).toEqual(batch.slice(100).map(({ key }) => bytesToHex(key)));
      });

      test('answers as a sorted list would, whatever is written', async () => {
        const key = fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => bytes.map((b) => b & 0x83));
        const value = fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined, freq: 3 });
        const batches = fc.array(fc.array(fc.record({ key, value }), { maxLength: 20 }), { maxLength: 8 });
        const range = fc.record(
          { gte: key, lt: key, reverse: fc.boolean(), limit: fc.nat(12) },
          { requiredKeys: ['gte', 'lt'] },
        );
        const property = fc.asyncProperty(
          batches,
          fc.array(range, { maxLength: 5 }),
          async (writes, reads) => {
            const model = new Map<string, string>();
            await store.write(
              (await keys(store)).map((hex) => gone(hex)),
              relaxed,
            );
            for (const batch of writes) {
              await store.write(batch, relaxed);
              for (const op of batch) {
                if (op.value === undefined) model.delete(bytesToHex(op.key));
                else model.set(bytesToHex(op.key), bytesToHex(op.value));
              }
            }
            for (const read of [ALL, ...reads]) expect(await rows(store, read)).toEqual(inModel(model, read));
          },
        );
        await fc.assert(property, { numRuns: 30 });
      });
    });

    describe('batches', () => {
      test('ops apply in order: the later one on a key wins', async () => {
        await store.write([row('01', 'aa'), row('01', 'bb'), row('02', 'aa'), gone('02')], durable);
        await store.write([gone('03'), row('03', 'cc')], durable);
        expect(await rows(store)).toEqual([
          ['01', 'bb'],
          ['03', 'cc'],
        ]);
      });

      test('batches apply in the order in which they were handed over', async () => {
        const writes = Array.from({ length: 200 }, (_, i) =>
          store.write([row('01', (i & 0xff).toString(16).padStart(2, '0'))], { durable: i % 3 === 0 }),
        );
        await Promise.all(writes);
        expect(await rows(store)).toEqual([['01', 'c7']]);
      });

      test('readers see a batch whole or not at all', async () => {
        const pairs = Array.from({ length: 50 }, (_, i) => (i + 1).toString(16).padStart(2, '0'));
        await store.write([row('01', '00'), row('02', '00')], durable);
        const writing = Promise.all(
          pairs.map((value) => store.write([row('01', value), row('02', value)], relaxed)),
        );
        for (let i = 0; i < 50; i++) {
          const [a, b] = await store.getMany([hexToBytes('01'), hexToBytes('02')]);
          // `getMany` is not promised to be a snapshot, but what is written first is never behind.
          expect((b as Uint8Array)[0]).toBeGreaterThanOrEqual((a as Uint8Array)[0] as number);
        }
        await writing;
        expect((await rows(store)).map(([, value]) => value)).toEqual(['32', '32']);
      });

      test('empty batches, durable or not, and flushes do no harm', async () => {
        await store.write([], durable);
        await store.write([], relaxed);
        await store.flush();
        await store.flush();
        expect(await rows(store)).toEqual([]);
      });
    });

    describe('close', () => {
      test('everything afterwards is refused, and closing again is allowed', async () => {
        await store.write([row('01', 'aa')], durable);
        await store.close();
        await store.close();
        const closed = { code: 'CLOSED' };
        await expect(store.get(hexToBytes('01'))).rejects.toMatchObject(closed);
        await expect(store.getMany([hexToBytes('01')])).rejects.toMatchObject(closed);
        await expect(rows(store)).rejects.toMatchObject(closed);
        await expect(store.write([row('01', 'aa')], durable)).rejects.toMatchObject(closed);
        await expect(store.flush()).rejects.toMatchObject(closed);
      });

      test('a reader under way is told', async () => {
        await store.write(
          Array.from({ length: 3000 }, (_, i) => row(i.toString(16).padStart(4, '0'), 'aa')),
          durable,
        );
        const reading = store.range(ALL)[Symbol.asyncIterator]();
        await reading.next();
        await store.close();
        await expect(
          (async () => {
            while (!(await reading.next()).done);
          })(),
        ).rejects.toMatchObject({ code: 'CLOSED' });
      });

      test.runIf(options.persistent)('what was written before, awaited or not, is there again', async () => {
        await store.write([row('01', 'aa'), row('80ff', 'bb')], durable);
        const pending = [store.write([row('02', 'cc')], relaxed), store.write([gone('01')], durable)];
        await store.close();
        await Promise.all(pending);
        store = await place.open();
        expect(await rows(store)).toEqual([
          ['02', 'cc'],
          ['80ff', 'bb'],
        ]);
      });
    });

    describe('prefixed', () => {
      test('parts do not see each other, nor what lies between them', async () => {
        const first = prefixed(store, hexToBytes('41'));
        const second = prefixed(store, hexToBytes('41ff'));
        const outer = prefixed(store, hexToBytes('42'));
        await first.write([row('01', 'aa'), row('02', 'bb')], durable);
        await second.write([row('01', 'cc')], durable);
        await outer.write([row('01', 'dd'), gone('02')], durable);
        expect(await keys(store)).toEqual(['4101', '4102', '41ff01', '4201']);
        expect(await rows(second)).toEqual([['01', 'cc']]);
        expect(await rows(first, { gte: hexToBytes('01'), lt: hexToBytes('ff'), reverse: true })).toEqual([
          ['02', 'bb'],
          ['01', 'aa'],
        ]);
        expect(await outer.get(hexToBytes('01'))).toEqual(hexToBytes('dd'));
        expect(await first.getMany([hexToBytes('01'), hexToBytes('03')])).toEqual([
          hexToBytes('aa'),
          undefined,
        ]);
        await first.close();
        await first.flush();
        expect(await store.get(hexToBytes('4101'))).toEqual(hexToBytes('aa'));
      });
    });
  });
}

function inModel(model: ReadonlyMap<string, string>, range: StoreRange): [string, string][] {
  const [gte, lt] = [bytesToHex(range.gte), bytesToHex(range.lt)];
  const found = [...model].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1));
  if (range.reverse) found.reverse();
  return found.slice(0, range.limit);
}
