/** What Node and browser nodes have in common: ports, services, and every libp2p limit made explicit. */
import { noise } from '@chainsafe/libp2p-noise';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { GossipSub } from '@libp2p/gossipsub';
import { type Identify, identify, identifyPush } from '@libp2p/identify';
import { FaultTolerance } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { type Ping, ping } from '@libp2p/ping';
import type { Libp2pOptions } from 'libp2p';
import { concatBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import type { Gater } from './gater.ts';
import { gossipService } from './gossip.ts';
import { PINGS_MAX } from './ping.ts';
import { sparingYamux } from './sparing-yamux.ts';

export type NetworkPorts = Pick<Ports, 'clock' | 'random' | 'log' | 'crypto' | 'metrics'>;

/** Options that Node peers and browsers share. */
export interface NetworkOptions {
  /**
   * Ed25519 seed of the peer id, 32 bytes. A Node peer keeps its seed; a browser takes a fresh one per
   * tab and page load, because two connections under one id fight each other for seconds (js-libp2p#1835).
   */
  readonly seed: Uint8Array;
  readonly ports: NetworkPorts;
  /** Connects to peers that it is introduced to by common peers; true when absent. */
  readonly meets?: boolean;
}

export interface NodeServices {
  readonly [name: string]: unknown;
  readonly pubsub: GossipSub;
  readonly identify: Identify;
  readonly ping: Ping;
  readonly inside: { readonly registrar: Registrar };
}

/**
 * Streams that the other side may open before ours is set up: with one more the connection is dead, and
 * both sides only notice when a ping fails. A page dials everybody whom a relay serves at once.
 */
export const EARLY_STREAMS_MAX = limits.streamsPerProtocolMax;

const MiB = 1024 * 1024;

export async function sharedOptions(
  options: NetworkOptions,
  gater: Gater,
  connectionsMax: number,
): Promise<Libp2pOptions<NodeServices & Record<string, unknown>>> {
  const { seed, ports } = options;
  if (seed.length !== 32) throw new AverError('BAD_INPUT', 'The seed of a peer id has 32 bytes.');
  return {
    start: false,
    privateKey: privateKeyFromRaw(concatBytes(seed, await ports.crypto.publicKey(seed))),
    nodeInfo: { name: 'aver', version: '1', userAgent: 'aver/1' },
    connectionEncrypters: [noise()],
    streamMuxers: [
      sparingYamux({
        maxInboundStreams: 512,
        maxOutboundStreams: 512,
        maxMessageSize: 64 * 1024,
        maxEarlyStreams: EARLY_STREAMS_MAX,
        enableKeepAlive: true,
        keepAliveInterval: 30_000,
        // What a paused stream may buffer must hold what its window lets in, or it is reset.
        streamOptions: {
          initialStreamWindowSize: 256 * 1024,
          maxStreamWindowSize: 4 * MiB,
          maxReadBufferLength: 5 * MiB,
        },
      }),
    ],
    connectionGater: gater.toConnectionGater(),
    transportManager: { faultTolerance: FaultTolerance.FATAL_ALL },
    connectionManager: {
      maxConnections: connectionsMax,
      maxParallelDials: limits.dialsMax,
      maxDialQueueLength: 4 * limits.dialsMax,
      maxPeerAddrsToDial: limits.keptAddressesMax,
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: limits.addressDialTimeoutMs,
      connectionCloseTimeout: 1000,
      inboundUpgradeTimeout: limits.requestTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.requestTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.requestTimeoutMs,
      maxIncomingPendingConnections: limits.connectionsPendingMax,
      inboundConnectionThreshold: limits.connectionsPerHostPerSecondMax,
      // Kept links are the redialer's.
      reconnectRetries: 0,
      maxParallelReconnects: 1,
    },
    connectionMonitor: {
      enabled: true,
      pingInterval: limits.connectionPingMs,
      pingTimeout: { minTimeout: 5_000, maxTimeout: limits.requestTimeoutMs },
      abortConnectionOnPingFailure: true,
    },
    services: {
      identify: identify({
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
        timeout: 5000,
        maxMessageSize: 8192,
      }),
      identifyPush: identifyPush({
        maxInboundStreams: 4,
        maxOutboundStreams: 4,
        timeout: 5000,
        maxMessageSize: 8192,
        debounce: 200,
      }),
      ping: ping({
        maxInboundStreams: 2 * PINGS_MAX,
        maxOutboundStreams: PINGS_MAX,
        timeout: limits.requestTimeoutMs,
      }),
      pubsub: gossipService,
      inside: (components) => ({ registrar: components.registrar }),
    },
  };
}
