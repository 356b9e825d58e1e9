/** The peer that is put to the test: a whole one over any store, off the network, and a neighbour in memory. */

import type { Store } from '../../src/base/ports.ts';
import { systemClock } from '../../src/base/system-clock.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { VERSION } from '../../src/base/version.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import type { Peer, Space } from '../../src/peer/api.ts';
import { keyringOf, LocalPeer } from '../../src/peer/local-peer.ts';
import { createMemoryPeer } from '../../src/testing/memory-peer.ts';
import { quietPorts } from '../../src/testing/quiet-ports-node.ts';

export class Hub {
  readonly #hub = new MemoryHub({ clock: systemClock, random: systemRandom });

  /** Closes the store when it cannot start. */
  async start(store: Store): Promise<LocalPeer> {
    const ports = quietPorts();
    const storage = async () => ({
      kind: 'leveldb' as const,
      persistent: true,
      usedBytes: undefined,
      quotaBytes: undefined,
      place: 'crash',
    });
    const keyring = keyringOf(store, ports);
    const network = new MemoryNetwork(this.#hub, 'victim');
    try {
      await keyring.peerSeed();
      const parts = { store, network, ports, keyring, bootstrap: [], version: VERSION, storage };
      return await LocalPeer.start(parts);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Another peer in the space, connected to the first one. */
  async neighbour(peer: Peer, space: Space): Promise<{ readonly peer: Peer; readonly space: Space }> {
    const neighbour = await createMemoryPeer({ hub: this.#hub, bootstrap: (await peer.info()).addresses });
    return { peer: neighbour, space: await neighbour.open((await space.invite()).text) };
  }
}

/** The saved space, or a new one; `isNew` tells which. */
export async function openSpace(peer: Peer): Promise<{ readonly space: Space; readonly isNew: boolean }> {
  const [saved] = await peer.spaces();
  if (saved !== undefined) return { space: saved, isNew: false };
  return { space: await peer.create({ name: 'crash', pow: [] }), isNew: true };
}
