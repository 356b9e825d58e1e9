/** Many peers in virtual time, with losses and divisions, from a seed: what fails here can be replayed. */
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';

const space = testSpace();
const PEERS = 7;

beforeAll(() => loadFastHash());

async function simulate(seed: number) {
  const random = new SeededRandom(seed);
  const clock = new VirtualClock();
  const latencyMs = () => 5 + random.integer(40);
  const hub = new MemoryHub({ clock, random, latencyMs, loss: 0.2 });
  const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
  const peers: SyncPeer[] = [];
  for (let number = 1; number <= PEERS; number++) {
    const peer = await SyncPeer.start({ hub, space, number, crypto });
    // Each keeps two of those before it: a connected graph with some ways around.
    const before = random.shuffle(peers).slice(0, 2);
    peer.network.keep(before.map((other) => `/memory/0/p2p/${other.id}`));
    watchOrder(peer);
    peers.push(peer);
  }
  let written = 0;
  for (let step = 0; step < 40; step++) {
    const peer = peers[random.integer(PEERS)] as SyncPeer;
    const count = 1 + random.integer(3);
    await peer.write(count);
    written += count;
    if (step % 10 === 3) {
      const side = new Set(random.shuffle(peers).slice(0, random.integer(PEERS)));
      const ids = new Set([...side].map(({ id }) => id));
      hub.divide((a, b) => ids.has(a) === ids.has(b));
    }
    if (step % 10 === 9) hub.heal();
    await clock.advance(random.integer(1500));
  }
  hub.heal();
  return { clock, peers, written };
}

/** Nothing may show before what it builds on. */
function watchOrder(peer: SyncPeer): void {
  const seen = new Set<string>();
  peer.replica.events.on('visible', (runs) => {
    for (const { assertions } of runs) {
      for (const { id, prev } of assertions) {
        if (prev !== null) expect(seen).toContain(bytesToHex(prev));
        seen.add(bytesToHex(id));
      }
    }
  });
}

describe.each([1, 2, 3, 4])('from seed %i', (seed) => {
  test('peers that lost messages and were divided hold the same half a minute after all can meet [STC-01] [STC-39]', async () => {
    const { clock, peers, written } = await simulate(seed);
    // Redials wait up to thirty seconds; then a few rounds of syncs do the rest.
    await clock.advance(45_000);
    expect(peers.map((peer) => peer.replica.count)).toEqual(peers.map(() => written));
    expect(new Set(peers.map((peer) => peer.root)).size).toBe(1);
    for (const peer of peers) {
      const relations = peer.sync.relations().map(({ relation }) => relation);
      expect(new Set(relations)).toEqual(new Set(['equal']));
      expect(peer.metric('peers_banned')).toBe(0);
    }
    for (const peer of peers) await peer.stop();
  });
});
