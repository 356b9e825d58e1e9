import { beforeAll, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { utf8 } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica, type TestReplica } from '../testing/test-replica.ts';
import { Writer } from './writer.ts';

const crypto = nodeCrypto();
const space = testSpace();
beforeAll(loadFastHash);

async function opened(number = 1): Promise<TestReplica & { writer: Writer; author: TestAuthor }> {
  const parts = await openTestReplica(space, crypto);
  const author = await TestAuthor.create(space, crypto, number);
  return { ...parts, author, writer: new Writer(parts.replica, author.key, crypto, parts.hlc) };
}

const draft = (text: string) => ({ kind: 1, payload: utf8(text), parents: [] });

test('a write right after another one resolved is written too', async () => {
  const { writer, replica } = await opened();
  for (let i = 1; i <= 5; i++) expect((await writer.write(draft('x'))).seq).toBe(i);
  expect(replica.count).toBe(5);
});
