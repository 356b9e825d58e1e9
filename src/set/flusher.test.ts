import { beforeEach, expect, test } from 'vitest';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Flusher } from './flusher.ts';
import { Trie } from './trie.ts';

let clock: VirtualClock;
let flushes: number;
let isBroken: boolean;
let flushed: Trie[];
let flusher: Flusher;
const state = () => Trie.of([]);

beforeEach(() => {
  clock = new VirtualClock();
  flushes = 0;
  isBroken = false;
  flushed = [];
  flusher = new Flusher({
    clock,
    log: { write: () => undefined },
    flushStore: async () => {
      flushes++;
      if (isBroken) throw new Error('no');
    },
    onFlushed: (trie) => void flushed.push(trie),
  });
});

test('what is written durably is flushed at once', () => {
  const trie = state();
  flusher.wrote(trie, true);
  expect([flushed, flushes, clock.pending]).toEqual([[trie], 0, 0]);
});

test('a lone write is flushed after a short quiet', async () => {
  const trie = state();
  flusher.wrote(trie, false);
  await clock.advance(limits.flushQuietMs - 1);
  expect(flushed).toEqual([]);
  await clock.advance(1);
  expect([flushed, flushes]).toEqual([[trie], 1]);
  await clock.advance(10_000);
  expect(flushes).toBe(1);
});

test('writes without a pause are flushed within a second all the same', async () => {
  for (let ms = 0; ms < 3 * limits.flushMs; ms += 10) {
    flusher.wrote(state(), false);
    await clock.advance(10);
  }
  expect(flushes).toBeGreaterThanOrEqual(2);
  expect(flushes).toBeLessThanOrEqual(3);
});

test('a flush covers what was written before it began, not what came during it', async () => {
  const [first, second] = [state(), state()];
  flusher.wrote(first, false);
  const flushing = flusher.flush();
  flusher.wrote(second, false);
  await flushing;
  expect(flushed).toEqual([first]);
  await clock.advance(limits.flushQuietMs);
  expect(flushed).toHaveLength(2);
  expect(flushed[1]).toBe(second);
});

test('a flush that failed is tried again, until the replica is closed', async () => {
  isBroken = true;
  flusher.wrote(state(), false);
  await clock.advance(limits.flushQuietMs + 2 * limits.flushMs);
  expect([flushes, flushed.length]).toEqual([3, 0]);
  isBroken = false;
  await clock.advance(limits.flushMs);
  expect([flushes, flushed.length]).toEqual([4, 1]);
  isBroken = true;
  flusher.wrote(state(), false);
  await expect(flusher.close()).rejects.toThrow('no');
  await clock.advance(10_000);
  expect(flushes).toBe(5);
});
