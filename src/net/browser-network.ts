/**
 * The Network port for browsers: reaches Node peers by WebSocket or WebRTC-direct, and other browsers
 * directly by WebRTC. Node peers relay the signalling for that, and nothing else.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { FaultTolerance } from '@libp2p/interface';
import { webRTC, webRTCDirect } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { createLibp2p } from 'libp2p';
import { breath } from '../base/breath.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { Gater } from './gater.ts';
import { replayInitChannels } from './init-channel.ts';
import { Libp2pNetwork } from './libp2p-network.ts';
import {
  EARLY_STREAMS_MAX,
  type NetworkOptions,
  type NodeServices,
  sharedOptions,
} from './libp2p-options.ts';
import { noiseKeys } from './noise-keys.ts';
import { logOption, storedDebug } from './quiet-log.ts';
import { RelayKeeper } from './relay-keeper.ts';

export interface BrowserNetworkOptions extends NetworkOptions {
  /**
   * Allows private addresses and `ws://`: for development on localhost and Node peers in the own LAN.
   * Off when absent, because a page must not be able to probe its visitor's network.
   */
  readonly allowPrivate?: boolean;
  /**
   * STUN and TURN servers. None when absent: then browsers reach each other in one network, and Node
   * peers everywhere. A STUN server learns the addresses of those who use it; a TURN server also carries
   * their (encrypted) data.
   */
  readonly iceServers?: readonly RTCIceServer[];
}

export async function createBrowserNetwork(options: BrowserNetworkOptions): Promise<Libp2pNetwork> {
  await loadFastHash();
  const { clock, random, metrics } = options.ports;
  const gater = new Gater(clock, { denyPrivate: options.allowPrivate !== true });
  const rtcConfiguration: RTCConfiguration = { iceServers: [...(options.iceServers ?? [])] };
  const webrtc = typeof RTCPeerConnection === 'function';
  if (webrtc) replayInitChannels();
  // Code that never ran takes tens of milliseconds to make a key and as many to make a node: frames come between.
  await breath();
  const shared = await sharedOptions(options, gater, limits.connectionsBrowserMax);
  const keys = await noiseKeys(options.ports);
  await breath();
  // The peer store sorts by locale, and the first comparison of a page loads the rules of its language.
  'a'.localeCompare('b');
  await breath();
  const libp2p = await createLibp2p<NodeServices & Record<string, unknown>>({
    ...shared,
    ...logOption(storedDebug()),
    connectionEncrypters: [noise(keys)],
    addresses: { listen: webrtc ? [...Array(limits.relaysMax).fill('/p2p-circuit'), '/webrtc'] : [] },
    // Without a relay the page still dials out.
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    transports: [
      webSockets(),
      ...(webrtc
        ? [
            webRTC({ rtcConfiguration, maxEarlyStreams: EARLY_STREAMS_MAX }),
            webRTCDirect({ rtcConfiguration, maxEarlyStreams: EARLY_STREAMS_MAX }),
            circuitRelayTransport({
              maxInboundStopStreams: limits.streamsPerProtocolMax,
              maxOutboundStopStreams: limits.streamsPerProtocolMax,
              reservationConcurrency: limits.relaysMax,
              maxReservationQueueLength: 4 * limits.relaysMax,
              reservationCompletionTimeout: limits.requestTimeoutMs,
            }),
          ]
        : []),
    ],
  });
  await breath();
  const { registrar } = libp2p.services.inside;
  return new Libp2pNetwork({
    libp2p,
    ports: options.ports,
    gater,
    meets: options.meets ?? true,
    webrtc,
    ...(webrtc ? { companion: new RelayKeeper({ libp2p, registrar, clock, random, metrics }) } : {}),
  });
}
