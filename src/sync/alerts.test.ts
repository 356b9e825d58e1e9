/** The alert rules of docs/operations.md, as a Prometheus that scrapes every fifteen seconds would judge them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lastOf } from '../assertion/model.ts';
import { loadFastHash } from '../base/hash.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { Trie } from '../set/trie.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { nodeViews } from './descent.ts';
import type { SyncOptions } from './intervals.ts';
import { toWireMs } from './link.ts';
import { OWN_LIMITS } from './requests.ts';

const SCRAPE_MS = 15_000;
const MINUTE = 60_000;
const IN_DEBT = 'aver_peer_deficit_bytes < -50000';
const STALLED = 'increase(aver_digests_sent[2m]) == 0 and min_over_time(aver_digest_spaces_due[2m]) > 0';
const space = testSpace();
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
let clock: VirtualClock;
let hub: MemoryHub;
let peers: SyncPeer[];

beforeAll(() => loadFastHash());

beforeEach(() => {
  clock = new VirtualClock();
  hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 5 });
  peers = [];
});

afterEach(async () => {
  const stopped = Promise.all(peers.map((peer) => peer.stop()));
  await clock.advance(MINUTE);
  await stopped;
});

async function start(number: number, options: SyncOptions = {}): Promise<SyncPeer> {
  const peer = await SyncPeer.start({ hub, space, number, crypto, ...options });
  peer.network.keep(peers.map((other) => `/memory/0/p2p/${other.id}`));
  peers.push(peer);
  return peer;
}

/** All values of a metric at each scrape. */
async function scrape(peer: SyncPeer, ms: number): Promise<ReadonlyMap<string, readonly number[]>[]> {
  const scrapes: Map<string, number[]>[] = [];
  for (let at = 0; at < ms; at += SCRAPE_MS) {
    await clock.advance(SCRAPE_MS);
    const values = new Map<string, number[]>();
    for (const { name, value } of peer.metrics.snapshot()) {
      values.set(`aver_${name}`, [...(values.get(`aver_${name}`) ?? []), value]);
    }
    scrapes.push(values);
  }
  return scrapes;
}

/** Whether the two-minute windows up to some scrape satisfied the rule. */
function isStalled(scrapes: readonly ReadonlyMap<string, readonly number[]>[]): boolean {
  const window = (2 * MINUTE) / SCRAPE_MS;
  const of = (name: string) => scrapes.map((values) => values.get(name)?.[0]);
  const [sent, due] = [of('aver_digests_sent'), of('aver_digest_spaces_due')];
  return sent.some((value, i) => {
    if (i < window) return false;
    const isDue = due.slice(i - window, i + 1).every((spaces) => (spaces ?? 0) > 0);
    return value !== undefined && value === sent[i - window] && isDue;
  });
}

/** Whether some series was below for ten minutes at a stretch. */
function isInDebt(scrapes: readonly ReadonlyMap<string, readonly number[]>[]): boolean {
  let since = 0;
  for (const values of scrapes) {
    since = values.get('aver_peer_deficit_bytes')?.some((bytes) => bytes < -50_000) ? since + 1 : 0;
    if (since * SCRAPE_MS >= 10 * MINUTE) return true;
  }
  return false;
}

test('the rules of the documentation are those that are tested here [ICG-32] [ICG-33]', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  expect(text).toContain(`expr: ${IN_DEBT}\n        for: 10m\n        labels: { severity: warning }`);
  expect(text).toContain(`expr: ${STALLED}\n        labels: { severity: critical }`);
});

describe('the alert for stalled digests', () => {
  test('is silent as long as digests go out, also in the deepest quiet [ICG-33]', async () => {
    const [one] = [await start(1), await start(2)];
    await one.write();
    expect(isStalled(await scrape(one, 40 * MINUTE))).toBe(false);
    expect(one.metric('digests_sent')).toBeGreaterThan(40);
  });

  test('comes when there is something to tell and nothing goes out [ICG-33]', async () => {
    const [one] = [await start(1, { digestMs: 1e9 }), await start(2)];
    await one.write();
    expect(isStalled(await scrape(one, 5 * MINUTE))).toBe(true);
  });

  test('is silent where every space is empty, and where nobody is there [ICG-33]', async () => {
    const [one] = [await start(1, { digestMs: 1e9 }), await start(2)];
    expect(isStalled(await scrape(one, 5 * MINUTE))).toBe(false);
    for (const peer of peers) await peer.network.stop();
    await one.write();
    expect(isStalled(await scrape(one, 5 * MINUTE))).toBe(false);
  });
});

describe('the alert for debts', () => {
  test('comes for a peer that takes pulls and answers none [ICG-29] [ICG-32]', async () => {
    const one = await start(1);
    const author = await TestAuthor.create(space, crypto, 50);
    const tip = lastOf(await author.run(author.chain(100)));
    const trie = Trie.of([{ ...tip, seq: 10_000 }]);
    const black = await RawPeer.start(hub, 'black', (request) => {
      if (request.type === 'hello')
        return [{ type: 'hello', proof: null, clockMs: toWireMs(clock.nowMs()), limits: OWN_LIMITS }];
      if (request.type === 'roots')
        return [{ type: 'roots', root: trie.root, count: 10_000, flushed: trie.root, sketch: null }];
      if (request.type !== 'nodes') return [];
      return [{ type: 'nodes', nodes: nodeViews(trie, request.salt, request.prefixes) }];
    });
    one.network.keep(['/memory/0/p2p/black']);
    expect(isInDebt(await scrape(one, 15 * MINUTE))).toBe(true);
    await black.network.stop();
    await scrape(one, MINUTE);
    expect(one.metrics.snapshot().some(({ name }) => name === 'peer_deficit_bytes')).toBe(false);
  });

  test('is silent among peers that deliver [ICG-32]', async () => {
    const [one, two] = [await start(1), await start(2, { push: false })];
    for (let i = 0; i < 20; i++) await two.write(20);
    expect(isInDebt(await scrape(one, 15 * MINUTE))).toBe(false);
    expect(one.replica.count).toBe(400);
  });
});
