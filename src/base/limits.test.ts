import { expect, test } from 'vitest';
import { LIMIT_ORDER, limits } from './limits.ts';

test('every limit is a positive number', () => {
  for (const [name, limit] of Object.entries(limits)) expect([name, limit > 0]).toEqual([name, true]);
});

test.each(LIMIT_ORDER)('%s is below %s', (smaller, larger) => {
  expect(limits[smaller]).toBeLessThan(limits[larger]);
});
