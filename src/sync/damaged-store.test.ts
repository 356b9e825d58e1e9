/** A peer whose disk damaged a stored run: it passes nothing wrong on, and nobody blames it. */
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { CONFIDENCE_ONE, encodeClaims } from '../assertion/claims.ts';
import { kinds } from '../assertion/model.ts';
import { loadFastHash } from '../base/hash.ts';
import type { Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { allBlocks, blockKey } from '../set/journal-keys.ts';
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

function blocksOf(store: Store): Promise<(readonly [Uint8Array, Uint8Array])[]> {
  return Array.fromAsync(store.range(allBlocks));
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

test('a running peer that meets a damaged run asks others for it, and goes on with the set it had [STC-35]', async () => {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(2) });
  const store = memoryStore();
  const [hurt, whole] = [await start(hub, 1, store), await start(hub, 2)];
  for (const count of [2, 3, 1]) await whole.take(await hurt.write(count));
  await hurt.connect(whole);
  const { root } = hurt;
  const [before, runs] = [await blocksOf(store), await Array.fromAsync(hurt.replica.journal.runs())];
  await flip(store, 1);
  await flip(store, 2);
  expect(await hurt.replica.journal.blocks([0, 1, 2])).toMatchObject([{}, undefined, undefined]);
  await vi.waitFor(async () => expect(await blocksOf(store)).toEqual(before), { timeout: 20_000 });
  expect(await Array.fromAsync(hurt.replica.journal.runs())).toEqual(runs);
  expect(hurt.root).toBe(root);
  expect([hurt.metric('blocks_damaged'), hurt.metric('blocks_restored')]).toEqual([2, 2]);
});

test('what was erased here stays erased when its damaged run comes again', async () => {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(3) });
  const store = memoryStore();
  const [hurt, whole] = [await start(hub, 1, store), await start(hub, 2)];
  const claims = encodeClaims([{ subject: 's', predicate: 'p', object: 1, confidence: CONFIDENCE_ONE }]);
  const chain = hurt.author.chain(2, undefined, () => ({ kind: kinds.claim, payload: claims }));
  const run = await whole.take(await hurt.take(await hurt.author.run(chain)));
  await hurt.connect(whole);
  const [first] = run.assertions;
  await hurt.replica.erase(first?.id as Uint8Array);
  await flip(store, 0);
  await expect(hurt.replica.journal.find(first?.id as Uint8Array)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
  });
  await vi.waitFor(() => expect(hurt.metric('blocks_restored')).toBe(1), { timeout: 20_000 });
  const after = await hurt.replica.journal.run(0);
  expect(after.assertions.map(({ payload }) => payload !== undefined)).toEqual([false, true]);
});

test('a damaged run of a forked chain keeps nobody from what does not build on it', async () => {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(4) });
  const store = memoryStore();
  const [hurt, late] = [await start(hub, 1, store), await start(hub, 3)];
  await hurt.write(2);
  const { author } = hurt;
  const trunk = author.chain(2, undefined, () => ({ payload: Uint8Array.of(7) }));
  const [one, other] = [1, 2].map((part) =>
    author.chain(2, trunk.at(-1), () => ({ payload: Uint8Array.of(part) })),
  );
  for (const chain of [trunk, one ?? [], other ?? []]) await hurt.take(await author.run(chain));
  const stranger = await start(hub, 2);
  await hurt.take(await stranger.author.run(stranger.author.chain(3)));
  await flip(store, 2);

  await late.connect(hurt);
  // Two of the first branch, two of the trunk and two after it, three of the stranger; two are damaged.
  await when(
    () => late.replica.count === 9,
    (look) => [late.replica.events.on('visible', look)],
  );
  await late.sync.sync({ peerId: hurt.id }).catch(() => undefined);
  expect(late.replica.count).toBe(9);
  expect(hurt.metric('blocks_damaged')).toBe(1);
});

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
