import { expect, test } from 'vitest';
import { VirtualClock } from './virtual-clock.ts';

test('timers run in the order of their times, equal ones as they were set', async () => {
  const clock = new VirtualClock(1000);
  const ran: [string, number][] = [];
  const note = (name: string) => () => ran.push([name, clock.nowMs()]);
  clock.setTimer(30, note('c'));
  clock.setTimer(10, note('a'));
  clock.setTimer(30, note('d'));
  clock.setTimer(20, note('b'));
  await clock.advance(29);
  expect(ran).toEqual([
    ['a', 1010],
    ['b', 1020],
  ]);
  expect(clock.nowMs()).toBe(1029);
  await clock.advance(1);
  expect(ran.slice(2)).toEqual([
    ['c', 1030],
    ['d', 1030],
  ]);
  expect(clock.pending).toBe(0);
});

test('timers that timers set, directly or after promises, run in the same advance', async () => {
  const clock = new VirtualClock(0);
  const ran: number[] = [];
  const tick = async () => {
    ran.push(clock.nowMs());
    for (let i = 0; i < 10; i++) await undefined;
    if (ran.length < 4) clock.setTimer(5, tick);
  };
  clock.setTimer(5, tick);
  await clock.advance(100);
  expect(ran).toEqual([5, 10, 15, 20]);
  expect(clock.nowMs()).toBe(100);
});

test('a cancelled timer never runs, even after a jump of the clock', async () => {
  const clock = new VirtualClock(0);
  const ran: string[] = [];
  const cancel = clock.setTimer(10, () => ran.push('cancelled'));
  clock.setTimer(10, () => ran.push('kept'));
  clock.jump(-5000);
  cancel();
  cancel();
  await clock.advance(9);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual(['kept']);
});
