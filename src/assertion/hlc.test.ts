import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { compareBytes, concatBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import {
  compareHlc,
  compareReadings,
  detectClockSkew,
  HlcClock,
  hlcBytes,
  hlcNodeId,
  hlcToText,
  msToNs,
  nsToMs,
} from './hlc.ts';
import type { Hlc } from './model.ts';

const NOW_MS = 1_700_000_000_000;
let clock: VirtualClock;
let hlc: HlcClock;
beforeEach(() => {
  clock = new VirtualClock(NOW_MS);
  hlc = new HlcClock(clock);
});

const at = (ms: number, counter = 0): Hlc => ({ time: msToNs(ms), counter });
const reading: fc.Arbitrary<Hlc> = fc.record({
  time: fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.constantFrom(0n, 255n, 256n, 2n ** 53n, 2n ** 53n + 1n),
  ),
  counter: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffffffff })),
});
const author = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('order', () => {
  test('of bytes is the order of time, counter and node id [STC-28][STC-06][STS-19]', () => {
    fc.assert(
      fc.property(reading, reading, author, author, (a, b, authorA, authorB) => {
        expect(Math.sign(compareBytes(hlcBytes(a), hlcBytes(b)))).toBe(Math.sign(compareHlc(a, b)));
        const bytesA = concatBytes(hlcBytes(a), hlcNodeId(authorA));
        const bytesB = concatBytes(hlcBytes(b), hlcNodeId(authorB));
        expect(bytesA).toHaveLength(28);
        const order = compareReadings({ hlc: a, author: authorA }, { hlc: b, author: authorB });
        expect(Math.sign(order)).toBe(Math.sign(compareBytes(bytesA, bytesB)));
      }),
    );
  });

  test('falls to the counter and then the node id where times are equal', () => {
    const keys = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const [low, high] = keys.sort((x, y) => compareBytes(hlcNodeId(x), hlcNodeId(y))) as [
      Uint8Array,
      Uint8Array,
    ];
    expect(compareReadings({ hlc: at(5, 1), author: high }, { hlc: at(5, 2), author: low })).toBeLessThan(0);
    expect(compareReadings({ hlc: at(5, 2), author: low }, { hlc: at(5, 2), author: high })).toBeLessThan(0);
    expect(compareReadings({ hlc: at(5, 2), author: low }, { hlc: at(5, 2), author: low })).toBe(0);
  });
});

test('the node id is sixteen bytes of the key’s hash: the same for the same key, another for another [STS-17]', () => {
  const [key, other] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
  expect(hlcNodeId(key)).toHaveLength(16);
  expect(hlcNodeId(key)).toEqual(hlcNodeId(key.slice()));
  expect(hlcNodeId(key)).not.toEqual(hlcNodeId(other));
});

test('text keeps all digits [STS-19]', () => {
  expect(hlcToText({ time: 2n ** 63n + 1n, counter: 7 })).toBe('9223372036854775809.7');
  expect(nsToMs(msToNs(NOW_MS))).toBe(NOW_MS);
});

describe('next', () => {
  test('is the wall clock where that moved on, and counts where it did not [STS-01]', async () => {
    expect(hlc.next()).toEqual(at(NOW_MS));
    expect(hlc.next()).toEqual(at(NOW_MS, 1));
    expect(hlc.next()).toEqual(at(NOW_MS, 2));
    await clock.advance(1);
    expect(hlc.next()).toEqual(at(NOW_MS + 1));
  });

  test('goes on when the wall clock jumps back, by whatever much [STC-06] [STC-41]', async () => {
    hlc.next();
    clock.jump(-10 * 365 * 86_400_000);
    expect(hlc.next()).toEqual(at(NOW_MS, 1));
    await clock.advance(1000);
    expect(hlc.next()).toEqual(at(NOW_MS, 2));
  });

  test('is later than what it follows, without limit', () => {
    expect(hlc.next(at(NOW_MS + 100_000, 5))).toEqual(at(NOW_MS + 100_000, 6));
    expect(hlc.next(at(NOW_MS - 5))).toEqual(at(NOW_MS + 100_000, 7));
  });

  test('advances the time by one nanosecond when the counter is full', () => {
    expect(hlc.next(at(NOW_MS + 1, 0xffffffff))).toEqual({ time: msToNs(NOW_MS + 1) + 1n, counter: 0 });
  });

  test('only ever grows, whatever the wall clock does and whatever comes from outside [STC-41]', () => {
    const step = fc.oneof(
      fc.record({ jump: fc.integer({ min: -200_000, max: 200_000 }) }),
      fc.record({ merge: fc.integer({ min: -200_000, max: 200_000 }), counter: fc.nat(9) }),
      fc.record({
        after: fc.integer({ min: -200_000, max: 200_000 }),
        counter: fc.constantFrom(0, 0xffffffff),
      }),
      fc.constant({}),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const wall = new VirtualClock(NOW_MS);
        const mine = new HlcClock(wall);
        let before = mine.next();
        for (const each of steps) {
          if ('jump' in each) wall.jump(each.jump);
          if ('merge' in each) mine.merge(at(wall.nowMs() + each.merge, each.counter));
          const after = 'after' in each ? at(wall.nowMs() + each.after, each.counter) : undefined;
          const next = mine.next(after);
          expect(compareHlc(next, before)).toBeGreaterThan(0);
          if (after !== undefined) expect(compareHlc(next, after)).toBeGreaterThan(0);
          expect(hlcBytes(next)).toHaveLength(12);
          before = next;
        }
      }),
    );
  });
});

test('the end of what is merged is where merging ends', () => {
  for (const fraction of [0, 0.25]) {
    const wall = { nowMs: () => NOW_MS + fraction, setTimer: () => () => undefined };
    const end = new HlcClock(wall).mergeEndNs;
    expect(new HlcClock(wall).merge({ time: end - 1n, counter: 0 })).toBe(true);
    expect(new HlcClock(wall).merge({ time: end, counter: 0 })).toBe(false);
  }
});

describe('merge', () => {
  test('takes a remote reading up to 60 s ahead, and none beyond [STC-32]', () => {
    expect(hlc.merge(at(NOW_MS + 60_000, 4))).toBe(true);
    expect(hlc.last).toEqual(at(NOW_MS + 60_000, 4));
    expect(hlc.merge(at(NOW_MS + 60_001))).toBe(false);
    expect(hlc.last).toEqual(at(NOW_MS + 60_000, 4));
    expect(hlc.next()).toEqual(at(NOW_MS + 60_000, 5));
  });

  test('never moves back', () => {
    hlc.next();
    expect(hlc.merge(at(NOW_MS - 1000))).toBe(true);
    expect(hlc.last).toEqual(at(NOW_MS));
    expect(hlc.merge({ time: 0n, counter: 0 })).toBe(true);
    expect(hlc.last).toEqual(at(NOW_MS));
  });

  test('survives a poisonous reading: the clock goes on by the wall [STC-32]', async () => {
    expect(hlc.merge({ time: 2n ** 64n - 1n, counter: 0xffffffff })).toBe(false);
    await clock.advance(1);
    expect(hlc.next()).toEqual(at(NOW_MS + 1));
  });
});

test.each([
  [499, 0],
  [500, 0],
  [501, 501],
  [-499, 0],
  [-500, 0],
  [-501, -501],
  [3_600_000, 3_600_000],
])('a remote clock that differs by %s ms is a skew of %s [STC-29]', (by, skew) => {
  expect(detectClockSkew(NOW_MS, NOW_MS + by)).toBe(skew);
});

describe('writing', () => {
  test('is refused while this clock is more than 30 s ahead of the peers’', () => {
    expect(() => hlc.assertWritable(NOW_MS - 30_000)).not.toThrow();
    expect(() => hlc.assertWritable(NOW_MS - 30_001)).toThrow(
      expect.objectContaining({ code: 'CLOCK_AHEAD' }),
    );
    expect(() => hlc.assertWritable(NOW_MS + 3_600_000)).not.toThrow();
    expect(() => hlc.assertWritable(undefined)).not.toThrow();
  });

  test('is refused too when the own chain is further ahead than merging can take it', () => {
    hlc.next(at(NOW_MS + 90_000));
    expect(() => hlc.assertWritable(NOW_MS + 1)).not.toThrow();
    expect(() => hlc.assertWritable(NOW_MS - 1)).toThrow(
      expect.objectContaining({ code: 'CLOCK_AHEAD', fields: { leadMs: 90_001 } }),
    );
  });

  test('is not refused because somebody else writes as far ahead as is merged [STC-32]', () => {
    hlc.merge(at(NOW_MS + 60_000));
    hlc.next();
    expect(() => hlc.assertWritable(NOW_MS)).not.toThrow();
    clock.jump(30_000);
    hlc.merge(at(NOW_MS + 90_000));
    expect(() => hlc.assertWritable(NOW_MS)).not.toThrow();
  });

  test('that is not refused is never held by a peer whose clock is right', () => {
    expect(limits.hlcWriteAheadMsMax + limits.hlcMergeAheadMsMax).toBeLessThan(limits.hlcHoldAheadMsMin);
  });
});
