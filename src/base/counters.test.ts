import { expect, test } from 'vitest';
import { MemoryMetrics } from './counters.ts';

test('counts by name and labels, whatever the order of the labels', () => {
  const metrics = new MemoryMetrics();
  metrics.add('refused', 1, { code: 'BAD_POW', from: 'push' });
  metrics.add('refused', 2, { from: 'push', code: 'BAD_POW' });
  metrics.add('refused');
  metrics.set('peers', 3);
  metrics.set('peers', 2);
  metrics.observe('round_trip_ms', 5);
  metrics.observe('round_trip_ms', 7);
  expect(metrics.snapshot()).toEqual([
    { name: 'refused', labels: { code: 'BAD_POW', from: 'push' }, value: 3 },
    { name: 'refused', labels: {}, value: 1 },
    { name: 'peers', labels: {}, value: 2 },
    { name: 'round_trip_ms_count', labels: {}, value: 2 },
    { name: 'round_trip_ms_sum', labels: {}, value: 12 },
  ]);
  expect(metrics.value('refused', { from: 'push', code: 'BAD_POW' })).toBe(3);
  expect(metrics.value('nothing')).toBe(0);
});

test('a label with ever new values cannot fill the memory, and nothing goes uncounted', () => {
  const metrics = new MemoryMetrics();
  for (let i = 0; i < 10_000; i++) metrics.add('refused', 1, { peer: `peer ${i}` });
  const samples = metrics.snapshot();
  expect(samples.length).toBeLessThan(200);
  expect(samples.reduce((sum, sample) => sum + sample.value, 0)).toBe(10_000);
  expect(metrics.value('refused', { peer: 'other' })).toBeGreaterThan(9000);
});
