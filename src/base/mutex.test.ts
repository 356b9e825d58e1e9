import { expect, test } from 'vitest';
import { Mutex } from './mutex.ts';

test('sections run one at a time, in order of arrival, past those that fail', async () => {
  const mutex = new Mutex();
  const steps: string[] = [];
  const section = (name: string) => async () => {
    steps.push(`${name} in`);
    for (let i = 0; i < 5; i++) await undefined;
    steps.push(`${name} out`);
    if (name === 'b') throw new Error('b failed');
    return name;
  };
  const a = mutex.run(section('a'));
  const b = mutex.run(section('b'));
  const c = mutex.run(section('c'));
  await expect(b).rejects.toThrow('b failed');
  expect(await Promise.all([a, c])).toEqual(['a', 'c']);
  expect(steps).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});

test('idle waits for everything queued so far', async () => {
  const mutex = new Mutex();
  let done = 0;
  for (let i = 0; i < 3; i++) void mutex.run(async () => void done++);
  await mutex.idle();
  expect(done).toBe(3);
});
