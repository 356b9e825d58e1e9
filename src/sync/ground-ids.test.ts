/** Entries whose short ids somebody made meet, in two honest peers' sets. Grinding is stood in for by a hash that is told to. */
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { bytesToHex } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { systemClock } from '../base/system-clock.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { converged, SyncPeer } from '../testing/sync-peer.ts';

/** Authors in hex whose entries all begin alike. */
const grinders = vi.hoisted(() => new Set<string>());

vi.mock('../base/hash.ts', async (original) => {
  const hash = await original<typeof import('../base/hash.ts')>();
  const blake3 = (...parts: Uint8Array[]) => {
    const digest = hash.blake3(...parts);
    const { entry } = hash.domains;
    const [bytes] = parts;
    // An entry is hashed from one piece: its domain, author, seq and id.
    if (grinders.size === 0 || bytes === undefined || !entry.every((byte, i) => bytes[i] === byte))
      return digest;
    const isGround = grinders.has(bytesToHex(bytes.subarray(entry.length, entry.length + 32)));
    return isGround ? Uint8Array.from(digest, (byte, i) => (i < 8 ? 7 : byte)) : digest;
  };
  return { ...hash, blake3 };
});

const space = testSpace();
const peers: SyncPeer[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

const sum = (name: string) => peers.reduce((total, peer) => total + peer.metric(name), 0);

/** Two peers with ground entries: so many that only one has, that only the other has, and that both have. */
async function meet(onlyA: number, onlyB: number, both: number): Promise<void> {
  const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(3) });
  const crypto = nodeCrypto();
  for (const number of [1, 2]) peers.push(await SyncPeer.start({ hub, space, number }));
  const [a, b] = peers as [SyncPeer, SyncPeer];
  for (let n = 0; n < onlyA + onlyB + both; n++) {
    const author = await TestAuthor.create(space, crypto, 100 + n);
    grinders.add(bytesToHex(author.publicKey));
    const run = await author.run(author.chain(1));
    if (n < onlyA + both) await a.take(run);
    if (n < both || n >= onlyA + both) await b.take(run);
  }
  await a.write(1);
  await b.write(1);
  await a.connect(b);
  await converged([a, b], 2 + onlyA + onlyB + both);
}

test.each([
  ['one each, which hide each other', 1, 1, 0],
  ['two that only one has, which cannot be read', 2, 0, 0],
  ['one that only one has, beside one that both have', 1, 0, 1],
  ['five here, three there and four in both', 5, 3, 4],
])('%s: two honest peers converge down the trie, and nobody is blamed', async (_, onlyA, onlyB, both) => {
  await meet(onlyA, onlyB, both);
  for (const peer of peers) {
    const faults = peer.metrics.snapshot().filter(({ name }) => name === 'sync_faults');
    expect(faults).toEqual([]);
  }
  if (both === 0) expect(sum('trie_nodes_served')).toBeGreaterThan(0);
});

test('a chain that grows from one ground entry to another still converges', async () => {
  await meet(1, 1, 1);
  const [a, b] = peers as [SyncPeer, SyncPeer];
  grinders.add(bytesToHex(a.author.publicKey));
  for (let n = 0; n < 3; n++) {
    await a.write(1);
    await b.write(1);
    await a.sync.sync();
    await converged([a, b], 5 + 2 * (n + 1));
  }
});
