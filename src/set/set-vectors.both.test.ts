import { describe, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import vectors from './set-vectors.json' with { type: 'json' };
import { makeSetVectors } from './set-vectors.ts';

const hashers = [
  ['by plain JavaScript', async () => undefined],
  ['by WebAssembly', loadFastHash],
] as const;

describe.each(hashers)('set-vectors.json, hashed %s', (_, prepare) => {
  test('is what the code makes: space ids, topics, roots and filters [STS-02][ICG-10]', async () => {
    await prepare();
    expect(makeSetVectors()).toEqual(vectors);
  });
});
