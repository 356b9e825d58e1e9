/** A full peer in a process of its own, reached by WebSocket: its facts are of several authors. */
import { join } from 'node:path';
import { createPeer, type Peer, type Space } from '../../src/node.ts';
import { claim } from './claims.ts';
import { serve } from './remote.ts';

/** Claims under way at once: one run of the largest size is being written while the next one fills. */
const WRITES_OPEN = 256;

let peer: Peer | undefined;
let space: Space | undefined;

const methods = {
  /** Returns an invite to a space of so many single-claim assertions, written in runs by so many authors. */
  async start(directory: string, count: number, authors: number): Promise<string> {
    const listen = { host: '127.0.0.1', tcp: 0, webSocket: 0, webRtcDirect: false };
    peer = await createPeer({ directory: join(directory, 'full'), listen } as Parameters<
      typeof createPeer
    >[0]);
    space = await peer.create({ name: 'bench', write: 'open', pow: [] } as Parameters<Peer['create']>[0]);
    const { text } = await space.invite();
    for (let i = 0; i < authors; i++) {
      const from = Math.floor((i * count) / authors);
      const to = Math.floor(((i + 1) * count) / authors);
      if (i === 0) await write(space, from, to);
      else await writeAs(join(directory, `author-${i}`), text, from, to);
    }
    return text;
  },

  root: async (): Promise<string> => (await space?.status())?.root ?? '',

  async stop(): Promise<void> {
    await peer?.stop();
  },
};

export type SourceMethods = typeof methods;

/** Another peer writes, and stops once the full one has it all. */
async function writeAs(directory: string, invite: string, from: number, to: number): Promise<void> {
  const listen = { host: '127.0.0.1', tcp: 0, webSocket: false, webRtcDirect: false };
  const author = await createPeer({ directory, listen } as Parameters<typeof createPeer>[0]);
  const its = await author.open(invite);
  await write(its, from, to);
  await its.settled({ replicas: 1 });
  await author.stop();
}

async function write(to: Space, from: number, below: number): Promise<void> {
  let next = from;
  const writer = async () => {
    while (next < below) await to.assert(claim(next++));
  };
  await Promise.all(Array.from({ length: WRITES_OPEN }, writer));
}

serve(methods);
