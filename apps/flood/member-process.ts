/** An honest peer in a process of its own, that writes at a rate and tells how soon it sees what others write. */
import { setTimeout } from 'node:timers/promises';
import { createPeer, type Peer, type Space } from '../../src/node.ts';
import { decodeInvite, encodeInvite } from '../../src/peer/invite.ts';
import { cpuMs, machineMs } from '../bench/clock.ts';
import { serve } from '../bench/remote.ts';

const RSS_EVERY_MS = 250;

export interface MemberState {
  readonly root: string;
  readonly assertions: number;
  readonly pending: number;
  /** Authors whose assertions wait for their time. */
  readonly held: number;
  readonly peers: number;
}

let peer: Peer | undefined;
let space: Space | undefined;
let me = '';
let seenMs: number[] = [];
let written = 0;
let rssMax = 0;
let writing: { stop(): Promise<void> } | undefined;

setInterval(() => {
  rssMax = Math.max(rssMax, process.memoryUsage.rss());
}, RSS_EVERY_MS).unref();

function use(opened: Space): void {
  space = opened;
  opened.on('facts', (facts) => {
    const nowMs = machineMs();
    // The object is the moment of writing, in whole microseconds.
    for (const { predicate, subject, object } of facts)
      if (predicate === 'writtenAt' && !subject.startsWith(`${me} `))
        seenMs.push(nowMs - Number(object) / 1000);
  });
}

const theSpace = (): Space => {
  if (space === undefined) throw new Error('There is no space yet.');
  return space;
};

async function writeAt(perSecond: number, signal: AbortSignal): Promise<void> {
  const open: Promise<unknown>[] = [];
  while (!signal.aborted) {
    // At random moments, so that peers do not write in step.
    await setTimeout((2 * Math.random() * 1000) / perSecond);
    const object = Math.round(machineMs() * 1000);
    open.push(theSpace().assert({ subject: `${me} ${written++}`, predicate: 'writtenAt', object }));
  }
  await Promise.all(open);
}

const methods = {
  cpuMs,

  /** Returns its address. */
  async start(directory?: string, webSocketPort?: number): Promise<string> {
    const ports =
      webSocketPort === undefined ? { tcp: 0 } : { tcp: false as const, webSocket: webSocketPort };
    const listen = { host: '127.0.0.1', webSocket: false, webRtcDirect: false, ...ports } as const;
    peer = await createPeer({ listen, ...(directory === undefined ? {} : { directory }) });
    const { peerId, addresses } = await peer.info();
    me = peerId.slice(-8);
    return addresses[0] as string;
  },

  async create(): Promise<string> {
    use(await (peer as Peer).create({ name: 'flood', write: 'open', pow: [] }));
    return (await theSpace().invite()).text;
  },

  /** One fact; returns the milliseconds since 1970 that its clock says. */
  async put(subject: string): Promise<number> {
    const { hlc } = await theSpace().assert({ subject, predicate: 'is', object: 'true' });
    return Number(BigInt(hlc.split('.')[0] as string) / 1_000_000n);
  },

  async join(invite: string): Promise<void> {
    use(await (peer as Peer).open(invite));
  },

  /** Joins by an invite, whose addresses it is not told. */
  async joinAlone(invite: string): Promise<void> {
    const alone = encodeInvite({ ...decodeInvite(invite, Date.now()), addresses: [] });
    use(await (peer as Peer).open(alone));
  },

  connect: (address: string): Promise<string> => (peer as Peer).connect(address),

  startWriting(perSecond: number): void {
    const end = new AbortController();
    const done = writeAt(perSecond, end.signal);
    writing = {
      stop: () => {
        end.abort();
        return done;
      },
    };
  },

  /** How many were written in all. */
  async stopWriting(): Promise<number> {
    await writing?.stop();
    return written;
  },

  /** Since the last call: ms from `assert` on another peer to visible here. */
  takeLatencies(): readonly number[] {
    const taken = seenMs;
    seenMs = [];
    return taken;
  },

  async state(): Promise<MemberState> {
    const { root, assertions, peers, pending, held } = await theSpace().status();
    return { root, assertions, pending, held, peers: peers.length };
  },

  async count(subject: string): Promise<number> {
    let count = 0;
    for await (const _ of theSpace().query({ subject })) count++;
    return count;
  },

  rssMaxMiB: (): number => rssMax / 1024 ** 2,

  async metrics(): Promise<Readonly<Record<string, number>>> {
    const sums: Record<string, number> = {};
    for (const { name, value, labels } of (await peer?.metrics()) ?? []) {
      const label = Object.values(labels).join(' ');
      const key = label === '' || name === 'peer_deficit_bytes' ? name : `${name} ${label}`;
      sums[key] = (sums[key] ?? 0) + value;
    }
    return sums;
  },

  stop: async (): Promise<void> => peer?.stop(),
};

export type MemberMethods = typeof methods;

serve(methods);
