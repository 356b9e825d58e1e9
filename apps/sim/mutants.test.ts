import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTANTS, plant } from './mutants.ts';

test('there are at least twenty mutants, each with a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
});

test.each(MUTANTS)('the mutant that $name fits the sources', (mutant) => {
  const text = readFileSync(new URL(`../../src/${mutant.file}`, import.meta.url), 'utf8');
  expect(plant(mutant, text)).not.toBe(text);
});
