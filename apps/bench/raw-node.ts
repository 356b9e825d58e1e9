/** A bare libp2p node with Aver's own options: gossipsub without validation, identify, ping, TCP. */

import { once } from 'node:events';
import { tcp } from '@libp2p/tcp';
import { createLibp2p, type Libp2p } from 'libp2p';
import { loadFastHash } from '../../src/base/hash.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { Gater } from '../../src/net/gater.ts';
import { type NodeServices, sharedOptions } from '../../src/net/libp2p-options.ts';
import { quietPorts } from '../../src/testing/quiet-ports-node.ts';

export type RawNode = Libp2p<NodeServices>;

export const RAW_TOPIC = 'bench';
const CONNECTIONS_MAX = 100;

export async function startRawNode(): Promise<RawNode> {
  await loadFastHash();
  const ports = quietPorts();
  const gater = new Gater(systemClock, { denyPrivate: false });
  const shared = await sharedOptions({ seed: systemRandom.bytes(32), ports }, gater, CONNECTIONS_MAX);
  const node = (await createLibp2p({
    ...shared,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
  })) as RawNode;
  await node.start();
  node.services.pubsub.subscribe(RAW_TOPIC);
  return node;
}

/** Resolves when so many others are known to listen to the topic. */
export async function subscribed({ services: { pubsub } }: RawNode, others: number): Promise<void> {
  while (pubsub.getSubscribers(RAW_TOPIC).length < others) await once(pubsub, 'subscription-change');
}
