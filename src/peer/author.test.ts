import { expect, test, vi } from 'vitest';
import { msToNs } from '../assertion/hlc.ts';
import { kinds } from '../assertion/model.ts';
import { utf8 } from '../base/bytes.ts';
import { silentLog } from '../base/log.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { Author } from './author.ts';
import { Keyring } from './keyring.ts';

test('a disk that fails while a key is retired delays the new key, and breaks nothing', async () => {
  const space = testSpace();
  const crypto = nodeCrypto();
  const { replica, hlc, metrics } = await openTestReplica(space, crypto);
  const random = new SeededRandom(1);
  const store = faultyStore(memoryStore());
  const keyring = new Keyring(store, random, crypto);
  const elsewhere = await TestAuthor.create(space, crypto, 1);
  await keyring.saveAuthor(space.id, elsewhere.key.seed, null);
  const author = await Author.open(replica, keyring, { crypto, log: silentLog, metrics, random }, hlc);
  const { writer: old } = author;
  store.failNext('get', 'STORE_FAILED');
  await replica.ingest([await elsewhere.run(elsewhere.chain(1))], { from: 'elsewhere', via: 'pull' });
  await vi.waitFor(() => expect(author.writer).not.toBe(old));
  const written = await author.writer.write({ kind: kinds.claim, payload: utf8('x'), parents: [] });
  expect(written.author).not.toEqual(elsewhere.publicKey);
  await vi.waitFor(() => expect(replica.count).toBe(3)); // Theirs, the delegation, and this one.
});

test('a chain in the future keeps its author from writing after a restart too [STC-32]', async () => {
  const space = testSpace();
  const crypto = nodeCrypto();
  const { replica, hlc, metrics, clock } = await openTestReplica(space, crypto);
  const random = new SeededRandom(1);
  const keyring = new Keyring(memoryStore(), random, crypto);
  const self = await TestAuthor.create(space, crypto, 1);
  await keyring.saveAuthor(space.id, self.key.seed, null);
  const time = msToNs(clock.nowMs() + 600_000);
  await replica.ingest([await self.run([self.next(undefined, { hlc: { time, counter: 0 } })])], {
    from: 'self',
    via: 'own',
  });
  expect(() => hlc.assertWritable(clock.nowMs())).not.toThrow();
  await Author.open(replica, keyring, { crypto, log: silentLog, metrics, random }, hlc);
  expect(() => hlc.assertWritable(clock.nowMs())).toThrow(expect.objectContaining({ code: 'CLOCK_AHEAD' }));
});
