/** Hostile conversations with the real engine: whatever is said in whatever order, it stays well. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { loadFastHash } from '../../src/base/hash.ts';
import { liveBytes } from './run.ts';
import { Talks } from './talk.ts';

const TALKS = 200;
const AT_ONCE = 10;
const GROWTH_MAX = 64 * 1024 * 1024;
const seed = Number(process.env.AVER_FUZZ_SEED ?? 1);
const rejected: unknown[] = [];
const onRejection = (error: unknown) => rejected.push(error);

beforeAll(() => loadFastHash());
afterEach(() => process.off('unhandledRejection', onRejection));

test('strangers that say anything in any order get codes or silence, and nobody else notices [STS-07] [STC-13]', {
  timeout: 120_000,
}, async () => {
  process.on('unhandledRejection', onRejection);
  const talks = await Talks.start(seed);
  await talks.talk(seed - 1);
  const before = liveBytes();
  for (let from = 0; from < TALKS; from += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => talks.talk(seed * TALKS + from + i)));
  }
  const grown = liveBytes() - before;
  console.info(`seed ${seed}: ${talks.frames} frames and messages in ${TALKS} conversations`);
  expect(talks.frames).toBeGreaterThan(10 * TALKS);
  expect(await talks.isWell()).toBe(true);
  expect({ defects: talks.defects, internal: talks.internal, rejected }).toEqual({
    defects: [],
    internal: 0,
    rejected: [],
  });
  expect(grown).toBeLessThan(GROWTH_MAX);
  await talks.stop();
});
