/**
 * The Network port for Node: listens for browsers (WebSocket, WebRTC-direct) and other Node peers (TCP),
 * and relays the signalling by which browsers reach each other.
 */
import {
  type CircuitRelayService,
  circuitRelayServer,
  circuitRelayTransport,
} from '@libp2p/circuit-relay-v2';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { createLibp2p } from 'libp2p';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { parsePeerId } from './address.ts';
import { Gater } from './gater.ts';
import { Libp2pNetwork } from './libp2p-network.ts';
import {
  EARLY_STREAMS_MAX,
  type NetworkOptions,
  type NodeServices,
  sharedOptions,
} from './libp2p-options.ts';
import { logOption } from './quiet-log.ts';
import { webRtcCertificate } from './webrtc-certificate.ts';
import { webRtcDirectTransport } from './webrtc-direct.ts';

export interface NodeNetworkOptions extends NetworkOptions {
  /** Interface to listen on; all IPv4 ones (`0.0.0.0`) when absent. */
  readonly host?: string;
  /** Ports to listen on; 0 takes any free one, `false` does not listen. All 0 when absent. */
  readonly webSocketPort?: number | false;
  readonly tcpPort?: number | false;
  readonly webRtcDirectPort?: number | false;
  /** Addresses to announce beside those listened on: a public name, a proxy with TLS. */
  readonly announce?: readonly string[];
}

export async function createNodeNetwork(options: NodeNetworkOptions): Promise<Libp2pNetwork> {
  await loadFastHash();
  const gater = new Gater(options.ports.clock, { denyPrivate: false });
  const shared = await sharedOptions(options, gater, limits.connectionsNodeMax);
  const libp2p = await createLibp2p<NodeServices & { relay: CircuitRelayService }>({
    ...shared,
    ...logOption(process.env.DEBUG),
    addresses: { listen: listenAddresses(options), appendAnnounce: [...(options.announce ?? [])] },
    transports: [
      tcp({ maxConnections: limits.connectionsNodeMax, backlog: limits.connectionsPendingMax }),
      webSockets(),
      webRtcDirectTransport({
        certificate: webRtcCertificate(options.seed),
        maxEarlyStreams: EARLY_STREAMS_MAX,
      }),
      circuitRelayTransport({
        maxInboundStopStreams: 4,
        maxOutboundStopStreams: limits.relayReservationsMax,
      }),
    ],
    services: {
      ...shared.services,
      relay: circuitRelayServer({
        hopTimeout: limits.dialTimeoutMs,
        maxInboundHopStreams: limits.streamsPerProtocolMax,
        maxOutboundHopStreams: limits.streamsPerProtocolMax,
        maxOutboundStopStreams: limits.streamsPerProtocolMax,
        reservations: {
          maxReservations: limits.relayReservationsMax,
          applyDefaultLimit: true,
          defaultDataLimit: BigInt(limits.relayCircuitBytesMax),
          defaultDurationLimit: limits.relayCircuitMsMax,
        },
      }),
    } as never,
  });
  return new Libp2pNetwork({
    libp2p: libp2p as never,
    ports: options.ports,
    gater,
    hasReservation: (peerId) => libp2p.services.relay.reservations.has(parsePeerId(peerId)),
    meets: options.meets ?? true,
    webrtc: false,
  });
}

function listenAddresses(options: NodeNetworkOptions): string[] {
  const host = options.host ?? '0.0.0.0';
  const family = host.includes(':') ? 'ip6' : 'ip4';
  const { webSocketPort = 0, tcpPort = 0, webRtcDirectPort = 0 } = options;
  return [
    ...(webSocketPort === false ? [] : [`/${family}/${host}/tcp/${webSocketPort}/ws`]),
    ...(tcpPort === false ? [] : [`/${family}/${host}/tcp/${tcpPort}`]),
    ...(webRtcDirectPort === false ? [] : [`/${family}/${host}/udp/${webRtcDirectPort}/webrtc-direct`]),
  ];
}
