import { beforeAll, describe, expect, test } from 'vitest';
import { blake3, domains, loadFastHash } from '../base/hash.ts';
import vectors from './assertion-vectors.json' with { type: 'json' };
import { headerOf } from './assertion-vectors.ts';
import { hashHeader, identify } from './codec.ts';
import type { Header } from './model.ts';
import { hasPow, powBits, withPow } from './pow.ts';

beforeAll(loadFastHash);

const LEVELS = [
  [10, 16],
  [25, 12],
  [49, 8],
] as const;
const header = headerOf(vectors.assertions[0]?.fields as Parameters<typeof headerOf>[0]);
const admit = [{ admitter: 0, signature: new Uint8Array(64) }];

test.each([
  [1, 16],
  [10, 16],
  [11, 12],
  [25, 12],
  [26, 8],
  [49, 8],
  [50, 0],
  [2 ** 53 - 1, 0],
])('assertion %s of an author needs %s bits', (seq, bits) => {
  expect(powBits(LEVELS, seq)).toBe(bits);
});

test('a space without levels needs none', () => {
  expect(powBits([], 1)).toBe(0);
  expect(hasPow(header, 0)).toBe(true);
});

describe('work', () => {
  test('is found and checked at every level, and counts leading zero bits exactly', async () => {
    for (const bits of [1, 4, 7, 8, 9, 12]) {
      const worked = await withPow(header, bits);
      expect(hasPow(worked, bits)).toBe(true);
      const hash = blake3(domains.pow, hashHeader(header).id, worked.proof?.pow as Uint8Array);
      const text = [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      const exact = text.indexOf('1');
      expect([hasPow(worked, exact), hasPow(worked, exact + 1)]).toEqual([true, false]);
    }
  });

  test('leaves a header alone that needs none, and keeps an admission', async () => {
    expect(await withPow(header, 0)).toBe(header);
    const admitted = await withPow({ ...header, proof: { pow: null, admit } }, 6);
    expect(admitted.proof?.admit).toBe(admit);
    expect(hasPow(admitted, 6)).toBe(true);
    // The work covers the admission as well.
    expect(hasPow({ ...admitted, proof: { pow: admitted.proof?.pow ?? null, admit: null } }, 6)).toBe(false);
  });

  test('is missing where there is no proof, or none of work', () => {
    expect(hasPow(header, 1)).toBe(false);
    expect(hasPow({ ...header, proof: { pow: null, admit } }, 1)).toBe(false);
  });

  test('for one assertion is none for another [STC-50]', async () => {
    const worked = await withPow(header, 12);
    const others: Partial<Header>[] = [
      { seq: 2 },
      { author: new Uint8Array(32) },
      { space: new Uint8Array(32) },
      { payloadHash: new Uint8Array(32) },
      { hlc: { time: 1n, counter: 0 } },
      { prev: new Uint8Array(32) },
      { parents: [new Uint8Array(32)] },
    ];
    for (const other of others) expect(hasPow({ ...worked, ...other }, 12)).toBe(false);
  });

  test('is part of the id: the same assertion with other work is another assertion', async () => {
    const worked = await withPow(header, 4);
    expect(identify(worked, undefined).id).not.toEqual(identify(header, undefined).id);
  });

  test('can be cancelled, and lets other work run meanwhile', async () => {
    const controller = new AbortController();
    const search = withPow(header, 24, controller);
    await new Promise((resolve) => setTimeout(resolve, 0));
    controller.abort();
    await expect(search).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
