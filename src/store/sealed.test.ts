import { expect, test } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import { memoryStore } from './memory.ts';
import { sealed } from './sealed.ts';

const durable = { durable: true };

test('a sealed row with any one bit wrong, cut anywhere or under another key is damaged, and named', async () => {
  const bare = memoryStore();
  const store = sealed(bare);
  const key = utf8('key');
  await store.write([{ key, value: utf8('value') }], durable);
  expect(await store.get(key)).toEqual(utf8('value'));
  const row = (await bare.get(key)) as Uint8Array;
  const wrong = [
    ...Array.from({ length: row.length * 8 }, (_, bit) =>
      row.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
    ),
    ...Array.from({ length: row.length }, (_, length) => row.subarray(0, length)),
  ];
  for (const value of wrong) {
    await bare.write([{ key, value }], durable);
    await expect(store.get(key)).rejects.toMatchObject({ code: 'STORE_CORRUPT', fields: { key: '6b6579' } });
    await expect(store.getMany([key])).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  }
  await bare.write([{ key: utf8('kez'), value: row }], durable);
  await expect(store.get(utf8('kez'))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('an empty value and a row that is deleted pass through', async () => {
  const store = sealed(memoryStore());
  const [a, b] = [utf8('a'), utf8('b')];
  await store.write(
    [
      { key: a, value: new Uint8Array(0) },
      { key: b, value: utf8('x') },
    ],
    durable,
  );
  await store.write([{ key: b, value: undefined }], durable);
  const rows = await Array.fromAsync(store.range({ gte: a, lt: utf8('c') }));
  expect(rows).toEqual([[a, new Uint8Array(0)]]);
});
