import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { Redialer } from './redialer.ts';

function setUp() {
  const clock = new VirtualClock();
  const connected = new Set<string>();
  const dials: { addresses: readonly string[]; atMs: number }[] = [];
  const up = new Set<string>();
  const startMs = clock.nowMs();
  const redialer = new Redialer({
    clock,
    random: new SeededRandom(3),
    isConnected: (peerId) => connected.has(peerId),
    addressToPeerId: (address) => address.split('@')[0] || undefined,
    dial: async (addresses) => {
      dials.push({ addresses, atMs: clock.nowMs() - startMs });
      const peerId = addresses[0]?.split('@')[0] || 'unnamed';
      if (!up.has(peerId)) throw new Error('down');
      connected.add(peerId);
      return peerId;
    },
  });
  return { clock, connected, dials, up, redialer };
}

describe('the redialer', () => {
  it('dials at once, and again with growing and bounded waits', async () => {
    const { clock, dials, redialer } = setUp();
    redialer.keep(['a@1']);
    redialer.start();
    await clock.advance(10 * 60_000);
    const waits = dials.slice(1).map((dial, at) => dial.atMs - (dials[at]?.atMs ?? 0));
    expect(dials[0]?.atMs).toBe(0);
    expect(waits[0]).toBeGreaterThanOrEqual(limits.redialMsMin);
    expect(Math.max(...waits)).toBeLessThanOrEqual(limits.redialMsMax);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(limits.redialMsMax / 2);
    expect(new Set(waits.slice(-5)).size).toBeGreaterThan(1);
  });

  it('takes several addresses of one peer as one target', async () => {
    const { clock, dials, up, redialer } = setUp();
    up.add('a');
    redialer.keep(['a@1', 'a@2', 'a@1']);
    redialer.start();
    await clock.advance(60_000);
    expect(dials).toEqual([{ addresses: ['a@1', 'a@2'], atMs: 0 }]);
  });

  it('comes back when the link goes, also for an address that names no peer', async () => {
    const { clock, connected, dials, up, redialer } = setUp();
    up.add('unnamed');
    redialer.keep(['@1']);
    redialer.start();
    await clock.advance(1000);
    connected.delete('unnamed');
    redialer.onDisconnect('unnamed');
    await clock.advance(limits.redialMsMin);
    expect(dials).toHaveLength(2);
    await clock.advance(60_000);
    expect(dials).toHaveLength(2);
  });

  it('dials at once when it is woken', async () => {
    const { clock, dials, redialer } = setUp();
    redialer.keep(['a@1']);
    redialer.start();
    await clock.advance(5 * 60_000);
    const before = dials.length;
    redialer.wake();
    expect(dials).toHaveLength(before + 1);
  });

  it('leaves no timer behind when it stops', async () => {
    const { clock, dials, redialer } = setUp();
    redialer.keep(['a@1', 'b@1']);
    redialer.start();
    await clock.advance(0);
    redialer.stop();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(dials).toHaveLength(2);
  });

  it('keeps no more addresses than the limit', () => {
    const { redialer } = setUp();
    redialer.keep(Array.from({ length: 2 * limits.keptAddressesMax }, (_, i) => `p${i}@1`));
    expect(redialer.addresses).toHaveLength(limits.keptAddressesMax);
  });
});
