/** Many peers of one space in one process, over TCP; or as many bare libp2p nodes. */
import { setTimeout } from 'node:timers/promises';
import { createPeer, type Peer, type Space } from '../../src/node.ts';
import { claim } from './claims.ts';
import { machineMs } from './clock.ts';
import { type RawNode, startRawNode, subscribed } from './raw-node.ts';
import { serve } from './remote.ts';
import { socketBytes } from './sockets.ts';

interface Member {
  readonly peer: Peer;
  readonly space: Space;
}

const members: Member[] = [];
const nodes: RawNode[] = [];
const LOOK_MS = 5;

async function newPeer(): Promise<Peer> {
  const listen = { host: '127.0.0.1', tcp: 0, webSocket: false, webRtcDirect: false } as const;
  return createPeer({ listen });
}

/** One fact written by the first, and the others joined by its invite. */
async function gather(first: Member, count: number): Promise<Member[]> {
  const { text } = await first.space.invite();
  const group = [first];
  for (let i = 1; i < count; i++) {
    const peer = await newPeer();
    group.push({ peer, space: await peer.open(text) });
  }
  members.push(...group);
  await first.space.assert(claim(members.length));
  await haveAll(group, 1);
  return group;
}

/** Resolves when all of them have so many assertions, with the moment. */
async function haveAll(group: readonly Member[], assertions: number): Promise<number> {
  for (;;) {
    const states = await Promise.all(group.map(({ space }) => space.status()));
    if (states.every((state) => state.assertions === assertions)) return machineMs();
    await setTimeout(LOOK_MS);
  }
}

/** Connections between them all: each is counted at both ends. */
async function links(): Promise<number> {
  const counts = await Promise.all(members.map(async ({ peer }) => (await peer.peers()).length));
  return counts.reduce((sum, count) => sum + count, 0) / 2;
}

const methods = {
  socketBytes,
  links,

  /** Peers who all know each other, and one fact. */
  async together(count: number): Promise<void> {
    const peer = await newPeer();
    await gather({ peer, space: await peer.create({ name: 'bench', write: 'open', pow: [] }) }, count);
    while ((await links()) < (count * (count - 1)) / 2) await setTimeout(LOOK_MS);
  },

  /** Two groups of one space who do not know of each other; each has a fact that the other lacks. */
  async apart(count: number): Promise<void> {
    const [here, there] = [await newPeer(), await newPeer()];
    const space = await here.create({ name: 'bench', write: 'open', pow: [] });
    const { text } = await space.invite({ addresses: [] });
    const half = Math.floor(count / 2);
    await gather({ peer: here, space }, half);
    await gather({ peer: there, space: await there.open(text) }, count - half);
  },

  /** Connects one of each group; milliseconds until all have everything. */
  async heal(): Promise<number> {
    const [first, last] = [members[0] as Member, members.at(-1) as Member];
    const [address] = (await first.peer.info()).addresses;
    const startedMs = machineMs();
    await last.peer.connect(address as string);
    return (await haveAll(members, 2)) - startedMs;
  },

  /** Compares roots so often, one time after the other. */
  async compare(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await members[0]?.space.sync();
  },

  /** Bare nodes, each connected to all. */
  async bare(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const node = await startRawNode();
      for (const other of nodes) await node.dial(other.getMultiaddrs());
      nodes.push(node);
    }
    await Promise.all(nodes.map((node) => subscribed(node, count - 1)));
  },

  async stop(): Promise<void> {
    await Promise.all(members.splice(0).map(({ peer }) => peer.stop()));
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
  },
};

export type CrowdMethods = typeof methods;

serve(methods);
