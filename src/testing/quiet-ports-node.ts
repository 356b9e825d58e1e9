/** The system's ports, with a log that says nothing and counters of their own. */
import { MemoryMetrics } from '../base/counters.ts';
import { silentLog } from '../base/log.ts';
import type { Ports } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';

export function quietPorts(): Ports & { readonly metrics: MemoryMetrics } {
  return {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    crypto: nodeCrypto(),
    metrics: new MemoryMetrics(),
  };
}
