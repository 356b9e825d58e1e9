/** What a peer shows that opens a store: to be held against what its runs hold. */
import { openLevelDb } from '../../src/store/leveldb.ts';
import { Hub } from './peers.ts';
import { digestOf } from './raw-set.ts';

export interface Shown {
  readonly root: string;
  readonly assertions: number;
  readonly facts: string;
}

export async function shownBy(directory: string, space: string): Promise<Shown> {
  const peer = await new Hub().start(await openLevelDb({ directory }));
  try {
    const opened = await peer.open(space);
    const { root, assertions } = await opened.status();
    return { root, assertions, facts: digestOf(await Array.fromAsync(opened.query())) };
  } finally {
    await peer.stop();
  }
}
