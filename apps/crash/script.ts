/**
 * A fixed sequence of everything that writes, over a store that fails somewhere in it: what fails must
 * say so with a code of its own, and what comes after must work.
 */
import { isAverError } from '../../src/base/errors.ts';
import type { Store } from '../../src/base/ports.ts';
import type { Peer, Space } from '../../src/peer/api.ts';
import { Hub, openSpace } from './peers.ts';
import { claimsOf } from './workload.ts';
import type { Said } from './writer.ts';

export interface ScriptOptions {
  readonly openStore: () => Promise<Store>;
  readonly say: (said: Said) => void;
}

/** What a failing disk may be called; anything else is a defect. */
const CODES = ['STORE_FAILED', 'STORE_FULL', 'STORE_CORRUPT'];
const OPENINGS_MAX = 3;
/** A sync that failed is tried again after a pause. */
const SETTLE_MS = 8000;

/** Resolves with the codes of what failed. Throws what has none, and where the end of it fails, too. */
export async function runScript({ openStore, say }: ScriptOptions): Promise<string[]> {
  const failed: string[] = [];
  const attempt = async <Result>(step: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await step();
    } catch (error) {
      if (!CODES.some((code) => isAverError(error, code as 'STORE_FAILED'))) throw error;
      failed.push((error as { code: string }).code);
      return undefined;
    }
  };
  const write = async (space: Space, name: string): Promise<string> => {
    say({ type: 'wants', name });
    const { id } = await space.assert(claimsOf(name));
    say({ type: 'wrote', name, id });
    return id;
  };
  const hub = new Hub();
  const [peer, space] = await open(hub, openStore, attempt, say);
  const names = ['put-0-0-0', 'put-0-0-1', 'bulk-0-0-2', 'blob-0-0-3', 'put-0-0-4'];
  for (const name of names) await attempt(() => write(space, name));
  const together = [0, 1, 2, 3].map((i) => attempt(() => write(space, `put-0-1-${i}`)));
  const [first] = await Promise.all(together);
  if (first !== undefined) await attempt(() => erase(space, first, say));
  await hearNeighbour(hub, peer, space, say);
  const last = await attempt(() => write(space, 'put-0-0-5'));
  // Whatever failed once does not fail again.
  if (last === undefined) await write(space, 'put-0-0-6');
  await attempt(() => peer.stop());
  return failed;
}

async function open(
  hub: Hub,
  openStore: () => Promise<Store>,
  attempt: <Result>(step: () => Promise<Result>) => Promise<Result | undefined>,
  say: (said: Said) => void,
): Promise<[Peer, Space]> {
  for (let i = 0; i < OPENINGS_MAX; i++) {
    const peer = await attempt(async () => hub.start(await openStore()));
    if (peer === undefined) continue;
    for (let j = 0; j < OPENINGS_MAX; j++) {
      const opened = await attempt(() => openSpace(peer));
      if (opened === undefined) continue;
      say({ type: 'created', space: opened.space.id });
      return [peer, opened.space];
    }
    await peer.stop();
  }
  throw new Error('It cannot be opened although only one call failed.');
}

async function erase(space: Space, id: string, say: (said: Said) => void): Promise<void> {
  say({ type: 'erases', id });
  await space.erase(id);
  say({ type: 'erased', id });
}

/** What a neighbour writes is here in the end, whatever failed meanwhile. */
async function hearNeighbour(hub: Hub, peer: Peer, space: Space, say: (said: Said) => void): Promise<void> {
  const neighbour = await hub.neighbour(peer, space);
  try {
    const names = ['put-0-n-0', 'blob-0-n-1'];
    for (const name of names) say({ type: 'wants', name });
    const ids: string[] = [];
    for (const name of names) ids.push((await neighbour.space.assert(claimsOf(name))).id);
    await neighbour.space.settled({ replicas: 1, signal: AbortSignal.timeout(SETTLE_MS) });
    say({ type: 'holds', ids });
  } finally {
    await neighbour.peer.stop();
  }
}
