/**
 * A worker that uses a store as a tab does that stops in the middle of it: it hands over a write and a
 * read, says so, and hears nothing any more of what comes back.
 */
import { u32Bytes } from '../base/bytes.ts';
import { openIndexedDb } from './indexeddb.ts';
import type { Sizes } from './lsm/sizes.ts';

export interface StoppedWriter {
  readonly name: string;
  readonly sizes: Sizes;
}

/** More turns than it takes to hand something over. */
const TURNS = 100;

addEventListener('message', async ({ data: { name, sizes } }: MessageEvent<StoppedWriter>) => {
  const first = await openIndexedDb({ name, sizes });
  for (let i = 0; i < 100; i++)
    await first.write([{ key: u32Bytes(i), value: u32Bytes(i) }], { durable: false });
  await first.close();
  // With nothing in its caches: what it reads it asks for.
  const store = await openIndexedDb({ name, sizes });
  void store.get(u32Bytes(1));
  void store.write([{ key: u32Bytes(0), value: u32Bytes(1) }], { durable: true });
  for (let turn = 0; turn < TURNS; turn++) await undefined;
  postMessage('stopped');
  for (;;);
});
