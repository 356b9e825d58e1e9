/**
 * A peer that others reach through a relay only, as a browser is: it dials by WebSocket, listens nowhere
 * but on its reservations, and keeps these as a browser's network does.
 */

import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { webSockets } from '@libp2p/websockets';
import { createLibp2p } from 'libp2p';
import { loadFastHash } from '../../src/base/hash.ts';
import { limits } from '../../src/base/limits.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { Gater } from '../../src/net/gater.ts';
import { Libp2pNetwork } from '../../src/net/libp2p-network.ts';
import { type NodeServices, sharedOptions } from '../../src/net/libp2p-options.ts';
import { RelayKeeper } from '../../src/net/relay-keeper.ts';
import { quietPorts } from '../../src/testing/quiet-ports-node.ts';

export async function startRelayedClient(relay: string): Promise<Libp2pNetwork> {
  await loadFastHash();
  const ports = quietPorts();
  const gater = new Gater(systemClock, { denyPrivate: false });
  const shared = await sharedOptions(
    { seed: systemRandom.bytes(32), ports },
    gater,
    limits.connectionsBrowserMax,
  );
  const libp2p = await createLibp2p<NodeServices & Record<string, unknown>>({
    ...shared,
    addresses: { listen: Array(limits.relaysMax).fill('/p2p-circuit') },
    transports: [
      webSockets(),
      circuitRelayTransport({
        maxInboundStopStreams: limits.streamsPerProtocolMax,
        maxOutboundStopStreams: limits.streamsPerProtocolMax,
        reservationConcurrency: limits.relaysMax,
        maxReservationQueueLength: 4 * limits.relaysMax,
        reservationCompletionTimeout: limits.requestTimeoutMs,
      }),
    ],
  });
  const { registrar } = libp2p.services.inside;
  const network = new Libp2pNetwork({
    libp2p,
    ports,
    gater,
    meets: false,
    webrtc: false,
    companion: new RelayKeeper({ libp2p, registrar, ...ports }),
  });
  await network.start();
  network.keep([relay]);
  return network;
}
