import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classLimits, limits } from '../base/limits.ts';
import { backoffMs, debitOf, PullAccount, type PullEnd, type PullPause, pullPause } from './pull-account.ts';

const { isolated, known, partner } = classLimits;
const KiB = 1024;

describe('whether a pull may begin', () => {
  const well = { deficitBytes: 0, outstanding: 0, waitMs: 0 };
  type Row = [Partial<typeof well>, hasChoice: boolean, PullPause | undefined];
  test.each<Row>([
    [{}, true, undefined],
    [{ deficitBytes: -10_000 }, true, undefined],
    [{ deficitBytes: -10_001 }, true, 'deficit'],
    [{ deficitBytes: -10_001 }, false, undefined],
    [{ outstanding: 1 }, true, 'outstanding'],
    [{ outstanding: 1 }, false, undefined],
    [{ waitMs: 1 }, true, 'backoff'],
    [{ waitMs: 1 }, false, 'backoff'],
    [{ deficitBytes: -10_001, outstanding: 1 }, true, 'deficit'],
    [{ deficitBytes: -10_001, outstanding: 1, waitMs: 1 }, true, 'backoff'],
    [{ deficitBytes: -10_001, outstanding: 1, waitMs: 1 }, false, 'backoff'],
    [{ deficitBytes: -10_001, outstanding: 9 }, false, undefined],
  ])(
    'from a stranger with %j, somebody else to ask being %s: %s [ICG-21] [ICG-22]',
    (state, choice, pause) => {
      expect(pullPause({ ...well, ...state }, isolated, choice)).toBe(pause);
    },
  );

  test('a partner is asked three things at a time, a known peer two [ICG-23]', () => {
    const at = (outstanding: number, bounds: typeof isolated) =>
      pullPause({ ...well, outstanding }, bounds, true);
    expect([at(1, known), at(2, known)]).toEqual([undefined, 'outstanding']);
    expect([at(2, partner), at(3, partner)]).toEqual([undefined, 'outstanding']);
  });
});

test('the back-off doubles from the least to the most of the class, and is none after a success [ICG-24]', () => {
  const after = (bounds: typeof isolated) => [0, 1, 2, 3, 99].map((failures) => backoffMs(failures, bounds));
  expect(after(isolated)).toEqual([0, 1500, 3000, 5000, 5000]);
  expect(after(known)).toEqual([0, 800, 1600, 2500, 2500]);
  expect(after(partner)).toEqual([0, 300, 600, 1200, 1200]);
});

test('a debt is the less of what may come, what is claimed and what is lacking [ICG-20] [ICG-26]', () => {
  expect(debitOf(64 * KiB, 10, 100)).toBe(5120);
  expect(debitOf(64 * KiB, 100, 10)).toBe(5120);
  expect(debitOf(64 * KiB, 0, 10)).toBe(0);
  expect(debitOf(64 * KiB, 2 ** 32 - 1, 2 ** 32 - 1)).toBe(64 * KiB);
  expect(debitOf(64 * KiB, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(64 * KiB);
  expect(debitOf(64 * KiB, -5, 3)).toBe(0);
});

describe('the account of pulls from one peer', () => {
  const deficit = (account: PullAccount, nowMs = 0) => account.state(nowMs).deficitBytes;

  test('a whole answer pays twice what it brought and the rest of the debt [ICG-20]', () => {
    const account = new PullAccount();
    const ticket = account.open(10_000, 0);
    expect(deficit(account)).toBe(-10_000);
    ticket.received(4000);
    expect(deficit(account)).toBe(-2000);
    ticket.end('complete', isolated, 0);
    expect(deficit(account)).toBe(4000);
  });

  test.each<[PullEnd, deficitBytes: number, waitMs: number]>([
    ['complete', 1000, 0],
    ['truncated', -8000, 0],
    ['left', 1000, 0],
    ['busy', 1000, 1500],
    ['lost', -8000, 1500],
  ])(
    'a pull that ended as %s leaves %d bytes and a wait of %d ms [ICG-20] [ICG-24]',
    (end, bytes, waitMs) => {
      const account = new PullAccount();
      const ticket = account.open(10_000, 0);
      ticket.received(1000);
      ticket.end(end, isolated, 0);
      ticket.end('lost', isolated, 0);
      expect(account.state(0)).toEqual({ deficitBytes: bytes, outstanding: 0, waitMs });
    },
  );

  test('lost requests free their slot, and the debt fades while nothing is asked [ICG-25]', () => {
    const account = new PullAccount();
    for (let i = 0; i < 3; i++) account.open(64 * KiB, 0).end('lost', isolated, 0);
    expect(account.state(0)).toEqual({ deficitBytes: -3 * 64 * KiB, outstanding: 0, waitMs: 5000 });
    expect(account.state(5000).waitMs).toBe(0);
    expect(deficit(account, 100_000)).toBe(-3 * 64 * KiB + 51_200);
    const open = account.open(0, 100_000);
    expect(deficit(account, 200_000)).toBe(-3 * 64 * KiB + 51_200);
    open.end('complete', isolated, 200_000);
    expect(deficit(account, 10_000_000)).toBe(0);
  });

  test('a success ends the back-off [ICG-24]', () => {
    const account = new PullAccount();
    account.open(0, 0).end('lost', isolated, 0);
    account.open(0, 1500).end('complete', isolated, 1500);
    expect(account.state(1500).waitMs).toBe(0);
    account.open(0, 1500).end('lost', isolated, 1500);
    expect(account.state(1500).waitMs).toBe(1500);
  });

  test('setting the clock back by an hour does not make a wait of an hour', () => {
    const account = new PullAccount();
    account.open(0, 3_600_000).end('lost', isolated, 3_600_000);
    expect(account.state(0).waitMs).toBe(0);
  });

  test('whatever is claimed and delivered, the deficit stays a number within its clamp [ICG-26]', () => {
    const step = fc.record({
      hint: fc.double(),
      gap: fc.double(),
      bytes: fc.nat(),
      end: fc.constantFrom<PullEnd>('complete', 'truncated', 'lost', 'busy', 'left'),
      ms: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const account = new PullAccount();
        let nowMs = 0;
        for (const { hint, gap, bytes, end, ms } of steps) {
          const ticket = account.open(debitOf(partner.pullBytes, hint, gap), nowMs);
          ticket.received(bytes);
          nowMs += ms;
          ticket.end(end, partner, nowMs);
          const { deficitBytes, outstanding } = account.state(nowMs);
          expect(Math.abs(deficitBytes)).toBeLessThanOrEqual(limits.pullDeficitBytesMax);
          expect(outstanding).toBe(0);
        }
      }),
    );
  });
});
