import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { memoryStore } from '../store/memory.ts';
import { testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer, when } from '../testing/sync-peer.ts';
import type { SyncOptions } from './intervals.ts';
import { PeerView } from './peer-view.ts';

const space = testSpace();
/** Nothing happens by itself but the first exchange after a connect. */
const quiet = { push: false, antiEntropyMs: 1e6, newsQuietMs: 1e6, syncReplyMs: 5 } as const;
const peers: SyncPeer[] = [];
let hub: MemoryHub;

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

async function start(
  number: number,
  options: SyncOptions & { store?: Store; clock?: Clock } = {},
): Promise<SyncPeer> {
  if (number === 1) hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1) });
  const peer = await SyncPeer.start({ hub, space, number, ...options });
  peers.push(peer);
  return peer;
}

const relation = (of: SyncPeer, to: SyncPeer) => of.sync.relations().find(({ peerId }) => peerId === to.id);

function related(of: SyncPeer, to: SyncPeer, wanted: string): Promise<void> {
  return when(
    () => relation(of, to)?.relation === wanted,
    (look) => [of.sync.events.on('relation', look)],
  );
}

describe('relations', () => {
  test('each side knows whether the other is equal, ahead or behind, and by how much', async () => {
    const [a, b] = [await start(1, quiet), await start(2, quiet)];
    await a.write(3);
    await a.connect(b);
    await converged([a, b], 3);
    await related(a, b, 'equal');
    await related(b, a, 'equal');
    // These take the place of what was still to come, so that nobody asks after the next write.
    await b.sync.sync();
    await a.sync.sync();
    await a.write(2);
    expect(relation(a, b)).toMatchObject({ relation: 'behind', leads: 2, lacks: 0, count: 3 });
  });

  test('a peer with other facts is diverged until both have pulled', async () => {
    const [a, b] = [await start(1, quiet), await start(2, { ...quiet, syncReplyMs: 1e6 })];
    await a.write(3);
    await b.write(4);
    await a.connect(b);
    await a.sync.sync();
    await related(a, b, 'behind');
    expect(relation(a, b)).toMatchObject({ leads: 3, lacks: 0 });
    await b.sync.sync();
    await related(a, b, 'equal');
    expect(relation(b, a)).toMatchObject({ relation: 'equal' });
  });

  test('a peer that left is no longer listed', async () => {
    const [a, b] = [await start(1), await start(2)];
    await a.connect(b);
    await a.sync.sync();
    expect(a.sync.relations()).toHaveLength(1);
    expect(a.sync.peerIds).toEqual([b.id]);
    await a.network.disconnect(b.id);
    expect(a.sync.relations()).toEqual([]);
  });

  test('what is known of a peer ages with what is written here', () => {
    const view = new PeerView('x');
    const set = (n: number) => ({ root: new Uint8Array(32).fill(n), count: n });
    expect(view.relation(set(1)).relation).toBe('unknown');
    expect(view.noteRoots(set(5), set(3), 1000)).toBeUndefined();
    expect(view.relation(set(5))).toMatchObject({ relation: 'unknown', count: 3 });
    view.noteDifference({ relation: 'behind', leads: 2, lacks: 0, authors: [] }, 5);
    expect(view.relation(set(6))).toMatchObject({ relation: 'behind', leads: 3 });
    expect(view.noteRoots(set(6), set(6), 1500)).toBe(500);
    expect(view.noteRoots(set(6), set(6), 1600)).toBeUndefined();
    expect(view.relation(set(6))).toMatchObject({ relation: 'equal', comparedAtMs: 1600 });
  });
});

describe('settled', () => {
  test('resolves once others have it on disk, not merely in memory [STC-25]', async () => {
    const store = memoryStore();
    let release: () => void = () => undefined;
    let flushing: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const flushed = new Promise<void>((resolve) => {
      flushing = resolve;
    });
    const slow: Store = {
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      range: (range) => store.range(range),
      write: (batch, options) => store.write(batch, options),
      close: () => store.close(),
      flush: async () => {
        flushing();
        await gate;
        await store.flush();
      },
    };
    const [a, b] = [await start(1), await start(2, { store: slow })];
    await a.write();
    await a.connect(b);
    let settled = false;
    const waiting = a.sync.settled(1).then((ids) => {
      settled = true;
      return ids;
    });
    await flushed;
    await converged([a, b], 1);
    await a.network.ping(b.id);
    expect(settled).toBe(false);
    release();
    expect(await waiting).toEqual([b.id]);
  });

  test('counts a peer that holds more than we do, but not one that holds less', async () => {
    const [a, b, c] = [await start(1), await start(2), await start(3, { push: false, syncReplyMs: 1e6 })];
    await a.write();
    await a.connect(b);
    await converged([a, b], 1);
    await b.write();
    await a.connect(c);
    expect(await a.sync.settled(1)).toEqual([b.id]);
  });

  test('waits for a peer that connects later', async () => {
    const [a, b] = [await start(1), await start(2)];
    await a.write();
    const waiting = a.sync.settled(1);
    await b.connect(a);
    expect(await waiting).toEqual([b.id]);
  });

  test('asks for no more peers than it was told to', async () => {
    const a = await start(1);
    await a.write();
    expect(await a.sync.settled(0)).toEqual([]);
  });

  test('has an answer while others go on writing', async () => {
    const [a, b] = [await start(1), await start(2)];
    await a.connect(b);
    const run = await a.write();
    let writing = true;
    const noise = (async () => {
      while (writing) {
        await b.write();
        await b.network.ping(a.id);
      }
    })();
    const settled = await a.sync.settled(1);
    writing = false;
    await noise;
    expect(settled).toEqual([b.id]);
    expect(await b.replica.has(lastOf(run).id)).toBe(true);
  });

  test('ends when the caller gives up, or the space is left', async () => {
    const a = await start(1);
    await a.write();
    const giveUp = new AbortController();
    const waiting = a.sync.settled(1, { signal: giveUp.signal });
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    const other = a.sync.settled(1);
    a.engine.remove(a.sync);
    await expect(other).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('compare', () => {
  test('names the branches that differ and the authors behind them', async () => {
    const [a, b] = [
      await start(1, { ...quiet, syncReplyMs: 1e6 }),
      await start(2, { ...quiet, syncReplyMs: 1e6 }),
    ];
    await a.write(3);
    await b.write(4);
    await a.connect(b);
    const result = await a.sync.compare(b.id);
    expect(result.equal).toBe(false);
    expect(equalBytes(result.mine, a.replica.frontier.trie.root)).toBe(true);
    expect(equalBytes(result.theirs, b.replica.frontier.trie.root)).toBe(true);
    expect(result.differing).toEqual(['']);
    const authors = result.authors.map(({ author, mine, theirs }) => [bytesToHex(author), mine, theirs]);
    expect(authors.sort()).toEqual(
      [
        [bytesToHex(a.author.publicKey), 3, 0],
        [bytesToHex(b.author.publicKey), 0, 4],
      ].sort(),
    );
    await a.sync.sync();
    await b.sync.sync();
    expect(await a.sync.compare(b.id)).toMatchObject({ equal: true, differing: [], authors: [] });
  });

  test('of a peer that is not there says so', async () => {
    const a = await start(1);
    await expect(a.sync.compare('nobody')).rejects.toMatchObject({ code: 'NO_PEER' });
  });
});

describe('clocks', () => {
  const skewed = (ms: number): Clock => ({
    nowMs: () => systemClock.nowMs() + ms,
    setTimer: (delayMs, action) => systemClock.setTimer(delayMs, action),
  });

  test('the median of the peers’ clocks is told by their hellos [STC-30]', async () => {
    const a = await start(1);
    expect(a.engine.peersMedianMs()).toBeUndefined();
    const others = [
      await start(2),
      await start(3, { clock: skewed(60_000) }),
      await start(4, { clock: skewed(-3_600_000) }),
    ];
    for (const peer of others) await peer.connect(a);
    await a.sync.sync();
    const median = a.engine.peersMedianMs() as number;
    expect(Math.abs(median - systemClock.nowMs())).toBeLessThan(1000);
    expect(a.metric('clock_skew_events')).toBe(2);
  });
});

test('a replica counts as flushed soon after the last write, and in any case within a second', async () => {
  const [a, b] = [await start(1), await start(2)];
  const flushes: Run[] = [];
  await a.connect(b);
  const run = await a.write();
  const flushed = new Promise<void>((resolve) => {
    b.replica.events.on('flushed', () => {
      flushes.push(run);
      resolve();
    });
  });
  const startedMs = systemClock.nowMs();
  await flushed;
  expect(systemClock.nowMs() - startedMs).toBeLessThan(limits.flushMs);
  expect(equalBytes(b.replica.frontier.flushed.root, b.replica.frontier.trie.root)).toBe(true);
});
