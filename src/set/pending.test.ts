import { beforeEach, describe, expect, test } from 'vitest';
import type { Assertion, Run } from '../assertion/model.ts';
import { bytesToHex, concatBytes, u32Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Via } from './merge-report.ts';
import { Pending } from './pending.ts';

let pending: Pending;
beforeEach(() => {
  pending = new Pending();
});

/** What this floor looks at: ids and sizes. Seqs `from` to `to` of author `chain`. */
function run(chain: number, from: number, to: number, payloadSize = 10): Run {
  const assertions = Array.from({ length: to - from + 1 }, (_, i) => ({
    id: concatBytes(u32Bytes(chain), u32Bytes(from + i)),
    payloadSize,
  }));
  return {
    author: u32Bytes(chain),
    assertions: assertions as unknown as Assertion[],
    signature: new Uint8Array(64),
  };
}

const idOf = (chain: number, seq: number) => bytesToHex(concatBytes(u32Bytes(chain), u32Bytes(seq)));

function add(each: Run, missing: readonly string[], from = 'peer', via: Via = 'push'): boolean {
  return pending.add({ run: each, source: { from, via }, missing: new Set(missing) });
}

describe('a run', () => {
  test('is released by the last id that it waited for, once', () => {
    const waiting = run(1, 5, 6);
    add(waiting, ['a', 'b']);
    expect(pending.size).toBe(2);
    expect(pending.release('a')).toEqual([]);
    expect(pending.release('a')).toEqual([]);
    expect(pending.release('b').map((each) => each.run)).toEqual([waiting]);
    expect(pending.release('b')).toEqual([]);
    expect(pending.size).toBe(0);
  });

  test('that waits already is not counted again', () => {
    add(run(1, 5, 6), ['a']);
    expect(add(run(1, 5, 6), ['a'])).toBe(true);
    expect(pending.size).toBe(2);
  });

  test('gives way to a longer one with the same end, which can enter whenever it can', () => {
    add(run(1, 7, 8), [idOf(1, 6)]);
    const longer = run(1, 5, 8);
    expect(add(longer, [idOf(1, 4)])).toBe(true);
    expect(pending.size).toBe(4);
    expect(pending.release(idOf(1, 6))).toEqual([]);
    expect(pending.release(idOf(1, 4)).map((each) => each.run)).toEqual([longer]);
    expect(pending.size).toBe(0);
  });

  test('does not replace a longer one', () => {
    const longer = run(1, 5, 8);
    add(longer, [idOf(1, 4)]);
    add(run(1, 7, 8), [idOf(1, 6)]);
    expect(pending.size).toBe(4);
    expect(pending.release(idOf(1, 4)).map((each) => each.run)).toEqual([longer]);
  });

  test('that was pushed and is then asked for is kept as one that was asked for', () => {
    add(run(1, 2, 2), ['a']);
    add(run(1, 2, 2), ['a'], 'other', 'pull');
    expect(pending.release('a').map(({ source }) => source)).toEqual([{ from: 'other', via: 'pull' }]);
  });
});

describe('the bound', () => {
  const fill = (from: string, via: Via, chainFrom: number): number => {
    let added = 0;
    while (add(run(chainFrom + added, 2, 101), ['never'], from, via)) added++;
    return added;
  };

  test('lets one pushing peer fill a quarter', () => {
    expect(fill('a', 'push', 0)).toBe((limits.pendingAssertionsMax * limits.pendingShareMax) / 100);
    expect(fill('b', 'push', 1000)).toBe((limits.pendingAssertionsMax * limits.pendingShareMax) / 100);
  });

  test('holds in bytes too', () => {
    let added = 0;
    while (add(run(added, 2, 2, 60_000), ['never'], `peer ${added}`)) added++;
    expect(added).toBe(Math.floor(limits.pendingBytesMax / (60_000 + 1000 + 400)));
  });

  test('counts what a run waits for, so that many names cost their memory', () => {
    const names = Array.from({ length: 1900 }, (_, i) => `${i}`);
    let added = 0;
    while (add(run(added, 2, 2, 0), names, `peer ${added}`)) added++;
    expect(added).toBeLessThan(25);
  });

  test('does not let pushes evict anything', () => {
    for (const from of ['a', 'b', 'c', 'd']) fill(from, 'push', from.charCodeAt(0) * 1000);
    expect(pending.size).toBe(limits.pendingAssertionsMax);
    expect(add(run(1, 2, 2), ['x'], 'e')).toBe(false);
    expect(pending.size).toBe(limits.pendingAssertionsMax);
  });

  test('lets what was asked for take the place of the oldest pushes, but not the other way round', () => {
    for (const from of ['a', 'b', 'c', 'd']) fill(from, 'push', from.charCodeAt(0) * 1000);
    expect(add(run(1, 2, 2), ['x'], 'e', 'pull')).toBe(true);
    expect(pending.size).toBe(limits.pendingAssertionsMax - 99);
    fill('e', 'pull', 1_000_000);
    expect(add(run(2, 2, 101), ['x'], 'f')).toBe(false);
    expect(pending.release('x')).toHaveLength(1);
  });

  test('keeps a peer whose answers wait for ever from locking out the others', () => {
    expect(fill('liar', 'pull', 0)).toBe(limits.pendingAssertionsMax / 100);
    expect(add(run(500_000, 2, 2), ['x'], 'liar', 'pull')).toBe(false);
    for (let n = 0; n < 40; n++) expect(add(run(1_000_000 + n, 2, 101), ['y'], 'honest', 'pull')).toBe(true);
    expect(pending.release('y')).toHaveLength(40);
    // They share it: neither gets more than half at the cost of the other.
    expect(fill('honest', 'pull', 2_000_000)).toBeLessThanOrEqual(50);
  });

  test('changes nothing when there is no room for what was asked for', () => {
    for (let n = 0; n < 10; n++) fill(`peer ${n}`, 'pull', n * 1000);
    const { size } = pending;
    expect(add(run(999_999, 2, 12_000), ['x'], 'other', 'pull')).toBe(false);
    expect(pending.size).toBe(size);
  });

  test('forgets all about what was released or evicted', () => {
    for (let round = 0; round < 5; round++) {
      expect(fill('a', 'push', round * 1000)).toBe(25);
      expect(pending.release('never')).toHaveLength(25);
      expect(pending.size).toBe(0);
    }
  });
});
