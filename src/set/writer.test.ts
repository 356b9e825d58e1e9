import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeHeader } from '../assertion/codec.ts';
import { type Assertion, lastOf, type Run } from '../assertion/model.ts';
import { hasPow } from '../assertion/pow.ts';
import { compareBytes, utf8 } from '../base/bytes.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Crypto } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { type FaultyStore, faultyStore } from '../testing/faulty-store.ts';
import { openTestReplica, type TestReplica } from '../testing/test-replica.ts';
import { admitMessage, type SpaceIdentity } from './genesis.ts';
import type { Replica } from './replica.ts';
import { type Draft, Writer } from './writer.ts';

const space = testSpace();
let signatures = 0;
const native = nodeCrypto();
const crypto: Crypto = {
  ...native,
  sign: (seed, message) => {
    signatures++;
    return native.sign(seed, message);
  },
};
let store: FaultyStore;
let opened: TestReplica;
let replica: Replica;
let author: TestAuthor;
let writer: Writer;
let written: Run[];

beforeAll(loadFastHash);
beforeEach(() => open(space));

async function open(at: SpaceIdentity): Promise<void> {
  signatures = 0;
  store = faultyStore(memoryStore());
  opened = await openTestReplica(at, crypto, { store });
  replica = opened.replica;
  author = await TestAuthor.create(at, crypto, 1);
  writer = new Writer(replica, author.key, crypto, opened.hlc);
  written = [];
  replica.events.on('visible', (runs) => written.push(...runs));
}

function draft(text: string, parents: readonly Uint8Array[] = []): Draft {
  return { kind: 1, payload: utf8(text), parents };
}

test('a write right after another one resolved is written too', async () => {
  for (let i = 1; i <= 5; i++) expect((await writer.write(draft('x'))).seq).toBe(i);
  expect(replica.count).toBe(5);
});

test('a hundred writes at once become one run with one signature', async () => {
  const assertions = await Promise.all(Array.from({ length: 100 }, (_, i) => writer.write(draft(`${i}`))));
  expect(assertions.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect([written.length, signatures]).toEqual([1, 1]);
  expect(replica.count).toBe(100);
});

test('more than a run holds is cut into runs, each within its limits', async () => {
  const big = { kind: 1, payload: new Uint8Array(20_000), parents: [] };
  const many = Array.from({ length: 300 }, (_, i) => writer.write(draft(`${i}`)));
  await Promise.all([...many, ...Array.from({ length: 7 }, () => writer.write(big))]);
  expect(written.map(({ assertions }) => assertions.length)).toEqual([128, 128, 46, 3, 2]);
  for (let arrival = 0; arrival < written.length; arrival++) {
    expect(lastOf(await replica.journal.run(arrival)).id).toEqual(lastOf(written[arrival] as Run).id);
  }
});

test('what is written can be checked by others, and continues after a restart', async () => {
  await Promise.all([writer.write(draft('a')), writer.write(draft('b'))]);
  await replica.close();
  const again = await openTestReplica(space, crypto, { store });
  const next = await new Writer(again.replica, author.key, crypto, again.hlc).write(draft('c'));
  expect(next.seq).toBe(3);
  const other = await openTestReplica(space, crypto);
  const runs = [await again.replica.journal.run(0), await again.replica.journal.run(1)];
  expect(await other.replica.ingest(runs, { from: 'peer', via: 'pull' })).toMatchObject({ accepted: 3 });
});

describe('what an assertion builds on', () => {
  test('is sorted and unique, at most sixteen, and older than it', async () => {
    const bob = await TestAuthor.create(space, crypto, 2);
    const past = bob.chain(20);
    await replica.ingest([await bob.run(past)], { from: 'bob', via: 'push' });
    const ids = past.map(({ id }) => id).reverse();
    const { parents, hlc } = await writer.write(draft('x', [...ids, ...ids]));
    expect(parents).toEqual(ids.slice(0, 16).sort(compareBytes));
    expect(hlc.time).toBeGreaterThan((past[19] as Assertion).hlc.time);
  });

  test('gives it a later time, however far ahead that is', async () => {
    const bob = await TestAuthor.create(space, crypto, 2);
    const time = BigInt(opened.clock.nowMs() + 110_000) * 1_000_000n;
    const ahead = bob.next(undefined, { hlc: { time, counter: 3 } });
    await replica.ingest([await bob.run([ahead])], { from: 'bob', via: 'push' });
    expect((await writer.write(draft('x', [ahead.id]))).hlc).toEqual({ time, counter: 4 });
  });

  test('must be here: the write is refused alone, and leaves no gap and no fork', async () => {
    const bob = await TestAuthor.create(space, crypto, 2);
    const unknown = bob.next(undefined);
    const writes = [draft('a'), draft('b', [unknown.id]), draft('c')].map((each) => writer.write(each));
    await expect(writes[1]).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await writes[0])?.seq).toBe(1);
    expect((await writes[2])?.seq).toBe(2);
    expect(replica.pendingCount).toBe(0);
    await replica.ingest([await bob.run([unknown])], { from: 'bob', via: 'push' });
    expect((await writer.write(draft('b', [unknown.id]))).seq).toBe(3);
    expect(replica.frontier.tipsOf(author.publicKey)).toHaveLength(1);
  });
});

test.each(['STORE_FULL', 'STORE_FENCED', 'STORE_FAILED'] as const)(
  '%s reaches the caller, nothing is visible, and the next write has the right seq',
  async (code) => {
    await writer.write(draft('a'));
    store.failNext('write', code);
    const failing = [writer.write(draft('b')), writer.write(draft('c'))];
    for (const each of failing) await expect(each).rejects.toMatchObject({ code });
    expect([replica.count, written.length]).toEqual([1, 1]);
    expect((await writer.write(draft('d'))).seq).toBe(2);
    expect(await replica.journal.run(1)).toMatchObject({ assertions: [{ seq: 2, payload: utf8('d') }] });
  },
);

test('a clock that jumps back far keeps writing: the own chain is never held here', async () => {
  const first = await writer.write(draft('a'));
  opened.clock.jump(-3_600_000);
  const second = await writer.write(draft('b'));
  expect(second.hlc).toEqual({ time: first.hlc.time, counter: first.hlc.counter + 1 });
});

test('two writers with one key fork the chain, and both branches stay', async () => {
  const twin = new Writer(replica, author.key, crypto, opened.hlc);
  await Promise.all([writer.write(draft('one')), twin.write(draft('two'))]);
  expect(replica.frontier.tipsOf(author.publicKey).map(({ seq }) => seq)).toEqual([1, 1]);
  const next = await writer.write(draft('three'));
  expect(next.seq).toBe(2);
  expect(replica.frontier.tipsOf(author.publicKey)).toHaveLength(2);
});

describe('a write is refused', () => {
  test('when it is too large, and the largest one that is not is stored and read', async () => {
    const payload = new Uint8Array(limits.assertionBytesMax);
    await expect(writer.write({ kind: 1, payload, parents: [] })).rejects.toMatchObject({ code: 'OVERSIZE' });
    const largest = payload.subarray(0, limits.assertionBytesMax - 200);
    const { id, payloadSize } = await writer.write({ kind: 1, payload: largest, parents: [] });
    expect(payloadSize).toBe(largest.length);
    expect((await replica.journal.find(id))?.payload).toEqual(largest);
  });

  test('when a parent is no id', async () => {
    await expect(writer.write(draft('x', [new Uint8Array(31)]))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('when it was cancelled before its turn', async () => {
    const controller = new AbortController();
    const first = writer.write(draft('a'));
    const second = writer.write(draft('b'), controller);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await first).seq).toBe(1);
    expect(replica.count).toBe(1);
  });

  test('when the key is retired, also while it waits', async () => {
    const waiting = writer.write(draft('a'));
    writer.retire();
    await expect(waiting).rejects.toMatchObject({ code: 'AUTHOR_RETIRED' });
    await expect(writer.write(draft('b'))).rejects.toMatchObject({ code: 'AUTHOR_RETIRED' });
    expect(replica.count).toBe(0);
  });

  test('when too many wait', async () => {
    const all = Array.from({ length: limits.writeQueueMax + 1 }, () => writer.write(draft('x')));
    await expect(all.at(-1)).rejects.toMatchObject({ code: 'BUSY' });
    await Promise.all(all.slice(0, -1));
    expect(replica.count).toBe(limits.writeQueueMax);
  });
});

test('close waits for what is being written', async () => {
  let isDone = false;
  void writer.write(draft('a')).then(() => {
    isDone = true;
  });
  await writer.close();
  await undefined;
  expect(isDone).toBe(true);
});

test('the first assertions carry the work that the genesis demands', async () => {
  await open(
    testSpace({
      pow: [
        [2, 10],
        [3, 4],
      ],
    }),
  );
  const assertions = await Promise.all([1, 2, 3, 4].map((i) => writer.write(draft(`${i}`))));
  expect(assertions.map((each, i) => hasPow(each, [10, 10, 4, 0][i] as number))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(assertions.map(({ proof }) => proof !== null)).toEqual([true, true, true, false]);
});

describe('in an invited space', () => {
  test('the first assertion carries the admission, or there is none', async () => {
    const root = await TestAuthor.create(space, crypto, 9);
    await open(testSpace({ write: 'invited', admitters: [root.publicKey] }));
    await expect(writer.write(draft('x'))).rejects.toMatchObject({ code: 'NOT_ADMITTED' });
    const message = admitMessage(replica.space.id, author.publicKey);
    const admit = [{ admitter: 0, signature: await crypto.sign(root.key.seed, message) }];
    const admitted = new Writer(replica, { ...author.key, admit }, crypto, opened.hlc);
    expect((await admitted.write(draft('x'))).proof).toEqual({ pow: null, admit });
    expect((await admitted.write(draft('y'))).proof).toBeNull();
  });
});

test('no header is larger than the writer reckons', async () => {
  const hash = new Uint8Array(32);
  const header = encodeHeader({
    space: hash,
    kind: 0xffff,
    author: hash,
    seq: Number.MAX_SAFE_INTEGER,
    prev: hash,
    parents: new Array(16).fill(hash),
    hlc: { time: 2n ** 64n - 1n, counter: 0xffffffff },
    payloadHash: hash,
    payloadSize: limits.assertionBytesMax,
    basis: null,
    proof: {
      pow: new Uint8Array(8),
      admit: [60, 61, 62, 63].map((admitter) => ({ admitter, signature: new Uint8Array(64) })),
    },
  });
  expect(header.length).toBeLessThanOrEqual(200 + 16 * 34 + 300);
  expect(header.length - 16 * 34 - 4 * 69).toBeLessThanOrEqual(200);
});
