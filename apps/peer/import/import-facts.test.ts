import { expect, test } from 'vitest';
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import { FakeSpace } from '../testing/fake-peer.ts';
import { type FactsFile, importFacts } from './import-facts.ts';
import type { BadRow } from './rows.ts';

function fileOf(text: string): FactsFile {
  const bytes = new TextEncoder().encode(text);
  return {
    name: 'facts',
    bytes: bytes.length,
    open: async function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
    },
  };
}

const rows = (count: number): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify([`s${i}`, 'p', 'x'.repeat(100)])).join('\n');

test('claims are packed into as few assertions as fit, in order', async () => {
  const space = new FakeSpace('1', 's');
  const done = await importFacts(space, fileOf(rows(2000)), { format: 'ndjson' });
  expect(done).toMatchObject({ rows: 2000, claims: 2000, skipped: 0 });
  expect(done.assertions).toBe(Math.ceil((2000 * 112) / (limits.assertionBytesMax - 4096)));
  expect(space.facts.map((fact) => fact.subject)).toEqual(Array.from({ length: 2000 }, (_, i) => `s${i}`));
});

test('a bad row at the end keeps all of the file out, and each bad row is told', async () => {
  const space = new FakeSpace('1', 's');
  const problems: BadRow[] = [];
  const text = `nonsense\n${rows(1000)}\n["a","b"]\n`;
  const done = importFacts(space, fileOf(text), { format: 'ndjson', onProblem: (row) => problems.push(row) });
  await expect(done).rejects.toMatchObject({ code: 'BAD_INPUT', fields: { bad: 2, good: 1000, line: 1 } });
  expect(problems.map(({ line }) => line)).toEqual([1, 1002]);
  expect(space.asserted).toEqual([]);
});

test('with keepGoing bad rows are left out and the rest is written', async () => {
  const space = new FakeSpace('1', 's');
  const text = 'a,b,c\nbad\nd,e,f\n';
  const done = await importFacts(space, fileOf(text), { format: 'csv', keepGoing: true });
  expect(done).toEqual({ rows: 3, claims: 2, assertions: 1, skipped: 1 });
});

test('a failing write says how many claims are there and where it stopped', async () => {
  const space = new FakeSpace('1', 's');
  space.failure = new AverError('STORE_FULL', 'The disk is full.');
  const done = importFacts(space, fileOf(rows(5000)), { format: 'ndjson' });
  await expect(done).rejects.toMatchObject({
    code: 'STORE_FULL',
    fields: { written: 0, line: expect.any(Number) },
  });
});

test('an empty file imports nothing, without an error', async () => {
  const done = await importFacts(new FakeSpace('1', 's'), fileOf(''), { format: 'csv' });
  expect(done).toEqual({ rows: 0, claims: 0, assertions: 0, skipped: 0 });
});
