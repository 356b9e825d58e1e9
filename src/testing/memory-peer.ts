/** A whole peer in one process: the real code over a network and a store in memory. */

import { bytesToHex } from '../base/bytes.ts';
import { MemoryMetrics } from '../base/counters.ts';
import { silentLog } from '../base/log.ts';
import type { Clock, Random, Store } from '../base/ports.ts';
import { VERSION } from '../base/version.ts';
import { detectCrypto } from '../crypto/crypto-web.ts';
import type { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';
import { keyringOf, LocalPeer, type Problem } from '../peer/local-peer.ts';
import { memoryStore } from '../store/memory.ts';

export interface MemoryPeerOptions {
  /** Peers of one hub reach each other. */
  readonly hub: MemoryHub;
  /** What is kept from one life of the peer to the next; a new store when absent. */
  readonly store?: Store;
  /** The hub's when absent; another one for a peer whose clock is wrong. */
  readonly clock?: Clock;
  /** The hub's when absent. */
  readonly random?: Random;
  /** Addresses of peers to keep connected to: `info().addresses` of others. */
  readonly bootstrap?: readonly string[];
  /** What the platform lacks, as a browser may. */
  readonly problems?: readonly Problem[];
}

/** A peer that keeps everything in memory, for tests of applications and for simulations. */
export async function createMemoryPeer(options: MemoryPeerOptions): Promise<LocalPeer> {
  const {
    hub,
    store = memoryStore(),
    clock = hub.clock,
    random = hub.random,
    bootstrap = [],
    problems = [],
  } = options;
  const { crypto } = await detectCrypto();
  const ports = { clock, random, log: silentLog, crypto, metrics: new MemoryMetrics() };
  return LocalPeer.start({
    store,
    network: new MemoryNetwork(hub, bytesToHex(random.bytes(8))),
    ports,
    keyring: keyringOf(store, ports),
    bootstrap,
    problems,
    version: VERSION,
    storage: async () => ({
      kind: 'memory',
      persistent: false,
      usedBytes: undefined,
      quotaBytes: undefined,
      place: 'memory',
    }),
  });
}
