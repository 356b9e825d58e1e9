/**
 * A bare libp2p node for attacks: it connects like any peer, takes what comes on gossip streams, and
 * writes on streams whatever bytes it is given. Nothing of Aver's own conduct is in it.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { RPC } from '@libp2p/gossipsub/message';
import { type Identify, identify } from '@libp2p/identify';
import type { Connection, Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { concatBytes, u32Bytes } from '../../src/base/bytes.ts';
import { SYNC_PROTOCOL } from '../../src/sync/messages.ts';

export const GOSSIP_PROTOCOL = '/meshsub/1.2.0';
/** More than a relay or a browser would ever need; the attacked peer has bounds of its own. */
const STREAMS_MAX = 4096;

export class BadNode {
  readonly #libp2p: Libp2p<{ identify: Identify }>;
  /** What honest peers published and sent here: stock for replays. */
  readonly heard: Uint8Array[] = [];

  private constructor(libp2p: Libp2p<{ identify: Identify }>) {
    this.#libp2p = libp2p;
  }

  static async start(seed: Uint8Array): Promise<BadNode> {
    const libp2p = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', seed),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })],
      connectionManager: { reconnectRetries: 0 },
      connectionMonitor: { enabled: false },
      services: { identify: identify() },
    });
    const node = new BadNode(libp2p);
    await libp2p.handle(GOSSIP_PROTOCOL, (stream) => node.#listen(stream), {
      maxInboundStreams: STREAMS_MAX,
    });
    await libp2p.handle(SYNC_PROTOCOL, (stream) => stream.addEventListener('message', () => undefined), {
      maxInboundStreams: STREAMS_MAX,
    });
    return node;
  }

  get peerId(): string {
    return this.#libp2p.peerId.toString();
  }

  async dial(address: string): Promise<Connection> {
    return this.#libp2p.dial(multiaddr(address), { signal: AbortSignal.timeout(5000) });
  }

  async open(connection: Connection, protocol: string): Promise<Stream> {
    const stream = await connection.newStream(protocol, {
      signal: AbortSignal.timeout(5000),
      maxOutboundStreams: STREAMS_MAX,
    });
    stream.addEventListener('message', () => undefined);
    return stream;
  }

  stop(): Promise<void> {
    return Promise.resolve(this.#libp2p.stop());
  }

  /** Keeps up to a hundred messages. What is cut in two on the wire is not worth putting together. */
  #listen(stream: Stream): void {
    stream.addEventListener('message', ({ data }) => {
      if (this.heard.length >= 100) return;
      try {
        const bytes = data.subarray();
        const [length, at] = readVarint(bytes);
        if (bytes.length < at + length) return;
        for (const message of RPC.decode(bytes.subarray(at, at + length)).messages)
          if (message.data !== undefined) this.heard.push(Uint8Array.from(message.data));
      } catch {
        // The middle of a message.
      }
    });
  }
}

function readVarint(bytes: Uint8Array): readonly [value: number, bytes: number] {
  let value = 0;
  for (let at = 0; at < 4; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * 128 ** at;
    if (byte < 128) return [value, at + 1];
  }
  return [value, 4];
}

/** As gossip streams carry it: with its length in front, as a varint. */
export function onGossip(bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest & 127) | 128);
  return concatBytes(Uint8Array.from([...length, rest]), bytes);
}

/** As sync streams carry it: with its length in front, in four bytes. */
export function onSync(frame: Uint8Array): Uint8Array {
  return concatBytes(u32Bytes(frame.length), frame);
}
