import { beforeAll, beforeEach, expect, test } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import type { Store } from '../base/ports.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { memoryStore } from '../store/memory.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { Journal } from './journal.ts';
import { blockKey } from './journal-keys.ts';

const space = testSpace();
let store: Store;
let journal: Journal;
let damaged: number[];

beforeAll(() => loadFastHash());

beforeEach(async () => {
  store = memoryStore();
  damaged = [];
  journal = new Journal(store, space.id, (arrival) => damaged.push(arrival));
  const author = await TestAuthor.create(space, nodeCrypto(), 1);
  const [first, second] = author.chain(2);
  if (first === undefined || second === undefined) throw new Error('There are two.');
  const ops = [
    ...journal.opsOf(await author.run([first]), 0),
    ...journal.opsOf(await author.run([second]), 1),
  ];
  await store.write(ops, { durable: true });
});

async function put(value: Uint8Array | undefined): Promise<void> {
  await store.write([{ key: blockKey(0), value }], { durable: true });
}

test('a stored run with any one bit wrong is damaged, and so is one of any other length', async () => {
  const whole = (await store.get(blockKey(0))) as Uint8Array;
  expect((await journal.blocks([0]))[0]?.length).toBe(whole.length - 4);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    await put(whole.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
    expect((await journal.blocks([0]))[0]).toBeUndefined();
  }
  for (const other of [
    new Uint8Array(0),
    whole.slice(0, -1),
    whole.slice(1),
    new Uint8Array([...whole, 0]),
  ]) {
    await put(other);
    expect((await journal.blocks([0]))[0]).toBeUndefined();
  }
});

test.each([
  ['damaged', new Uint8Array(100)],
  ['missing', undefined],
])(
  'who reads a run that is %s hears of it, the others are read, and it is reported once',
  async (_, value) => {
    await put(value);
    const bytes = await journal.blocks([0, 1]);
    expect(bytes.map((each) => each === undefined)).toEqual([true, false]);
    await expect(journal.run(0)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect((await journal.run(1)).assertions).toHaveLength(1);
    expect(damaged).toEqual([0]);
  },
);

test('whoever reads all runs in order does not get past one that is damaged', async () => {
  await put(new Uint8Array(100));
  const reading = async () => {
    for await (const _ of journal.runs());
  };
  await expect(reading()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});
