/** A peer in a process of its own, as the benchmarks drive it. */
import { createPeer, type Peer, type Space } from '../../src/node.ts';
import { claim, claims } from './claims.ts';
import { cpuMs, machineMs } from './clock.ts';
import { serve } from './remote.ts';
import { socketBytes } from './sockets.ts';

let peer: Peer | undefined;
let space: Space | undefined;
/** When each fact became visible here, in order. */
const visibleMs: number[] = [];
const waiting: { readonly count: number; resolve(atMs: number): void }[] = [];

function theSpace(): Space {
  if (space === undefined) throw new Error('There is no space yet.');
  return space;
}

function use(opened: Space): void {
  space = opened;
  opened.on('facts', (facts) => {
    const now = machineMs();
    for (let i = 0; i < facts.length; i++) visibleMs.push(now);
    for (let i = waiting.length - 1; i >= 0; i--) {
      const { count, resolve } = waiting[i] as (typeof waiting)[number];
      if (visibleMs.length < count) continue;
      waiting.splice(i, 1);
      resolve(now);
    }
  });
}

/** Claims under way at once: one run of the largest size is being written while the next one fills. */
const WRITES_OPEN = 256;

const methods = {
  cpuMs,

  async start(directory: string, online: boolean): Promise<number> {
    const startedMs = machineMs();
    const listen = online && { host: '127.0.0.1', tcp: 0, webSocket: false, webRtcDirect: false };
    peer = await createPeer({ directory, listen } as Parameters<typeof createPeer>[0]);
    const [first] = await peer.spaces();
    if (first !== undefined) use(first);
    return machineMs() - startedMs;
  },

  async create(): Promise<void> {
    use((await peer?.create({ name: 'bench', write: 'open', pow: [] })) as Space);
  },

  invite: async (): Promise<string> => (await theSpace().invite()).text,

  /** Returns when joining began. */
  async join(invite: string): Promise<number> {
    const atMs = machineMs();
    use((await peer?.open(invite)) as Space);
    return atMs;
  },

  /** Writes single-claim assertions as fast as they become durable. */
  async write(from: number, count: number): Promise<number> {
    const startedMs = machineMs();
    let next = 0;
    const writer = async () => {
      while (next < count) await theSpace().assert(claim(from + next++));
    };
    await Promise.all(Array.from({ length: WRITES_OPEN }, writer));
    return startedMs;
  },

  /** One single-claim assertion: when it was asked for, and when it was durable here. */
  async put(n: number): Promise<readonly [askedMs: number, durableMs: number]> {
    const askedMs = machineMs();
    await theSpace().assert(claim(n));
    return [askedMs, machineMs()];
  },

  /** Milliseconds of each of `rounds` writes of so many assertions at once, until all are durable. */
  async puts(from: number, rounds: number, together: number): Promise<readonly number[]> {
    const tookMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const at = from + round * together;
      const startedMs = machineMs();
      await Promise.all(claims(at, together).map((each) => theSpace().assert(each)));
      tookMs.push(machineMs() - startedMs);
    }
    return tookMs;
  },

  /** Resolves when this many facts became visible here since the start, with the moment. */
  visible: (count: number): Promise<number> =>
    new Promise((resolve) => {
      if (visibleMs.length >= count) resolve(visibleMs[count - 1] ?? 0);
      else waiting.push({ count, resolve });
    }),

  visibleTimes: (): readonly number[] => visibleMs,

  /** Resolves when one other peer holds durably what is here, with the moment. */
  async settled(): Promise<number> {
    await theSpace().settled({ replicas: 1 });
    return machineMs();
  },

  /** A counter of the peer, under all labels that agree with the given ones. */
  async counted(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const samples = ((await peer?.metrics()) ?? []).filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return samples.reduce((sum, { value }) => sum + value, 0);
  },

  root: async (): Promise<string> => (await theSpace().status()).root,

  socketBytes,

  memory(): number {
    globalThis.gc?.();
    return process.memoryUsage.rss();
  },

  async stop(): Promise<void> {
    await peer?.stop();
    peer = undefined;
    space = undefined;
    visibleMs.length = 0;
  },
};

export type PeerMethods = typeof methods;

serve(methods);
