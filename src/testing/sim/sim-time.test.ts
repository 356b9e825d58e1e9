import { expect, test } from 'vitest';
import { SimTime } from './sim-time.ts';

test('a wait that is over leaves the timer that would have come next to the one after', async () => {
  const time = new SimTime();
  const ran: number[] = [];
  for (const at of [10, 20, 30]) time.setTimer(at, () => ran.push(at));
  await time.advance(100, () => ran.length === 1);
  expect([time.elapsedMs, ran]).toEqual([10, [10]]);
  await time.advance(100);
  expect(ran).toEqual([10, 20, 30]);
});
