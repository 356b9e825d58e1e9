import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Claim, CONFIDENCE_ONE, encodeClaims } from '../assertion/claims.ts';
import { type Assertion, kinds } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { bytesToHex } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { loadFastHash } from '../base/hash.ts';
import type { Store } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, type TestDraft, testSpace } from '../testing/chains.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import type { ClaimQuery } from './claim-reader.ts';
import * as keys from './journal-keys.ts';
import type { Replica, Source } from './replica.ts';

const crypto = nodeCrypto();
const space = testSpace();
const pull: Source = { from: 'peer', via: 'pull' };
let alice: TestAuthor;
let bob: TestAuthor;
let replica: Replica;
let store: Store;

beforeAll(loadFastHash);
beforeEach(async () => {
  alice = await TestAuthor.create(space, crypto, 1);
  bob = await TestAuthor.create(space, crypto, 2);
  ({ replica, store } = await openTestReplica(space, crypto));
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

describe('a claim found by its subject', () => {
  /** What readers are told of each claim, whatever the order they ask for. */
  async function told(order: ClaimQuery['order']): Promise<string[]> {
    const records = await Array.fromAsync(replica.journal.claims({ order }));
    return records
      .map(({ claim, claimIndex, assertion: { id, author, seq, hlc } }) =>
        [bytesToHex(id), bytesToHex(author), seq, hlc.time, hlc.counter, claimIndex, claim.object].join(' '),
      )
      .sort();
  }

  test('names the assertion that makes it as the decoded run does', async () => {
    let n = 0;
    const list = (count: number) =>
      claims(...Array.from({ length: count }, () => [`s${(n * 7) % 50}`, 'p', n++] as const));
    const sizes = [1, 3, 200, 1, 64, 2];
    const a = alice.chain(6, undefined, (i) => list(sizes[i] as number));
    const b = bob.chain(6, undefined, (i) => ({
      ...list(sizes[5 - i] as number),
      parents: [a[i] as Assertion],
    }));
    await replica.ingest([await alice.run(a), await bob.run(b.slice(0, 4)), await bob.run(b.slice(4))], pull);
    const bySubject = await told('subject');
    expect(bySubject).toHaveLength(2 * 271);
    expect(bySubject).toEqual(await told('arrival'));
    // Once more from what is cached now.
    expect(await told('subject')).toEqual(bySubject);
  });

  test('is gone once it is erased, although its block was read before', async () => {
    const chain = alice.chain(3, undefined, (i) => claims(['a', 'p', i]));
    await replica.ingest([await alice.run(chain)], pull);
    expect(await found({ order: 'subject' })).toEqual(['a p 0 0', 'a p 1 0', 'a p 2 0']);
    await replica.erase((chain[1] as Assertion).id);
    expect(await found({ order: 'subject' })).toEqual(['a p 0 0', 'a p 2 0']);
  });

  test('is left out when it is erased while the query runs', async () => {
    const chain = alice.chain(2, undefined, (i) => claims(['a', 'p', i]));
    await replica.ingest([await alice.run(chain)], pull);
    const seen: unknown[] = [];
    for await (const { claim } of replica.journal.claims({ order: 'subject' })) {
      seen.push(claim.object);
      await replica.erase((chain[1] as Assertion).id);
    }
    expect(seen).toEqual([0]);
  });
});

test('a block that was read while a claim in it was erased does not answer afterwards', async () => {
  const held = faultyStore(memoryStore());
  ({ replica, store } = await openTestReplica(space, crypto, { store: held }));
  const chain = alice.chain(2, undefined, (i) => claims(['a', 'p', i]));
  await replica.ingest([await alice.run(chain)], pull);
  const letGo = held.holdNextGet();
  const reading = found({ order: 'subject' });
  await replica.erase((chain[1] as Assertion).id);
  letGo();
  await reading;
  expect(await found({ order: 'subject' })).toEqual(['a p 0 0']);
});

describe('where the store is damaged, a claim', () => {
  async function codeWhere(damage: (block: Uint8Array) => Promise<Uint8Array> | Uint8Array): Promise<string> {
    const chain = alice.chain(2, undefined, (i) => claims(['a', 'p', i], ['b', 'q', i]));
    await replica.ingest([await alice.run(chain)], pull);
    const key = keys.blockKey(0);
    const block = (await store.get(key)) as Uint8Array;
    await store.write([{ key, value: await damage(block) }], { durable: true });
    return found({ order: 'subject', subject: { exact: 'b' } }).then(
      String,
      (error: AverError) => error.code,
    );
  }

  test('is not made up from a block that is cut off', async () => {
    expect(await codeWhere((block) => block.slice(0, 60))).toBe('STORE_CORRUPT');
  });

  test('is not made up from the block of another run', async () => {
    const other = bob.chain(2, undefined, (i) => claims(['a', 'p', i], ['c', 'q', i]));
    const others = await bob.run(other);
    expect(await codeWhere(() => encodeRun(others))).toBe('STORE_CORRUPT');
  });

  test('is not made up from a shorter run', async () => {
    const short = await alice.run(alice.chain(1, undefined, () => claims(['b', 'q', 1])));
    expect(await codeWhere(() => encodeRun(short))).toBe('STORE_CORRUPT');
  });

  test('is not made up where its row names no assertion', async () => {
    await replica.ingest([await alice.run(alice.chain(1, undefined, () => claims(['b', 'q', 1])))], pull);
    for await (const [key] of store.range(keys.claimRange({ exact: 'b' })))
      await store.write([{ key, value: new Uint8Array(0) }], { durable: true });
    await expect(found({ order: 'subject' })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(replica.journal.newestClaims('b', 'q', 2n ** 63n, 2)).rejects.toThrow(AverError);
  });
});

test('the newest claims before a time are told newest first, from their rows alone', async () => {
  const chain = alice.chain(4, undefined, (i) => claims(['a', 'p', i], ['a', 'q', i]));
  const longer = alice.chain(1, chain[3], () => claims(['ab', 'p', 4]));
  await replica.ingest([await alice.run([...chain, ...longer])], pull);
  await store.write([{ key: keys.blockKey(0), value: undefined }], { durable: true });
  const newest = async (beforeNs: bigint, limit: number) =>
    (await replica.journal.newestClaims('a', 'p', beforeNs, limit)).map(bytesToHex);
  const ids = chain.map(({ id }) => bytesToHex(id));
  const times = chain.map(({ hlc }) => hlc.time);
  expect(await newest(2n ** 63n, 2)).toEqual([ids[3], ids[2]]);
  expect(await newest(times[3] as bigint, 2)).toEqual([ids[2], ids[1]]);
  expect(await newest(times[1] as bigint, 9)).toEqual([ids[0]]);
  expect(await newest(times[0] as bigint, 2)).toEqual([]);
  expect((await replica.journal.newestClaims('nobody', 'p', 2n ** 63n, 2)).length).toBe(0);
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
