/** What stands on the disk: damaged there, it must be named as damaged, or read as what it is. */
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import type { StoreOp } from '../../../src/base/ports.ts';
import { nodeCrypto } from '../../../src/crypto/crypto-node.ts';
import { Keyring } from '../../../src/peer/keyring.ts';
import { Journal } from '../../../src/set/journal.ts';
import * as keys from '../../../src/set/journal-keys.ts';
import { Block, packBlock } from '../../../src/store/lsm/block.ts';
import { openLogStore } from '../../../src/store/lsm/log-store.ts';
import { MemoryDisk } from '../../../src/store/lsm/memory-records.fixture.ts';
import { SEAL_BYTES, seal } from '../../../src/store/lsm/seal.ts';
import { decodeManifest, encodeManifest } from '../../../src/store/lsm/tables.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';
import type { Target } from '../target.ts';
import { rows, runs, space } from './samples.ts';

/** Its checksum put right: damage that no checksum shows, or somebody's work. */
function resealed(bytes: Uint8Array): Uint8Array {
  return bytes.length < SEAL_BYTES ? bytes : seal(bytes.slice());
}

function readBlock(bytes: Uint8Array): void {
  const block = new Block(bytes);
  const count = Math.min(block.rows, 100);
  for (let row = 0; row < count; row++) {
    block.find(block.key(row));
    block.value(row);
  }
}

/** A store of which every row is what a stored space has there, one of them spoiled. */
async function journalRows(seed: number): Promise<StoreOp[]> {
  const store = memoryStore();
  const journal = new Journal(store, space.id);
  const ops = (await runs(4, seed)).flatMap((run, arrival) => journal.opsOf(run, arrival));
  const { author } = (await runs(1, seed))[0] as { author: Uint8Array };
  const tip = { author, id: author, seq: 3, hlc: { time: 1n, counter: 0 } };
  return [
    ...ops,
    { key: keys.tipKey(tip), value: keys.encodeTip(tip) },
    { key: keys.countersKey, value: keys.encodeCounters({ arrivals: 9, assertions: 20 }) },
  ];
}

/** A row as one input: a byte for the length of its key, the key, the value. */
const asInput = ({ key, value }: StoreOp) =>
  concatBytes(Uint8Array.of(key.length), key, value ?? new Uint8Array(0));

async function readJournal(bytes: Uint8Array): Promise<void> {
  const length = bytes[0] ?? 0;
  const [key, value] = [bytes.slice(1, 1 + length), bytes.slice(1 + length)];
  if (key.length === 0) return;
  const store = memoryStore();
  await store.write([{ key, value }], { durable: false });
  const journal = new Journal(store, space.id);
  await journal.counters();
  for await (const _ of journal.tips());
  if (key.length === 33) await journal.places([key.subarray(1)]);
  for await (const _ of journal.chain(key.subarray(1, 33), 0, 2 ** 40));
  await journal.wanted(10);
  for (const order of ['subject', 'hlc', 'arrival'] as const)
    for await (const _ of journal.claims({ order }));
  await journal.loadFilter();
  await journal.close(1);
}

async function readKeyring(value: Uint8Array): Promise<void> {
  const store = memoryStore();
  const keyring = new Keyring(store, new SeededRandom(1), nodeCrypto());
  await store.write(
    [utf8('space/x'), concatBytes(utf8('author/'), space.id)].map((key) => ({ key, value })),
    { durable: false },
  );
  const failed = async (action: () => Promise<unknown>) => {
    try {
      await action();
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const errors = [
    await failed(() => keyring.authorOf(space.id)),
    await failed(async () => {
      for await (const _ of keyring.spaces());
    }),
  ];
  for (const error of errors) if (error !== undefined) throw error;
}

async function keyringRows(): Promise<Uint8Array[]> {
  const store = memoryStore();
  const keyring = new Keyring(store, new SeededRandom(1), nodeCrypto());
  await keyring.saveSpace({ space, addresses: ['/ip4/127.0.0.1/tcp/1'] });
  await keyring.saveAuthor(space.id, new Uint8Array(32), [{ admitter: 1, signature: new Uint8Array(64) }]);
  const values: Uint8Array[] = [];
  for await (const [, value] of store.range({ gte: utf8('a'), lt: utf8('z') })) values.push(value);
  return values;
}

export const storeTargets: readonly Target[] = [
  {
    name: 'store block',
    kind: 'bytes',
    sound: (seed) => [packBlock(rows(seed)), packBlock(rows(seed).slice(0, 1)), packBlock([])],
    decode: (bytes) => readBlock(bytes) as undefined,
    share: 0.3,
  },
  {
    name: 'store block, resealed',
    kind: 'bytes',
    sound: (seed) => [packBlock(rows(seed)), packBlock(rows(seed).slice(0, 1)), packBlock([])],
    decode: (bytes) => readBlock(resealed(bytes)) as undefined,
  },
  {
    name: 'store log',
    kind: 'bytes',
    sound: (seed) => [packBlock(rows(seed))],
    decode: async (bytes) => {
      const disk = new MemoryDisk();
      disk.state = { ...disk.state, log: [resealed(bytes)] };
      const store = openLogStore(disk.open());
      for await (const _ of store.range({ gte: utf8('k'), lt: utf8('l') }));
      await store.close();
      return undefined;
    },
    share: 0.3,
  },
  {
    name: 'store manifest, resealed',
    sound: (seed) => {
      const [first, last] = rows(seed).map(({ key }) => key) as [Uint8Array, Uint8Array];
      const parts = [{ id: 1, blocks: 3, bytes: 900, first, last }];
      return [
        { nextPart: 1, tables: [] },
        {
          nextPart: 9,
          tables: [
            { parts, from: first, inputs: 0 },
            { parts, from: new Uint8Array(0), inputs: 1 },
          ],
        },
      ].map((manifest) => encodeManifest(manifest).slice(0, -SEAL_BYTES));
    },
    decode: (bytes) => {
      const record = seal(concatBytes(bytes, new Uint8Array(SEAL_BYTES)));
      return encodeManifest(decodeManifest(record)).slice(0, -SEAL_BYTES);
    },
  },
  {
    name: 'journal row',
    isWhole: false,
    kind: 'bytes',
    sound: async (seed) => (await journalRows(seed)).map(asInput),
    decode: (bytes) => readJournal(bytes) as Promise<undefined>,
    share: 0.5,
  },
  {
    name: 'keyring row',
    isWhole: false,
    sound: keyringRows,
    decode: (bytes) => readKeyring(bytes) as Promise<undefined>,
    share: 0.1,
  },
];
