import { expect, test } from 'vitest';
import { bytesToHex } from '../base/bytes.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { Keyring } from './keyring.ts';

test('whoever asks at the first start, at the same time or later, gets one author and one peer', async () => {
  const store = memoryStore();
  const keyring = () => new Keyring(store, new SeededRandom(1), nodeCrypto());
  const first = keyring();
  const spaces = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
  const authors = await Promise.all([first.defaultAuthor(), ...spaces.map((space) => first.authorOf(space))]);
  const peers = await Promise.all([first.peerSeed(), first.peerSeed()]);
  authors.push(await keyring().defaultAuthor());
  peers.push(await keyring().peerSeed());
  expect(new Set(authors.map(({ seed }) => bytesToHex(seed))).size).toBe(1);
  expect(new Set(peers.map(bytesToHex)).size).toBe(1);
  expect(peers[0]).not.toEqual(authors[0]?.seed);
});

test('a store that failed to keep a seed gave none: the next who asks gets one that is kept', async () => {
  const store = memoryStore();
  let isFull = true;
  const write: typeof store.write = async (ops, options) => {
    if (isFull) throw new Error('full');
    await store.write(ops, options);
  };
  const failing = { get: (key: Uint8Array) => store.get(key), write } as typeof store;
  const keyring = new Keyring(failing, new SeededRandom(1), nodeCrypto());
  await expect(keyring.peerSeed()).rejects.toThrow('full');
  isFull = false;
  expect(await keyring.peerSeed()).toEqual(
    await new Keyring(store, new SeededRandom(2), nodeCrypto()).peerSeed(),
  );
});
