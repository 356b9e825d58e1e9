import { describe, expect, it } from 'vitest';
import type { Network } from '../base/ports.ts';
import { systemRandom } from '../base/system-random.ts';
import { quietPorts } from '../testing/quiet-ports-node.ts';
import { addressOf, networkSuite, once, until } from './network.suite.ts';
import { createNodeNetwork, type NodeNetworkOptions } from './node-network.ts';

const optionsByNetwork = new WeakMap<Network, NodeNetworkOptions>();

async function create(options: Partial<NodeNetworkOptions>, after?: Network): Promise<Network> {
  const before = after === undefined ? undefined : optionsByNetwork.get(after);
  const all = before ?? { seed: systemRandom.bytes(32), host: '127.0.0.1', ports: quietPorts(), ...options };
  const network = await startNetwork(all);
  const port = Number(/\/(?:tcp|udp)\/(\d+)/.exec(network.addresses()[0] ?? '')?.[1]);
  optionsByNetwork.set(network, {
    ...all,
    ...(all.tcpPort === false ? {} : { tcpPort: port }),
    ...(all.webSocketPort === false ? {} : { webSocketPort: port }),
  });
  return network;
}

async function startNetwork(options: NodeNetworkOptions): Promise<Network> {
  const network = await createNodeNetwork(options);
  await network.start();
  return network;
}

networkSuite('libp2p between Node peers over TCP', {
  create: (after) => create({ webSocketPort: false, webRtcDirectPort: false, meets: false }, after),
});

networkSuite('libp2p between Node peers over WebSocket', {
  create: (after) => create({ tcpPort: false, webRtcDirectPort: false, meets: false }, after),
});

networkSuite('libp2p between Node peers over WebRTC-direct', {
  create: () => create({ tcpPort: false, webSocketPort: false, meets: false }),
  freesPorts: false,
});

describe('Node peers', () => {
  const only = { webSocketPort: false, webRtcDirectPort: false } as const;

  it('that have a peer in common meet, and go on without it', async () => {
    const [hub, a, b] = [await create(only), await create(only), await create(only)];
    const received = Promise.withResolvers<Uint8Array>();
    hub.subscribe('facts', async () => 'accept');
    a.subscribe('facts', async () => 'accept');
    b.subscribe('facts', async (_from, message) => {
      received.resolve(message);
      return 'accept';
    });
    a.keep([addressOf(hub)]);
    b.keep([addressOf(hub)]);
    await until(() => a.peers().length === 2 && b.peers().length === 2);
    await hub.stop();
    await until(() => a.subscribers('facts').length === 1 && a.peers().length === 1);
    expect(await a.publish('facts', new Uint8Array([5]))).toBe(1);
    expect(await received.promise).toEqual(new Uint8Array([5]));
    await Promise.all([a.stop(), b.stop()]);
  });

  it('that follow different topics are not introduced', async () => {
    const [hub, a, b] = [await create(only), await create(only), await create(only)];
    for (const [network, topic] of [
      [hub, 'x'],
      [hub, 'y'],
      [a, 'x'],
      [b, 'y'],
    ] as const) {
      network.subscribe(topic, async () => 'accept');
    }
    const [atHub] = [once(hub, 'connect')];
    await a.dial(addressOf(hub));
    await b.dial(addressOf(hub));
    await atHub;
    await until(() => hub.subscribers('x').length === 1 && hub.subscribers('y').length === 1);
    // An introduction would have come well before these round trips are over.
    for (let i = 0; i < 100; i++) await a.ping(hub.peerId);
    expect(a.peers().map((peer) => peer.id)).toEqual([hub.peerId]);
    await Promise.all([hub.stop(), a.stop(), b.stop()]);
  });

  it('say when a port is taken', async () => {
    const a = await create(only);
    const tcpPort = Number(/\/tcp\/(\d+)/.exec(addressOf(a))?.[1]);
    await expect(create({ ...only, tcpPort })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
    await a.stop();
  });

  it('refuse a seed that is not 32 bytes', async () => {
    await expect(create({ seed: new Uint8Array(31) })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
