import { expect, test } from 'vitest';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Cadence, slowed } from './cadence.ts';

const QUIET = limits.quietMs;

test.each([
  [0, 10_000],
  [QUIET - 1, 10_000],
  [QUIET, 20_000],
  [2 * QUIET, 40_000],
  [3 * QUIET, 60_000],
  [1e9, 60_000],
  [-5000, 10_000],
])('after %d ms of quiet the wait of ten seconds is %d ms [ICG-45]', (quietForMs, waitMs) => {
  expect(slowed(10_000, 60_000, quietForMs)).toBe(waitMs);
});

test('a base rate below the rate of quiet stays as it is', () => {
  expect(slowed(100_000, 60_000, 1e9)).toBe(100_000);
});

test('quiet slows a beat down to its bound, and anything that happens restores it at once [STC-02] [ICG-45]', async () => {
  const clock = new VirtualClock();
  const cadence = new Cadence(clock);
  const beats: number[] = [];
  const stop = cadence.every({
    baseMs: limits.antiEntropyMs,
    quietMs: limits.antiEntropyQuietMs,
    jitter: (ms) => ms,
    action: () => beats.push(clock.nowMs()),
  });
  const within = async (ms: number) => {
    beats.length = 0;
    await clock.advance(ms);
    return beats.length;
  };
  const perQuiet = QUIET / limits.antiEntropyMs;
  expect(await within(QUIET)).toBe(perQuiet);
  expect(await within(10 * QUIET)).toBeLessThan(5 * perQuiet);
  expect(await within(20 * limits.antiEntropyQuietMs)).toBe(20);
  await clock.advance(1000);
  cadence.touch();
  expect(await within(limits.antiEntropyMs)).toBe(1);
  expect(await within(QUIET - limits.antiEntropyMs)).toBe(perQuiet - 1);
  // A touch while the rate is the base rate does not put anything off.
  cadence.touch();
  await clock.advance(limits.antiEntropyMs - 1000);
  cadence.touch();
  expect(await within(1000)).toBe(1);
  stop();
  expect(clock.pending).toBe(0);
});
