import { beforeEach, describe, expect, test } from 'vitest';
import { u32Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Quarantine, type Refused } from './quarantine.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let clock: VirtualClock;
let quarantine: Quarantine;
beforeEach(() => {
  clock = new VirtualClock();
  quarantine = new Quarantine(clock);
});

function refused(n: number, from = `peer ${n % 100}`, bytes = u32Bytes(n)): Refused {
  return { bytes, code: 'BAD_SIGNATURE', message: 'no', from, author: undefined };
}

test('keeps what was refused with its reason, newest first [ICM-18]', async () => {
  const first = quarantine.add(refused(1, 'a'));
  await clock.advance(5);
  const second = quarantine.add(refused(2, 'b'));
  expect(quarantine.list()).toMatchObject([
    { key: second, from: 'b', code: 'BAD_SIGNATURE', message: 'no', atMs: clock.nowMs() },
    { key: first, from: 'a', bytes: u32Bytes(1), atMs: clock.nowMs() - 5 },
  ]);
  expect(quarantine.get(first)).toMatchObject({ from: 'a' });
  expect(quarantine.get('00')).toBeUndefined();
  expect(quarantine.count()).toBe(2);
});

test('gives an entry out for another try, or forgets it [ICM-18]', () => {
  const [first, second] = [quarantine.add(refused(1)), quarantine.add(refused(2))];
  expect(quarantine.release(first)).toMatchObject({ bytes: u32Bytes(1) });
  expect(quarantine.release(first)).toBeUndefined();
  expect([quarantine.drop(second), quarantine.drop(second)]).toEqual([true, false]);
  expect([quarantine.count(), quarantine.list()]).toEqual([0, []]);
});

test('counts what comes again once [ICM-19]', () => {
  const key = quarantine.add(refused(1, 'a'));
  expect(quarantine.add(refused(1, 'b'))).toBe(key);
  expect(quarantine.count()).toBe(1);
  expect(quarantine.get(key)?.from).toBe('a');
});

describe('is a ring', () => {
  test('of 1000 entries: the oldest give way [ICM-14]', () => {
    const keys = Array.from({ length: 1005 }, (_, n) => quarantine.add(refused(n)));
    expect(quarantine.count()).toBe(1000);
    expect(quarantine.list().map(({ key }) => key)).toEqual(keys.slice(5).reverse());
  });

  test('of another capacity where one is given', () => {
    const small = new Quarantine(clock, 3);
    for (let n = 0; n < 5; n++) small.add(refused(n));
    expect(small.list().map(({ from }) => from)).toEqual(['peer 4', 'peer 3', 'peer 2']);
  });

  test('of 4 MiB: large entries leave room for fewer', () => {
    const large = (n: number) => {
      const bytes = new Uint8Array(limits.runBytesMax);
      bytes[0] = n;
      return bytes;
    };
    for (let n = 0; n < 100; n++) quarantine.add(refused(n, `peer ${n}`, large(n)));
    expect(quarantine.count()).toBe(limits.quarantineBytesMax / limits.runBytesMax);
    expect(quarantine.list()[0]?.from).toBe('peer 99');
  });

  test('of which one peer fills a tenth at most, and only flushes its own [ICM-29]', () => {
    for (let n = 0; n < 50; n++) quarantine.add(refused(n, 'honest'));
    for (let n = 0; n < 5000; n++) quarantine.add(refused(10_000 + n, 'flooder'));
    const from = quarantine.list().map((entry) => entry.from);
    expect(from.filter((each) => each === 'honest')).toHaveLength(50);
    expect(from.filter((each) => each === 'flooder')).toHaveLength(100);
    expect(quarantine.list()[0]?.bytes).toEqual(u32Bytes(14_999));
    const large = (n: number) => new Uint8Array(limits.runBytesMax).fill(n);
    for (let n = 0; n < 50; n++) quarantine.add(refused(n, 'flooder', large(n)));
    const bytes = quarantine.list().filter((entry) => entry.from === 'flooder');
    expect(bytes.reduce((sum, entry) => sum + entry.bytes.length, 0)).toBeLessThanOrEqual(
      limits.quarantineBytesMax / 10,
    );
  });

  test('that does not take what is larger than a share', () => {
    quarantine.add(refused(1, 'a'));
    quarantine.add(refused(2, 'a', new Uint8Array(limits.quarantineBytesMax)));
    expect(quarantine.list().map(({ bytes }) => bytes.length)).toEqual([4]);
  });
});

describe('forgets after seven days', () => {
  test('lazily, whenever somebody looks [ICM-15][ICM-19]', async () => {
    const old = quarantine.add(refused(1));
    await clock.advance(3 * DAY_MS);
    quarantine.add(refused(2));
    await clock.advance(4 * DAY_MS - 1);
    expect(quarantine.count()).toBe(2);
    await clock.advance(1);
    expect(quarantine.get(old)).toBeUndefined();
    expect(quarantine.count()).toBe(1);
    await clock.advance(3 * DAY_MS);
    expect(quarantine.list()).toEqual([]);
  });

  test('or when it is told to, and says how many that were [ICM-18]', async () => {
    for (let n = 0; n < 3; n++) quarantine.add(refused(n));
    await clock.advance(7 * DAY_MS);
    expect(quarantine.purgeExpired()).toBe(3);
    expect(quarantine.purgeExpired()).toBe(0);
  });
});

test('keeps bytes of its own', () => {
  const frame = new Uint8Array(1000);
  const key = quarantine.add(refused(1, 'a', frame.subarray(10, 14)));
  frame.fill(0xff);
  expect(quarantine.get(key)?.bytes).toEqual(new Uint8Array(4));
  expect(quarantine.get(key)?.bytes.buffer.byteLength).toBe(4);
});
