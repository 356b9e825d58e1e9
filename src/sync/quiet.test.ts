/** What a space costs while nothing happens in it, in virtual time. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { UplinkNetwork } from '../testing/uplink-network.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';

const MINUTE = 60_000;
const space = testSpace();
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
let clock: VirtualClock;
let hub: MemoryHub;
let peers: SyncPeer[];
let networks: UplinkNetwork[];

beforeAll(() => loadFastHash());

beforeEach(() => {
  clock = new VirtualClock();
  hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 20 });
  peers = [];
  networks = [];
});

afterEach(async () => {
  const stopped = Promise.all(peers.map((peer) => peer.stop()));
  await clock.advance(MINUTE);
  await stopped;
});

async function start(count: number): Promise<void> {
  for (let number = 1; number <= count; number++) {
    const network = new UplinkNetwork(hub, `peer-${number}`);
    const peer = await SyncPeer.start({ hub, space, number, crypto, network });
    network.keep(peers.map((other) => `/memory/0/p2p/${other.id}`));
    networks.push(network);
    peers.push(peer);
    await peer.write(3);
  }
  await clock.advance(5000);
  expect(new Set(peers.map((peer) => peer.root)).size).toBe(1);
}

/** Bytes per second that one peer and each of its peers exchange, in both directions together. */
async function rateFor(ms: number): Promise<number> {
  const before = networks.reduce((sum, network) => sum + network.bytesSent, 0);
  await clock.advance(ms);
  const sent = networks.reduce((sum, network) => sum + network.bytesSent, 0) - before;
  const pairs = (peers.length * (peers.length - 1)) / 2;
  return sent / pairs / (ms / 1000);
}

describe.each([2, 5, 20])('among %d peers that are all connected', (count) => {
  test('a quiet space costs at most 100 B/s for each connected peer, and soon far less [ICG-45] [ICG-46]', async () => {
    await start(count);
    expect(await rateFor(10 * MINUTE)).toBeLessThan(100);
    const quiet = await rateFor(30 * MINUTE);
    expect(quiet).toBeGreaterThan(0);
    expect(quiet).toBeLessThan(30);
  });
});

test('a fact that no push brought is found within the bound of quiet, and news restore the rate [ICG-45]', async () => {
  await start(3);
  await clock.advance(30 * MINUTE);
  const [writer, ...others] = peers as [SyncPeer, SyncPeer, SyncPeer];
  const cycles = () => others.map((peer) => peer.metric('sync_cycles'));
  const before = cycles();
  await clock.advance(5 * MINUTE);
  const inQuiet = cycles().map((after, i) => after - (before[i] ?? 0));
  for (const seen of inQuiet) expect(seen).toBeLessThanOrEqual(60);
  // No push and no telling of news: what is left is anti-entropy, on both sides.
  hub.loss = 1;
  const run = await writer.author.run(
    writer.author.chain(1, undefined, () => ({ payload: Uint8Array.of(7) })),
  );
  await writer.replica.ingest([run], { from: 'nobody', via: 'pull' });
  const count = writer.replica.count;
  await clock.advance(limits.antiEntropyQuietMs * 1.1 + 1000);
  expect(others.map((peer) => peer.replica.count)).toEqual([count, count]);
  const restored = cycles();
  await clock.advance(limits.quietMs);
  for (const [i, after] of cycles().entries()) expect(after - (restored[i] ?? 0)).toBeGreaterThanOrEqual(2);
});

test('pings become rare in quiet too, and a new peer brings them back [ICG-45]', async () => {
  await start(2);
  await clock.advance(30 * MINUTE);
  const [first] = networks as [UplinkNetwork];
  const before = first.framesSent;
  await clock.advance(10 * MINUTE);
  const inQuiet = first.framesSent - before;
  const late = new UplinkNetwork(hub, 'peer-9');
  peers.push(await SyncPeer.start({ hub, space, number: 9, crypto, network: late }));
  late.keep([`/memory/0/p2p/${first.peerId}`]);
  await clock.advance(10_000);
  const joined = first.framesSent;
  await clock.advance(MINUTE);
  expect((first.framesSent - joined) * 10).toBeGreaterThan(2 * inQuiet);
});

test('peers that started together do not send their digests together [ICG-37]', async () => {
  await start(10);
  const rounds = () => peers.map((peer) => peer.metric('digest_rounds', { result: 'sent' }));
  let most = 0;
  let before = rounds();
  const first = before;
  for (let i = 0; i < 600; i++) {
    await clock.advance(100);
    const now = rounds();
    most = Math.max(most, now.filter((count, n) => count > (before[n] ?? 0)).length);
    before = now;
  }
  const sent = before.map((count, i) => count - (first[i] ?? 0));
  // Every ten to twelve seconds, and in quiet after a while every twenty.
  for (const count of sent) expect([3, 4, 5, 6]).toContain(count);
  expect(most).toBeLessThanOrEqual(4);
});

test('between the digests of one round other things have their turn [ICG-48]', async () => {
  await start(8);
  const [one] = peers as [SyncPeer];
  const sent = () => one.metric('digests_sent');
  const steps = new Set<number>();
  const before = sent();
  for (let ms = 0; ms < 12_000; ms += 10) {
    await clock.advance(10);
    steps.add(sent());
  }
  expect(sent() - before).toBeGreaterThanOrEqual(3);
  expect(steps.size).toBe(sent() - before + 1);
});
