import { systemClock } from '../base/system-clock.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { MemoryHub } from './memory-hub.ts';
import { MemoryNetwork } from './memory-network.ts';
import { networkSuite } from './network.suite.ts';

const hub = new MemoryHub({ clock: systemClock, random: new SeededRandom(1), latencyMs: 1 });
let created = 0;

networkSuite('the network in memory', {
  create: async (after) => {
    const network = new MemoryNetwork(hub, after?.peerId ?? `peer-${++created}`);
    await network.start();
    return network;
  },
});
