import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex, utf8 } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer, when } from '../testing/sync-peer.ts';
import type { SyncOptions } from './intervals.ts';

const space = testSpace();
const peers: SyncPeer[] = [];
let hub: MemoryHub;

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

async function start(count: number, options: SyncOptions & { loss?: number } = {}): Promise<SyncPeer[]> {
  hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1), loss: options.loss ?? 0 });
  for (let number = 1; number <= count; number++) await startOne(number, options);
  return peers;
}

async function startOne(number: number, options: SyncOptions = {}): Promise<SyncPeer> {
  const peer = await SyncPeer.start({ hub, space, number, ...options });
  peers.push(peer);
  return peer;
}

describe('convergence', () => {
  test('two peers that met with different sets of equal size hold the same soon [STC-01] [STC-38] [ICG-18]', async () => {
    const [a, b] = (await start(2)) as [SyncPeer, SyncPeer];
    await a.write(3);
    await b.write(3);
    await a.connect(b);
    await converged([a, b], 6);
  });

  test('a write reaches a connected peer by push alone [STS-05]', async () => {
    const [a, b] = (await start(2, { pull: false })) as [SyncPeer, SyncPeer];
    await a.connect(b);
    await a.network.ping(b.id); // By then both know that the other follows the topic.
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

  test('what was written far away travels over peers in between', async () => {
    const [a, b, c] = (await start(3)) as [SyncPeer, SyncPeer, SyncPeer];
    for (const peer of peers) await peer.write(5);
    await a.connect(b);
    await b.connect(c);
    await converged(peers, 15);
    await a.write();
    await c.write();
    await converged(peers, 17);
  });

  test('eight writers that were offline rejoin one hub, and all hold all eight within seconds [STC-03]', async () => {
    const [first, ...writers] = (await start(9)) as [SyncPeer, ...SyncPeer[]];
    for (const writer of writers) await writer.write();
    const startedMs = systemClock.nowMs();
    await Promise.all(writers.map((writer) => writer.connect(first)));
    await converged(peers, 8);
    expect(systemClock.nowMs() - startedMs).toBeLessThan(5000);
  });

  test('a hundred writes under heavy loss all arrive, and never before what they build on [STC-04] [ICG-42]', async () => {
    const [a, b] = (await start(2, { loss: 0.5 })) as [SyncPeer, SyncPeer];
    await a.connect(b);
    const seen = new Set<string>();
    b.replica.events.on('visible', (runs) => {
      for (const { assertions } of runs) {
        for (const { id, prev, parents } of assertions) {
          for (const past of [...parents, ...(prev === null ? [] : [prev])]) {
            expect(seen).toContain(bytesToHex(past));
          }
          seen.add(bytesToHex(id));
        }
      }
    });
    const authors = await Promise.all(
      [101, 102, 103].map((number) => TestAuthor.create(space, a.crypto, number)),
    );
    const tips: Run[] = [];
    for (let i = 0; i < 100; i++) {
      const author = authors[i % 3] as TestAuthor;
      const [own, other] = [tips.at(-3), tips.at(-1)];
      const parents = other === undefined ? [] : [lastOf(other)];
      tips.push(await a.take(await author.run([author.next(own && lastOf(own), { parents })])));
    }
    await converged([a, b], 100);
  });

  test('an author that was restored from a backup and wrote on has both branches everywhere', async () => {
    const [a, b, c] = (await start(3)) as [SyncPeer, SyncPeer, SyncPeer];
    const trunk = await a.write(3);
    await b.take(trunk);
    const branch = async (text: string) => {
      const [next] = a.author.chain(1, lastOf(trunk), () => ({ payload: utf8(text) }));
      return a.author.run([next as Run['assertions'][0]]);
    };
    await a.take(await branch('here'));
    await b.take(await branch('there'));
    await a.connect(c);
    await b.connect(c);
    await converged(peers, 5);
    expect(c.replica.frontier.tipsOf(a.author.publicKey)).toHaveLength(2);
  });

  test('peers that were divided agree once they meet again [STC-07] [STC-33] [STC-39]', async () => {
    await start(4);
    const [a, b, c, d] = peers as [SyncPeer, SyncPeer, SyncPeer, SyncPeer];
    await a.connect(b);
    await b.connect(c);
    await c.connect(d);
    hub.divide((x, y) => (x === b.id && y === c.id) === false && (x === c.id && y === b.id) === false);
    await a.write(2);
    await d.write(2);
    await converged([a, b], 2);
    await converged([c, d], 2);
    hub.heal();
    await b.connect(c);
    await converged(peers, 4);
  });

  test('a fresh peer gets thousands of assertions by many authors', async () => {
    const [a] = (await start(1)) as [SyncPeer];
    for (let number = 200; number < 300; number++) {
      const author = await TestAuthor.create(space, a.crypto, number);
      const chain = author.chain(40);
      for (let from = 0; from < 40; from += 8) await a.take(await author.run(chain.slice(from, from + 8)));
    }
    const b = await startOne(2);
    await b.connect(a);
    await converged([a, b], 4000);
    expect(b.metric('bytes_pulled')).toBeLessThan(4000 * 60);
  });
});

describe('transfers', () => {
  test('one that breaks off goes on where it stopped [ICG-17]', async () => {
    const [a] = (await start(1, { pushCoalesceMs: 1 })) as [SyncPeer];
    for (let i = 0; i < 60; i++) await a.write(1, new Uint8Array(50_000).fill(i));
    const b = await startOne(2);
    let cuts = 0;
    b.replica.events.on('visible', () => {
      if (cuts++ < 2) void b.network.disconnect(a.id);
    });
    b.network.on('disconnect', () => void b.connect(a).catch(() => undefined));
    await b.connect(a);
    await converged([a, b], 60);
    expect(cuts).toBeGreaterThan(2);
    expect(b.metric('bytes_pulled')).toBeLessThan(60 * 50_000 + 3 * 2_500_000);
  });

  test('what was asked of one peer is not asked of another at the same time more than twice', async () => {
    const [a, b, c, d] = (await start(4)) as [SyncPeer, SyncPeer, SyncPeer, SyncPeer];
    await a.write(100, new Uint8Array(400));
    for (const peer of [b, c, d]) await peer.connect(a);
    await converged(peers, 100);
    const fresh = await startOne(5);
    await Promise.all([a, b, c, d].map((peer) => fresh.connect(peer)));
    await converged([a, fresh], 100);
    expect(fresh.metric('pull_requests_sent')).toBeLessThanOrEqual(2);
  });

  test('a payload that came erased is asked of others and filled in', async () => {
    const [a, b, c] = (await start(3, { push: false })) as [SyncPeer, SyncPeer, SyncPeer];
    const run = await a.write(2);
    await a.connect(b);
    await converged([a, b], 2);
    const id = lastOf(run).id;
    await b.replica.erase(id);
    await c.connect(b);
    await converged([a, b, c], 2);
    expect((await c.replica.journal.find(id))?.payload).toBeUndefined();
    await c.connect(a);
    await c.sync.sync({ peerId: a.id });
    expect(await c.sync.erasedSync()).toBe(1);
    expect((await c.replica.journal.find(id))?.payload).toEqual(lastOf(run).payload);
  });

  test('what comes from the future is held without being asked for over and over', async () => {
    const [a, b] = (await start(2, { antiEntropyMs: 20, syncReplyMs: 5, newsQuietMs: 5 })) as [
      SyncPeer,
      SyncPeer,
    ];
    const hlc = { time: BigInt(systemClock.nowMs() + 3_600_000) * 1_000_000n, counter: 0 };
    await b.write();
    await a.take(await a.author.run([a.author.next(undefined, { hlc })]));
    await a.connect(b);
    let exchanges = 0;
    await when(
      () => exchanges++ > 20 && a.replica.count === 2,
      (look) => [b.sync.events.on('relation', look), a.replica.events.on('visible', look)],
    );
    expect(b.replica.count).toBe(1);
    expect(b.metric('assertions_held')).toBeGreaterThan(0);
    expect(b.metric('pull_requests_sent')).toBeLessThanOrEqual(2);
  });

  test('what else an author wrote comes, though a branch of its chain is dated in ten years', async () => {
    const [a, b] = (await start(2, { push: false, antiEntropyMs: 20 })) as [SyncPeer, SyncPeer];
    const hlc = { time: BigInt(systemClock.nowMs() + 10 * 365 * 86_400_000) * 1_000_000n, counter: 0 };
    const far = await a.author.run([a.author.next(undefined, { hlc })]);
    await b.replica.ingest([far], { from: 'somebody', via: 'push' });
    expect(b.metric('assertions_held')).toBe(1);
    await a.write(3);
    await b.connect(a);
    await converged([a, b], 3);
  });
});

test('a sync with nobody there says so', async () => {
  const [a] = (await start(1)) as [SyncPeer];
  await expect(a.sync.sync()).rejects.toMatchObject({ code: 'NO_PEER' });
  await expect(a.sync.sync({ peerId: 'nobody' })).rejects.toMatchObject({ code: 'NO_PEER' });
});

test('a sync that was asked for ends with both sets equal, if nobody writes [STC-36] [STC-37]', async () => {
  const [a, b] = (await start(2, { syncReplyMs: 100_000, push: false })) as [SyncPeer, SyncPeer];
  await a.write(2);
  await b.connect(a);
  await b.sync.sync();
  expect(b.root).toBe(a.root);
  expect(b.sync.convergences).toBe(1);
  expect(b.metric('convergence_count')).toBe(1);
  expect(b.sync.lastSyncAtMs).toBeGreaterThan(0);
});

test('a peer of another protocol version is left alone [STS-06]', async () => {
  const [a, b] = (await start(2)) as [SyncPeer, SyncPeer];
  await b.engine.stop();
  await a.connect(b);
  await expect(a.sync.sync({ peerId: b.id })).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
  expect(a.metric('sync_refused', { code: 'PROTOCOL_UNSUPPORTED' })).toBeGreaterThan(0);
  await expect(a.sync.sync()).rejects.toMatchObject({ code: 'NO_PEER' });
  expect(a.sync.relations()).toEqual([]);
});
