import { expect, test } from 'vitest';
import type { Assertion, Run } from '../assertion/model.ts';
import { encodeRun } from '../assertion/run-codec.ts';
import { AverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { openTestReplica } from '../testing/test-replica.ts';
import { Inflow } from './inflow.ts';
import type { Link } from './link.ts';

const space = testSpace();
const crypto = nodeCrypto();
/** Runs of this payload fill several parts. */
const PAYLOAD = new Uint8Array(20_000);
const RUNS = 24;

async function chainOf(author: TestAuthor): Promise<Run[]> {
  const runs: Run[] = [];
  let before: Assertion | undefined;
  for (let i = 0; i < RUNS; i++) {
    before = author.next(before, { payload: PAYLOAD });
    runs.push(await author.run([before]));
  }
  return runs;
}

async function newInflow(author: TestAuthor, store?: Store) {
  const { replica, metrics } = await openTestReplica(space, crypto, store === undefined ? {} : { store });
  const faults: string[] = [];
  const link = { peerId: 'peer', fault: (code: string) => void faults.push(code) } as unknown as Link;
  const refused: number[] = [];
  let accepted = 0;
  const inflow = new Inflow({
    replica,
    link,
    ports: { clock: systemClock, metrics },
    ranges: [{ author: author.publicKey, seq: RUNS, id: new Uint8Array(32), have: [] }],
    onAccepted: (assertions) => {
      accepted += assertions;
    },
    onRefused: ({ seq }) => refused.push(seq),
  });
  return { inflow, replica, faults, refused, accepted: () => accepted };
}

test('a chunk of several parts enters whole, in order', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const { inflow, replica, accepted } = await newInflow(author);
  const chunk = (await chainOf(author)).map(encodeRun);
  expect(await inflow.take(chunk)).toBe(true);
  expect(await inflow.end()).toBe(true);
  expect([replica.count, replica.pendingCount, accepted()]).toEqual([RUNS, 0, RUNS]);
});

test('after a forged run no later part enters, and the peer is blamed', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const { inflow, replica, faults, refused } = await newInflow(author);
  const runs = await chainOf(author);
  const forged = runs.with(0, { ...(runs[0] as Run), signature: (runs[1] as Run).signature });
  await inflow.take(forged.map(encodeRun));
  expect(await inflow.end()).toBe(false);
  expect(await inflow.take([encodeRun(runs[0] as Run)])).toBe(false);
  expect(await inflow.end()).toBe(false);
  expect([replica.count, faults, refused]).toEqual([0, ['BAD_SIGNATURE'], [RUNS]]);
  // What waits came with the forged run; the parts after it did not.
  expect(replica.pendingCount).toBeLessThan(RUNS / 2);
});

test('runs that were not asked for are left out, and the peer is blamed', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const { inflow, replica, faults } = await newInflow(author);
  const other = await TestAuthor.create(space, crypto, 2);
  await inflow.take([encodeRun(await other.run([other.next(undefined)]))]);
  expect(await inflow.end()).toBe(true);
  expect([replica.count, faults]).toEqual([0, ['BAD_ENCODING']]);
});

test('bytes that are no run end it at once', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const { inflow, faults } = await newInflow(author);
  await expect(inflow.take([Uint8Array.of(1)])).rejects.toMatchObject({ code: 'BAD_ENCODING' });
  expect(faults).toEqual(['BAD_ENCODING']);
});

test('a store that fails is heard of, and nothing is visible', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  const full = async () => Promise.reject(new AverError('STORE_FULL', 'full'));
  const { inflow, replica } = await newInflow(author, Object.assign(memoryStore(), { write: full }));
  const chunk = (await chainOf(author)).map(encodeRun);
  await expect(inflow.take(chunk)).rejects.toMatchObject({ code: 'STORE_FULL' });
  await expect(inflow.end()).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(replica.count).toBe(0);
});

test('a store that fails leaves no failure unheard, however many parts were on their way', async () => {
  const author = await TestAuthor.create(space, crypto, 1);
  let fails: () => void = () => undefined;
  const failing = new Promise<void>((resolve) => {
    fails = resolve;
  });
  // The first part is being stored until the others are placed.
  const write = () => failing.then(() => Promise.reject(new AverError('STORE_FULL', 'full')));
  const { inflow } = await newInflow(author, Object.assign(memoryStore(), { write }));
  const unheard: unknown[] = [];
  const onUnheard = (error: unknown) => void unheard.push(error);
  process.on('unhandledRejection', onUnheard);
  const taking = inflow.take((await chainOf(author)).map(encodeRun));
  await new Promise((resolve) => setTimeout(resolve, 50));
  fails();
  await expect(taking).rejects.toMatchObject({ code: 'STORE_FULL' });
  await expect(inflow.end()).rejects.toMatchObject({ code: 'STORE_FULL' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', onUnheard);
  expect(unheard).toEqual([]);
});
