/** What docs/consistency.md says of whole peers, and what it says is not promised. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { createMemoryPeer } from '../testing/memory-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import type { Peer, Space } from './api.ts';

let hub: MemoryHub;
const peers: Peer[] = [];

beforeEach(() => {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
});

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});

/** As many peers in one space, each connected to the others. */
async function crowd(count: number): Promise<Space[]> {
  const spaces: Space[] = [];
  const bootstrap: string[] = [];
  for (let number = 0; number < count; number++) {
    const peer = await createMemoryPeer({ hub, bootstrap: [...bootstrap] });
    peers.push(peer);
    bootstrap.push(...(await peer.info()).addresses);
    const first = spaces[0];
    spaces.push(
      first ? await peer.open((await first.invite()).text) : await peer.create({ name: 'commons', pow: [] }),
    );
  }
  return spaces;
}

const said = async (space: Space): Promise<unknown> => (await space.get('door', 'is')).winner?.object;

async function settle(space: Space, replicas: number): Promise<void> {
  await space.settled({ replicas, signal: AbortSignal.timeout(10_000) });
}

describe('availability', () => {
  it('is that of any one peer: whoever made the space may be gone for good [STC-08] [STC-10] [STC-40]', async () => {
    const [maker, b, c] = (await crowd(3)) as [Space, Space, Space];
    await maker.assert({ subject: 'door', predicate: 'is', object: 'open' });
    await settle(maker, 2);
    await peers.shift()?.stop();
    expect([await said(b), await said(c)]).toEqual(['open', 'open']);
    await b.assert({ subject: 'door', predicate: 'is', object: 'shut' });
    await settle(b, 1);
    expect([await said(b), await said(c)]).toEqual(['shut', 'shut']);
  });

  it('is that of one peer alone, and what both halves wrote stays when they meet [STC-07] [STC-09] [STC-39]', async () => {
    const [a, b] = (await crowd(2)) as [Space, Space];
    hub.divide(() => false);
    await a.assert({ subject: 'door', predicate: 'is', object: 'open' });
    await b.assert({ subject: 'door', predicate: 'is', object: 'shut' });
    expect([await said(a), await said(b)]).toEqual(['open', 'shut']);
    hub.heal();
    await Promise.all([settle(a, 1), settle(b, 1)]);
    for (const space of [a, b]) {
      const facts = await Array.fromAsync(space.query({ subject: 'door' }));
      expect(facts.map(({ object }) => object).sort()).toEqual(['open', 'shut']);
    }
    expect(await said(a)).toBe(await said(b));
  });
});

describe('what is not promised', () => {
  it('is that a write shows elsewhere at once: it does once it is settled [STC-24] [STC-25] [STC-27]', async () => {
    const [a, b] = (await crowd(2)) as [Space, Space];
    hub.divide(() => false);
    await a.assert({ subject: 'door', predicate: 'is', object: 'open' });
    expect([await said(a), await said(b)]).toEqual(['open', undefined]);
    hub.heal();
    await settle(a, 1);
    expect(await said(b)).toBe('open');
  });

  it('is that two reads see the same: what one read gave stays as it was [STC-26]', async () => {
    const [a] = (await crowd(1)) as [Space];
    await a.assert({ subject: 'door', predicate: 'is', object: 'open' });
    const before = await a.get('door', 'is');
    await a.assert({ subject: 'door', predicate: 'is', object: 'shut' });
    const after = await a.get('door', 'is');
    expect(before.winner?.object).toBe('open');
    expect(after.winner?.object).toBe('shut');
  });
});
