import { MemoryMetrics } from '../base/counters.ts';
import { silentLog } from '../base/log.ts';
import type { Network } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { networkSuite } from './network.suite.ts';
import { createNodeNetwork, type NodeNetworkOptions } from './node-network.ts';

const ports = () => ({
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  metrics: new MemoryMetrics(),
});

const optionsByNetwork = new WeakMap<Network, NodeNetworkOptions>();

async function create(options: Partial<NodeNetworkOptions>, after?: Network): Promise<Network> {
  const before = after === undefined ? undefined : optionsByNetwork.get(after);
  const all = before ?? { seed: systemRandom.bytes(32), host: '127.0.0.1', ports: ports(), ...options };
  const network = await createNodeNetwork(all);
  await network.start();
  const port = Number(/\/(?:tcp|udp)\/(\d+)/.exec(network.addresses()[0] ?? '')?.[1]);
  optionsByNetwork.set(network, {
    ...all,
    ...(all.tcpPort === false ? {} : { tcpPort: port }),
    ...(all.webSocketPort === false ? {} : { webSocketPort: port }),
  });
  return network;
}

networkSuite('libp2p between Node peers over TCP', {
  create: (after) => create({ webSocketPort: false, webRtcDirectPort: false, meets: false }, after),
});

networkSuite('libp2p between Node peers over WebSocket', {
  create: (after) => create({ tcpPort: false, webRtcDirectPort: false, meets: false }, after),
});
