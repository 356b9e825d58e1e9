import { setTimeout } from 'node:timers/promises';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { expect, it } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { quietPorts } from '../testing/quiet-ports-node.ts';
import { Gater } from './gater.ts';
import { sharedOptions } from './libp2p-options.ts';

const ports = quietPorts();

it('bears it when a peer opens a score of streams before the connection is set up here', async () => {
  await loadFastHash();
  const start = async () => {
    const gater = new Gater(systemClock, { denyPrivate: false });
    const shared = await sharedOptions({ seed: systemRandom.bytes(32), ports }, gater, 10);
    return createLibp2p({
      ...shared,
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionGater: {
        ...shared.connectionGater,
        // As on a busy machine: the other side takes the connection for ready meanwhile.
        denyInboundUpgradedConnection: async () => {
          await setTimeout(300);
          return false;
        },
      },
    });
  };
  const [a, b] = [await start(), await start()];
  try {
    await Promise.all([a.start(), b.start()]);
    await a.handle('/test', (stream) => void stream.send(Uint8Array.of(7)));
    const connection = await b.dial(a.getMultiaddrs());
    const opening = Array.from({ length: 20 }, () => connection.newStream('/test'));
    expect(await Promise.all(opening)).toHaveLength(20);
  } finally {
    await Promise.all([a.stop(), b.stop()]);
  }
});
