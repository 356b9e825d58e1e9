import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { systemClock } from '../base/system-clock.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { type Cells, emptyCells } from '../set/sketch.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer } from '../testing/sync-peer.ts';
import type { TipDifference } from './messages.ts';
import { answerCells } from './sketch-diff.ts';

const space = testSpace();
const peers: SyncPeer[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** Two peers, not connected yet, with runs of so many authors each that the other has not, and some of both. */
async function twoPeers(onlyA: number, onlyB: number, shared = 20): Promise<[SyncPeer, SyncPeer]> {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(3) });
  const [a, b] = [
    await SyncPeer.start({ hub, space, number: 1 }),
    await SyncPeer.start({ hub, space, number: 2 }),
  ];
  peers.push(a, b);
  for (let n = 0; n < shared + onlyA + onlyB; n++) {
    const author = await TestAuthor.create(space, a.crypto, 100 + n);
    const run = await author.run(author.chain(1));
    if (n < shared + onlyA) await a.take(run);
    if (n < shared || n >= shared + onlyA) await b.take(run);
  }
  return [a, b];
}

/** The chain of a tip, one assertion longer. */
async function continued(peer: SyncPeer, tip: { readonly author: Uint8Array; readonly id: Uint8Array }) {
  for (let number = 100; ; number++) {
    const author = await TestAuthor.create(space, peer.crypto, number);
    if (!equalBytes(author.publicKey, tip.author)) continue;
    return author.run([author.next(await peer.replica.journal.find(tip.id))]);
  }
}

const sum = (name: string) => peers.reduce((total, peer) => total + peer.metric(name), 0);

describe('a difference', () => {
  test.each([
    [1, 0],
    [3, 3],
    [60, 40],
  ])('of %i and %i tips is found from sketches alone, without a look at the trie', async (onlyA, onlyB) => {
    const [a, b] = await twoPeers(onlyA, onlyB);
    await a.connect(b);
    await converged([a, b], 20 + onlyA + onlyB);
    expect(sum('sketch_hits')).toBeGreaterThan(0);
    expect(sum('trie_nodes_served')).toBe(0);
  });

  test('that is too large for the sketch is found down the trie', async () => {
    const [a, b] = await twoPeers(1100, 1100, 0);
    await a.connect(b);
    await converged([a, b], 2200);
    expect(sum('trie_nodes_served')).toBeGreaterThan(0);
  }, 60_000);

  test('that a lying sketch hides is found down the trie all the same', async () => {
    const [a, b] = await twoPeers(5, 5);
    for (const peer of peers) {
      // Cells of an empty set: they decode to a difference that has nothing to do with the sets.
      const { frontier } = peer.replica;
      const honest = frontier.cellsAt.bind(frontier);
      frontier.cellsAt = (root, length) => {
        const cells = honest(root, length);
        return cells === undefined ? undefined : emptyCells(cells.counts.length);
      };
    }
    await a.connect(b);
    await converged([a, b], 30);
    expect(sum('sketch_misses')).toBeGreaterThan(0);
    expect(sum('trie_nodes_served')).toBeGreaterThan(0);
  });
});

test('of chains that grew, authors are told in four bytes each; of what is new, in full', async () => {
  const [a, b] = await twoPeers(0, 0, 60);
  for (const [n, tip] of [...a.replica.frontier.tips()].slice(0, 60).entries()) {
    if (n % 2 === 0) await b.take(await continued(b, tip));
  }
  for (let n = 0; n < 10; n++) {
    const author = await TestAuthor.create(space, a.crypto, 500 + n);
    await b.take(await author.run(author.chain(1)));
  }
  const answered: TipDifference[] = [];
  const { frontier } = b.replica;
  const answer = answerCells(frontier, {
    type: 'cells',
    tag: space.tag,
    root: frontier.root(),
    cells: a.replica.frontier.cellsAt(a.replica.frontier.root(), 256) as Cells,
    full: false,
  });
  if (answer.type === 'diff' && answer.difference !== null) answered.push(answer.difference);
  const lengths = answered.flatMap(({ tips }) => tips.map(({ author }) => author.length));
  expect(lengths.filter((length) => length === 4)).toHaveLength(30);
  expect(lengths.filter((length) => length === 32)).toHaveLength(10);
  await a.connect(b);
  await converged([a, b], 100);
  expect(sum('trie_nodes_served')).toBe(0);
});

test('the first cells of an answer are few enough for two packets', () => {
  expect(limits.rootsCells * 17 + limits.rootsCounts * 5).toBeLessThan(2 * 1200);
});
