/** A Node peer in a process of its own, for tests that kill it. Prints its addresses as JSON. */

import { MemoryMetrics } from '../base/counters.ts';
import { silentLog } from '../base/log.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { createNodeNetwork } from './node-network.ts';

const [, , webSocketPort = '0', topic = 'facts'] = process.argv;

const network = await createNodeNetwork({
  seed: new Uint8Array(32).fill(7),
  host: '127.0.0.1',
  webSocketPort: Number(webSocketPort),
  tcpPort: false,
  ports: {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    crypto: nodeCrypto(),
    metrics: new MemoryMetrics(),
  },
});
network.subscribe(topic, async () => 'accept');
await network.start();
console.log(JSON.stringify(network.addresses()));

// The parent closes our standard input to ask for an orderly end: then nothing may keep us alive.
process.stdin.on('end', () => void network.stop());
process.stdin.resume();
