import { expect, test } from 'vitest';
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { StoreOp } from '../base/ports.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { WriteQueue } from './write-queue.ts';

interface Group {
  readonly keys: readonly number[];
  readonly durable: boolean;
}

/** A queue over a disk that notes what it is given, and is slow and full on demand. */
function make() {
  const groups: Group[] = [];
  const clock = new VirtualClock();
  const disk = { groups, clock, gate: Promise.resolve(), isFull: false };
  const queue = new WriteQueue(
    async (ops, durable) => {
      await disk.gate;
      if (disk.isFull) throw new AverError('STORE_FULL', 'Full.');
      groups.push({ keys: ops.map(({ key }) => key[0] as number), durable });
    },
    toAverError,
    clock,
  );
  return { disk, queue };
}

function op(key: number, bytes = 1): StoreOp {
  return { key: new Uint8Array([key]), value: new Uint8Array(bytes) };
}

test('what arrives while a write is under way is written as one, synced if one of it is durable', async () => {
  const { disk, queue } = make();
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.gate = promise;
  const first = queue.write([op(1)], false);
  await disk.clock.advance(0);
  const rest = [queue.write([op(2), op(3)], false), queue.write([op(4)], true), queue.write([op(5)], false)];
  resolve();
  await Promise.all([first, ...rest]);
  expect(disk.groups).toEqual([
    { keys: [1], durable: false },
    { keys: [2, 3, 4, 5], durable: true },
  ]);
});

test('a group stays within its size, and a larger batch goes alone', async () => {
  const { disk, queue } = make();
  const half = limits.storeGroupBytesMax / 2;
  const sizes = [half, half - 10, 10, 3 * half, 10];
  await Promise.all(sizes.map((size, i) => queue.write([op(i, size)], true)));
  expect(disk.groups.map(({ keys }) => keys)).toEqual([[0, 1], [2], [3], [4]]);
});

test('a failed group is refused to all of it, and the next is tried anew', async () => {
  const { disk, queue } = make();
  disk.isFull = true;
  const outcomes = await Promise.allSettled([queue.write([op(1)], true), queue.write([op(2)], false)]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
    'STORE_FULL',
    'STORE_FULL',
  ]);
  disk.isFull = false;
  await queue.write([op(3)], true);
  expect(disk.groups).toEqual([{ keys: [3], durable: true }]);
});

test('what is not durable is flushed in time, once, and again if the disk was full', async () => {
  const { disk, queue } = make();
  await queue.write([op(1)], false);
  await queue.write([op(2)], false);
  expect(disk.groups).toHaveLength(2);
  disk.isFull = true;
  await disk.clock.advance(limits.flushMs);
  disk.isFull = false;
  await disk.clock.advance(limits.flushMs);
  expect(disk.groups.slice(2)).toEqual([{ keys: [], durable: true }]);
  await disk.clock.advance(10 * limits.flushMs);
  expect(disk.groups).toHaveLength(3);
  await queue.write([op(3)], false);
  await queue.write([op(4)], true);
  await disk.clock.advance(10 * limits.flushMs);
  expect(disk.groups).toHaveLength(5);
});

test('closing writes and flushes what was taken, refuses more and leaves no timer', async () => {
  const { disk, queue } = make();
  const writes = [queue.write([op(1)], false), queue.write([op(2)], false)];
  const closing = queue.close();
  await expect(queue.write([op(3)], false)).rejects.toMatchObject({ code: 'CLOSED' });
  await Promise.all([...writes, closing]);
  expect(disk.groups).toEqual([{ keys: [1, 2], durable: true }]);
  expect(disk.clock.pending).toBe(0);
});

test('closing with a full disk ends', async () => {
  const { disk, queue } = make();
  await queue.write([op(1)], false);
  disk.isFull = true;
  await queue.close();
  await disk.clock.advance(10 * limits.flushMs);
  expect(disk.groups).toHaveLength(1);
  expect(disk.clock.pending).toBe(0);
});
