/** A replica over a store in memory and virtual time. */
import { HlcClock } from '../assertion/hlc.ts';
import { MemoryMetrics } from '../base/counters.ts';
import type { Crypto, LogLevel, Store } from '../base/ports.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import { Replica } from '../set/replica.ts';
import { memoryStore } from '../store/memory.ts';
import { TEST_NOW_MS } from './chains.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface TestReplica {
  readonly replica: Replica;
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly hlc: HlcClock;
  readonly metrics: MemoryMetrics;
  readonly logged: readonly { readonly level: LogLevel; readonly message: string }[];
}

export async function openTestReplica(
  space: SpaceIdentity,
  crypto: Crypto,
  options: { readonly store?: Store; readonly clock?: VirtualClock } = {},
): Promise<TestReplica> {
  const { store = memoryStore(), clock = new VirtualClock(TEST_NOW_MS) } = options;
  const metrics = new MemoryMetrics();
  const logged: { level: LogLevel; message: string }[] = [];
  const log = { write: (level: LogLevel, message: string) => void logged.push({ level, message }) };
  const hlc = new HlcClock(clock);
  const replica = await Replica.open(space, store, { clock, crypto, metrics, log }, hlc);
  return { replica, store, clock, hlc, metrics, logged };
}
