import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Claim, CONFIDENCE_ONE, encodeClaims } from '../assertion/claims.ts';
import { type Assertion, kinds } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { TestAuthor, type TestDraft, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { ClaimQuery } from './journal.ts';
import type { Replica, Source } from './replica.ts';

const crypto = nodeCrypto();
const space = testSpace();
const pull: Source = { from: 'peer', via: 'pull' };
let alice: TestAuthor;
let bob: TestAuthor;
let replica: Replica;

beforeAll(loadFastHash);
beforeEach(async () => {
  alice = await TestAuthor.create(space, crypto, 1);
  bob = await TestAuthor.create(space, crypto, 2);
  replica = (await openTestReplica(space, crypto)).replica;
});

function claims(...triples: readonly (readonly [string, string, Claim['object']])[]): TestDraft {
  const list = triples.map(([subject, predicate, object]) => ({
    subject,
    predicate,
    object,
    confidence: CONFIDENCE_ONE,
  }));
  return { kind: kinds.claim, payload: encodeClaims(list) };
}

async function found(query: ClaimQuery): Promise<string[]> {
  const texts: string[] = [];
  for await (const { claim, claimIndex } of replica.journal.claims(query)) {
    texts.push(`${claim.subject} ${claim.predicate} ${claim.object} ${claimIndex}`);
  }
  return texts;
}

describe('claims', () => {
  beforeEach(async () => {
    const a1 = alice.next(undefined, claims(['b', 'p', 1], ['a', 'q', 2], ['a', 'p', 3]));
    const a2 = alice.next(a1, claims(['ab', 'p', 4]));
    const b1 = bob.next(undefined, { ...claims(['a', 'p', 5]), parents: [a2] });
    const b2 = bob.next(b1, {
      payload: encodeClaims([{ subject: 'a', predicate: 'p', object: 9, confidence: 1 }]),
    });
    await replica.ingest([await alice.run([a1, a2]), await bob.run([b1, b2])], pull);
  });

  test('come by subject and predicate, then by time', async () => {
    expect(await found({ order: 'subject' })).toEqual([
      'a p 3 2',
      'a p 5 0',
      'a q 2 1',
      'ab p 4 0',
      'b p 1 0',
    ]);
    expect(await found({ order: 'subject', subject: { exact: 'a' } })).toEqual([
      'a p 3 2',
      'a p 5 0',
      'a q 2 1',
    ]);
    expect(await found({ order: 'subject', subject: { prefix: 'a' }, predicate: 'p' })).toEqual([
      'a p 3 2',
      'a p 5 0',
      'ab p 4 0',
    ]);
    expect(await found({ order: 'subject', subject: { exact: 'a' }, predicate: 'p', reverse: true })).toEqual(
      ['a p 5 0', 'a p 3 2'],
    );
    expect(await found({ order: 'subject', subject: { exact: 'x' } })).toEqual([]);
  });

  test('come in order of arrival, or of time, both ways', async () => {
    const all = ['b p 1 0', 'a q 2 1', 'a p 3 2', 'ab p 4 0', 'a p 5 0'];
    expect(await found({ order: 'arrival' })).toEqual(all);
    expect(await found({ order: 'hlc' })).toEqual(all);
    expect(await found({ order: 'hlc', predicate: 'q' })).toEqual(['a q 2 1']);
    const [newest] = await found({ order: 'hlc', reverse: true });
    expect(newest).toBe('a p 5 0');
  });

  test('of one assertion come backwards too when read backwards', async () => {
    expect(await found({ order: 'arrival', reverse: true })).toEqual([
      'a p 5 0',
      'ab p 4 0',
      'a p 3 2',
      'a q 2 1',
      'b p 1 0',
    ]);
  });

  test('since a time come from the runs that end then or later', async () => {
    const [tip] = replica.frontier.tipsOf(bob.publicKey);
    expect(await found({ order: 'hlc', sinceNs: tip?.hlc.time ?? 0n })).toEqual(['a p 5 0']);
  });

  test('that are erased are found no more', async () => {
    const [tip] = replica.frontier.tipsOf(alice.publicKey);
    await replica.erase(tip?.id as Uint8Array);
    expect(await found({ order: 'subject', subject: { exact: 'ab' } })).toEqual([]);
    expect(await found({ order: 'arrival' })).toHaveLength(4);
  });
});

test('names that contain each other do not mix', async () => {
  const run = await alice.run([
    alice.next(
      undefined,
      claims(['a', 'pp', 1], ['a', 'p', 2], ['ap', 'p', 3], ['a\u0001', 'p', 4], ['é', 'p', 5]),
    ),
  ]);
  await replica.ingest([run], pull);
  expect(await found({ order: 'subject', subject: { exact: 'a' }, predicate: 'p' })).toEqual(['a p 2 1']);
  expect(await found({ order: 'subject', subject: { exact: 'a' } })).toEqual(['a p 2 1', 'a pp 1 0']);
  expect(await found({ order: 'subject', subject: { prefix: '' } })).toHaveLength(5);
});

test('claims that came erased are found once they are restored', async () => {
  const full = alice.next(undefined, claims(['a', 'p', 1]));
  await replica.ingest([await alice.run([{ ...full, payload: undefined }])], pull);
  expect(await found({ order: 'subject' })).toEqual([]);
  await replica.restore(full);
  expect(await found({ order: 'subject' })).toEqual(['a p 1 0']);
});

describe('a chain', () => {
  let chain: Assertion[];
  beforeEach(async () => {
    chain = alice.chain(10);
    const fork = alice.chain(2, chain[5], () => ({ kind: 8 }));
    await replica.ingest(
      [
        await alice.run(chain.slice(0, 4)),
        await alice.run(chain.slice(4, 8)),
        await alice.run(chain.slice(8)),
        await alice.run(fork),
      ],
      pull,
    );
  });

  test('is read by the runs that end within a range of seqs', async () => {
    const rows: [number, number, string][] = [];
    for await (const { firstSeq, lastSeq, lastId } of replica.journal.chain(alice.publicKey, 4, 8)) {
      rows.push([firstSeq, lastSeq, bytesToHex(lastId)]);
    }
    expect(rows).toHaveLength(3);
    expect(rows.map(([from, to]) => [from, to])).toEqual([
      [1, 4],
      [5, 8],
      [7, 8],
    ]);
    expect(rows[1]?.[2]).toBe(bytesToHex((chain[7] as Assertion).id));
  });

  test('of another author is empty', async () => {
    for await (const row of replica.journal.chain(bob.publicKey, 0, 100)) expect(row).toBeUndefined();
  });
});
