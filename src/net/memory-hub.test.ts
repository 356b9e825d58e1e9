import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../testing/seeded-random.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { MemoryHub } from './memory-hub.ts';
import { MemoryNetwork } from './memory-network.ts';

async function setUp(count: number, seed = 1, loss = 0) {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  const hub = new MemoryHub({ clock, random, loss, latencyMs: () => 1 + Math.floor(random.number() * 50) });
  const log: string[] = [];
  const networks = Array.from({ length: count }, (_, i) => new MemoryNetwork(hub, `p${i}`));
  for (const network of networks) {
    await network.start();
    network.subscribe('facts', async (from, message) => {
      log.push(`${clock.nowMs()} ${from}>${network.peerId} ${message[0]}`);
      return 'accept';
    });
  }
  for (const [i, network] of networks.entries()) {
    network.keep(networks.slice(0, i).map((other) => other.addresses()[0] ?? ''));
  }
  await clock.advance(1000);
  return { clock, hub, networks, log };
}

describe('the hub in memory', () => {
  it('plays the same seed the same way', async () => {
    const run = async () => {
      const { clock, networks, log } = await setUp(5, 42, 0.3);
      for (const [i, network] of networks.entries()) await network.publish('facts', new Uint8Array([i]));
      await clock.advance(1000);
      return log;
    };
    const first = await run();
    expect(first.length).toBeGreaterThan(10);
    expect(await run()).toEqual(first);
  });

  it('keeps the order between two peers, whatever the latency', async () => {
    const { clock, networks, log } = await setUp(2);
    for (let i = 0; i < 50; i++) await networks[0]?.publish('facts', new Uint8Array([i]));
    await clock.advance(1000);
    expect(log.map((line) => Number(line.split(' ').at(-1)))).toEqual([...Array(50).keys()]);
  });

  it('divides and heals', async () => {
    const { clock, hub, networks, log } = await setUp(4);
    const isLeft = (peerId: string) => peerId === 'p0' || peerId === 'p1';
    hub.divide((a, b) => isLeft(a) === isLeft(b));
    expect(networks.map((network) => network.peers().map((peer) => peer.id))).toEqual([
      ['p1'],
      ['p0'],
      ['p3'],
      ['p2'],
    ]);
    await networks[0]?.publish('facts', new Uint8Array([7]));
    await clock.advance(60_000);
    expect(log.map((line) => line.split(' ')[1])).toEqual(['p0>p1']);
    hub.heal();
    await clock.advance(60_000);
    expect(networks.map((network) => network.peers().length)).toEqual([3, 3, 3, 3]);
  });

  it('loses what it is told to lose', async () => {
    const { clock, networks, log } = await setUp(2, 5, 0.5);
    for (let i = 0; i < 100; i++) await networks[0]?.publish('facts', new Uint8Array([i]));
    await clock.advance(1000);
    expect(log.length).toBeGreaterThan(25);
    expect(log.length).toBeLessThan(75);
  });
});
