/** What came from the future, when its time has come. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';

const SECOND = 1000;
const clock = new VirtualClock();
const hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 5 });
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
const peers: SyncPeer[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  const stopped = Promise.all(peers.splice(0).map((peer) => peer.stop()));
  await clock.advance(60 * SECOND);
  await stopped;
});

test('is asked for at once, also where all is quiet and one peer alone has it', async () => {
  const space = testSpace();
  for (let number = 1; number <= 6; number++)
    peers.push(await SyncPeer.start({ hub, space, number, crypto }));
  const [ahead, between, ...others] = peers as [SyncPeer, SyncPeer, ...SyncPeer[]];
  for (const other of [ahead, ...others]) other.network.keep([`/memory/0/p2p/${between.id}`]);
  await clock.advance(SECOND);
  const dueMs = clock.nowMs() + 180 * SECOND;
  const hlc = { time: BigInt(dueMs + limits.hlcHoldAheadMsMin) * 1_000_000n, counter: 0 };
  await ahead.take(await ahead.author.run([ahead.author.next(undefined, { hlc })]));
  await clock.advance(dueMs - clock.nowMs() - 1);
  expect(peers.map(({ replica }) => replica.count)).toEqual([1, 0, 0, 0, 0, 0]);
  await clock.advance(2 * SECOND);
  expect(peers.map(({ replica }) => replica.count)).toEqual([1, 1, 1, 1, 1, 1]);
});
