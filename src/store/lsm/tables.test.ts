import { expect, test } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { chooseMerge, decodeManifest, encodeManifest, START, type Table } from './tables.ts';

let parts = 0;
/** A table of so many bytes. */
function table(bytes: number, inputs = 0): Table {
  const part = { id: ++parts, blocks: 3, bytes, first: utf8('a'), last: utf8('b') };
  return { parts: [part], from: START, inputs };
}
const choose = (...bytes: number[]) =>
  chooseMerge(
    bytes.map((each) => table(each)),
    100,
    4,
  );

test('a manifest comes back as it was, and none is an empty one', () => {
  const manifest = { nextPart: 2 ** 32, tables: [table(5, 1), { parts: [], from: utf8('m'), inputs: 0 }] };
  expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  expect(decodeManifest(undefined)).toEqual({ nextPart: 1, tables: [] });
  const damaged = encodeManifest(manifest);
  damaged[3] = (damaged[3] as number) ^ 1;
  expect(() => decodeManifest(damaged)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});

test('as many tables of one size as the width are merged, the youngest first', () => {
  expect(choose(100, 100, 100)).toBeUndefined();
  expect(choose(100, 100, 100, 100)).toEqual({ at: 0, inputs: 4, isUnderWay: false });
  expect(choose(100, 400, 400, 400, 400)).toEqual({ at: 1, inputs: 4, isUnderWay: false });
  expect(choose(100, 100, 100, 400, 400, 400)).toBeUndefined();
  expect(choose(100, 100, 100, 100, 400, 400, 400, 400)?.at).toBe(0);
});

test('a small table behind a large one counts as large', () => {
  expect(choose(100, 400, 100, 400, 10)).toEqual({ at: 1, inputs: 4, isUnderWay: false });
});

test('a merge under way goes on unless a younger one is due', () => {
  const underWay = [table(50, 2), table(400), table(400)];
  expect(chooseMerge([table(100), ...underWay], 100, 4)).toEqual({ at: 2, inputs: 2, isUnderWay: true });
  const young = [table(100), table(100), table(100), table(100)];
  expect(chooseMerge([...young, ...underWay], 100, 4)).toEqual({ at: 0, inputs: 4, isUnderWay: false });
});
