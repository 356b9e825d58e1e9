/** Bare libp2p with Aver's own options in a process of its own: gossipsub without validation, and one stream. */
import { once } from 'node:events';
import type { Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { MemoryMetrics } from '../../src/base/counters.ts';
import { loadFastHash } from '../../src/base/hash.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { Gater } from '../../src/net/gater.ts';
import { type NodeServices, sharedOptions } from '../../src/net/libp2p-options.ts';
import { cpuMs, machineMs } from './clock.ts';
import { serve } from './remote.ts';

const TOPIC = 'bench';
const PROTOCOL = '/bench/stream';
const CHUNK_BYTES = 256 * 1024;
const CONNECTIONS_MAX = 10;

let node: Libp2p<NodeServices> | undefined;
const heardMs: number[] = [];
const waiting: { readonly count: number; resolve(atMs: number): void }[] = [];

function theNode(): Libp2p<NodeServices> {
  if (node === undefined) throw new Error('The node was not started.');
  return node;
}

function onHeard(): void {
  const now = machineMs();
  heardMs.push(now);
  for (let i = waiting.length - 1; i >= 0; i--) {
    const { count, resolve } = waiting[i] as (typeof waiting)[number];
    if (heardMs.length < count) continue;
    waiting.splice(i, 1);
    resolve(now);
  }
}

/**
 * Reads as many bytes as the first eight announce, and says so: a close would travel with the data, and
 * may be taken before them.
 */
function swallow(stream: Stream): void {
  let announced: number | undefined;
  let read = 0;
  stream.addEventListener('message', ({ data }) => {
    announced ??= new DataView(data.subarray(0, 8).slice().buffer).getFloat64(0);
    read += data.byteLength;
    if (read >= announced) stream.send(new Uint8Array(1));
  });
}

const methods = {
  cpuMs,

  async start(): Promise<string> {
    await loadFastHash();
    const ports = { clock: systemClock, random: systemRandom, log: silentLog, metrics: new MemoryMetrics() };
    const gater = new Gater(systemClock, { denyPrivate: false });
    const shared = await sharedOptions({ seed: systemRandom.bytes(32), ports }, gater, CONNECTIONS_MAX);
    node = (await createLibp2p({
      ...shared,
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
    })) as Libp2p<NodeServices>;
    await node.start();
    await node.handle(PROTOCOL, swallow);
    node.services.pubsub.addEventListener('message', onHeard);
    node.services.pubsub.subscribe(TOPIC);
    return String(node.getMultiaddrs()[0]);
  },

  async dial(address: string): Promise<void> {
    await theNode().dial(multiaddr(address));
  },

  /** Resolves when the other node is known to listen to the topic. */
  async subscribed(): Promise<void> {
    const { pubsub } = theNode().services;
    while (pubsub.getSubscribers(TOPIC).length === 0) await once(pubsub, 'subscription-change');
  },

  async publish(n: number, bytes: number): Promise<number> {
    const message = new Uint8Array(bytes);
    new DataView(message.buffer).setUint32(0, n);
    const atMs = machineMs();
    await theNode().services.pubsub.publish(TOPIC, message);
    return atMs;
  },

  /** Publishes as fast as the library takes them; returns when it began. */
  async publishMany(from: number, count: number, bytes: number): Promise<number> {
    const startedMs = machineMs();
    for (let i = 0; i < count; i++) {
      await methods.publish(from + i, bytes);
      // The sockets are written between turns of the event loop.
      if (i % 64 === 63) await new Promise(setImmediate);
    }
    return startedMs;
  },

  heard: (count: number): Promise<number> =>
    new Promise((resolve) => {
      if (heardMs.length >= count) resolve(heardMs[count - 1] ?? 0);
      else waiting.push({ count, resolve });
    }),

  heardTimes: (): readonly number[] => heardMs,

  /** Seconds until the other node has read all of it. */
  async stream(bytes: number): Promise<number> {
    const [connection] = theNode().getConnections();
    if (connection === undefined) throw new Error('There is no connection.');
    const stream = await connection.newStream(PROTOCOL);
    const startedMs = machineMs();
    const answered = once(stream, 'message');
    const head = new DataView(new ArrayBuffer(8));
    head.setFloat64(0, bytes);
    stream.send(new Uint8Array(head.buffer));
    for (let sent = 8; sent < bytes; sent += CHUNK_BYTES) {
      if (!stream.send(new Uint8Array(Math.min(CHUNK_BYTES, bytes - sent)))) await stream.onDrain();
    }
    await answered;
    const tookMs = machineMs() - startedMs;
    await stream.close();
    return tookMs / 1000;
  },

  stop: async (): Promise<void> => node?.stop(),
};

export type RawMethods = typeof methods;

serve(methods);
