/** Bare libp2p with Aver's own options in a process of its own: gossipsub without validation, and one stream. */
import { once } from 'node:events';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { cpuMs, machineMs } from './clock.ts';
import { RAW_TOPIC, type RawNode, startRawNode, subscribed } from './raw-node.ts';
import { serve } from './remote.ts';

const PROTOCOL = '/bench/stream';
const CHUNK_BYTES = 256 * 1024;

let node: RawNode | undefined;
const heardMs: number[] = [];
const waiting: { readonly count: number; resolve(atMs: number): void }[] = [];

function theNode(): RawNode {
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
    node = await startRawNode();
    await node.handle(PROTOCOL, swallow);
    node.services.pubsub.addEventListener('message', onHeard);
    return String(node.getMultiaddrs()[0]);
  },

  async dial(address: string): Promise<void> {
    await theNode().dial(multiaddr(address));
  },

  /** Resolves when the other node is known to listen to the topic. */
  subscribed: (): Promise<void> => subscribed(theNode(), 1),

  async publish(n: number, bytes: number): Promise<number> {
    const message = new Uint8Array(bytes);
    new DataView(message.buffer).setUint32(0, n);
    const atMs = machineMs();
    await theNode().services.pubsub.publish(RAW_TOPIC, message);
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
