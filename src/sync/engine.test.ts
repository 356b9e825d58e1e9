import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer } from '../testing/sync-peer.ts';
import type { SyncOptions } from './intervals.ts';

const peers: SyncPeer[] = [];
let hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
const space = testSpace();

async function start(count: number, options: SyncOptions = {}): Promise<SyncPeer[]> {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  for (let number = 1; number <= count; number++) {
    peers.push(await SyncPeer.start({ hub, space, number, ...options }));
  }
  return peers;
}

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

test('two peers that met with different sets of equal size hold the same soon [ICG-18]', async () => {
  const [a, b] = (await start(2)) as [SyncPeer, SyncPeer];
  await a.write(3);
  await b.write(3);
  await a.connect(b);
  await converged([a, b], 6);
  expect(a.root).toBe(b.root);
});

test('a write reaches a connected peer by push alone [STS-05]', async () => {
  const [a, b] = (await start(2, { pull: false })) as [SyncPeer, SyncPeer];
  await a.connect(b);
  await a.write();
  await converged([a, b], 1);
  expect(b.metric('assertions_visible', { via: 'push' })).toBe(1);
});

test('a write reaches a connected peer by pull alone [STS-05]', async () => {
  const [a, b] = (await start(2, { push: false })) as [SyncPeer, SyncPeer];
  await a.connect(b);
  await a.write();
  await converged([a, b], 1);
  expect(b.metric('assertions_visible', { via: 'pull' })).toBe(1);
});
