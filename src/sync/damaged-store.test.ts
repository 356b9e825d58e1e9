/** A peer whose disk damaged a stored run: it passes nothing wrong on, and nobody blames it. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import type { Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { blockKey } from '../set/journal-keys.ts';
import { memoryStore } from '../store/memory.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer, when } from '../testing/sync-peer.ts';

const space = testSpace();
const peers: SyncPeer[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});

async function start(hub: MemoryHub, number: number, store: Store = memoryStore()): Promise<SyncPeer> {
  const peer = await SyncPeer.start({ hub, space, number, store, antiEntropyMs: 100 });
  peers.push(peer);
  return peer;
}

/** One bit, in the middle of a stored run. */
async function flip(store: Store, arrival: number): Promise<void> {
  const key = blockKey(arrival);
  const value = (await store.get(key)) as Uint8Array;
  const at = value.length >> 1;
  await store.write([{ key, value: value.map((byte, i) => (i === at ? byte ^ 4 : byte)) }], {
    durable: true,
  });
}

test('what a disk damaged is not served, what does not build on it is, and the rest comes from others [STC-35]', async () => {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  const store = memoryStore();
  const [hurt, whole, late] = [await start(hub, 1, store), await start(hub, 2), await start(hub, 3)];
  await hurt.write(2);
  await hurt.write(1);
  await hurt.write(1);
  await whole.write(3);
  await hurt.connect(whole);
  await converged([hurt, whole], 7);
  await flip(store, 1);

  await late.connect(hurt);
  const look = (of: SyncPeer) => (listener: () => void) => [of.replica.events.on('visible', listener)];
  await when(() => late.replica.count === 5, look(late));
  await late.sync.sync({ peerId: hurt.id }).catch(() => undefined);
  expect(late.replica.count).toBe(5);
  expect(hurt.metric('blocks_damaged')).toBe(1);

  await late.connect(whole);
  await converged([hurt, whole, late], 7);
  const faults = peers.flatMap((peer) =>
    peer.metrics.snapshot().filter(({ name }) => name === 'sync_faults' || name === 'assertions_refused'),
  );
  expect(faults).toEqual([]);
});
