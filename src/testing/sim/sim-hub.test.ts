import { expect, test } from 'vitest';
import { SeededRandom } from '../seeded-random.ts';
import { SimHub } from './sim-hub.ts';
import { SimTime } from './sim-time.ts';
import { Trace } from './trace.ts';

test('what is sent on one way arrives in order, whatever delays chance draws', async () => {
  const time = new SimTime();
  const hub = new SimHub(1, time, new Trace(() => time.elapsedMs));
  const random = new SeededRandom(1);
  const arrived: number[] = [];
  let sent = 0;
  for (let i = 0; i < 2000; i++) {
    time.setTimer(random.number() * 5000, () => {
      const number = sent++;
      hub.deliver('a', 'b', () => void arrived.push(number));
    });
  }
  await time.advance(10_000);
  expect(arrived).toEqual(Array.from({ length: 2000 }, (_, i) => i));
});
