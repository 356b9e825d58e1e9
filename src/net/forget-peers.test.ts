import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { afterEach, expect, it, vi } from 'vitest';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { quietPorts } from '../testing/quiet-ports-node.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { forgetPeers } from './forget-peers.ts';
import { Gater } from './gater.ts';
import { sharedOptions } from './libp2p-options.ts';

const ports = quietPorts();
const stops: (() => unknown)[] = [];

afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

async function start() {
  await loadFastHash();
  const gater = new Gater(systemClock, { denyPrivate: false });
  const shared = await sharedOptions({ seed: systemRandom.bytes(32), ports }, gater, 50);
  const addresses = { listen: ['/ip4/127.0.0.1/tcp/0'] };
  const node = await createLibp2p({ ...shared, addresses, transports: [tcp()] });
  await node.start();
  stops.push(() => node.stop());
  return node;
}

it('remembers the peers that are connected, and none that came and went', async () => {
  const node = await start();
  const clock = new VirtualClock();
  stops.push(forgetPeers(node, clock));
  const stays = await start();
  await stays.dial(node.getMultiaddrs());
  for (let n = 0; n < 5; n++) {
    const visitor = await start();
    await visitor.dial(node.getMultiaddrs());
    // Some leave at once, some when they are known.
    if (n % 2 === 0)
      await vi.waitFor(async () => expect(await node.peerStore.has(visitor.peerId)).toBe(true));
    await visitor.stop();
  }
  // Somebody whom it never reached.
  const gone = await start();
  await gone.stop();
  await node.peerStore.merge(gone.peerId, { metadata: { 'last-dial-failure': Uint8Array.of(1) } });
  expect(await node.peerStore.has(gone.peerId)).toBe(true);
  const known = async () => (await node.peerStore.all()).map(({ id }) => id.toString());
  await clock.advance(limits.forgetPeersMs);
  await vi.waitFor(async () => expect(await known()).toEqual([stays.peerId.toString()]), 10_000);
});
