/**
 * Keeps relay reservations, so that other browsers can reach this one.
 *
 * libp2p reserves at each relay that it meets while it wants more, and gives up after one failure;
 * a reservation also dies with the relay (js-libp2p#3601). So: while fewer are held than wanted and a
 * connected peer relays, present that peer to libp2p again, with jittered back-off.
 */
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2';
import type { Connection, Libp2p } from '@libp2p/interface';
import type { Registrar } from '@libp2p/interface-internal';
import { limits } from '../base/limits.ts';
import type { Clock, Metrics, Random } from '../base/ports.ts';
import { bestConnection, isDirect } from './address.ts';

export interface RelayKeeperOptions {
  readonly libp2p: Libp2p;
  readonly registrar: Registrar;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
}

export class RelayKeeper {
  readonly #options: RelayKeeperOptions;
  #fruitless = 0;
  #cancel: (() => void) | undefined;

  constructor(options: RelayKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    const waitMs = Math.min(limits.relayCheckMsMax, limits.relayCheckMsMin * 2 ** this.#fruitless);
    this.#cancel = this.#options.clock.setTimer(waitMs * (0.75 + this.#options.random.number() / 2), () => {
      void this.#check().finally(() => {
        if (this.#cancel !== undefined) this.start();
      });
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** A connection came or went: look again soon. */
  wake(): void {
    if (this.#cancel === undefined) return;
    this.stop();
    this.#fruitless = 0;
    this.start();
  }

  /** Relays through which others can reach us now. */
  relays(): ReadonlySet<string> {
    const relays = new Set<string>();
    for (const address of this.#options.libp2p.getMultiaddrs()) {
      const relay = /\/p2p\/([^/]+)\/p2p-circuit/.exec(address.toString())?.[1];
      if (relay !== undefined) relays.add(relay);
    }
    return relays;
  }

  async #check(): Promise<void> {
    const relays = this.relays();
    this.#options.metrics.set('relay_reservations', relays.size);
    if (relays.size >= limits.relaysMax) {
      this.#fruitless = 0;
      return;
    }
    const { libp2p, registrar } = this.#options;
    let presented = 0;
    for (const peerId of libp2p.getPeers()) {
      const connection = bestConnection(libp2p.getConnections(peerId).filter(isDirect));
      if (connection === undefined || relays.has(peerId.toString())) continue;
      if (!(await this.#isRelay(connection))) continue;
      presented++;
      for (const topology of registrar.getTopologies(RELAY_V2_HOP_CODEC)) {
        await topology.onConnect?.(peerId, connection);
      }
    }
    this.#fruitless = presented === 0 ? 0 : this.#fruitless + 1;
  }

  async #isRelay(connection: Connection): Promise<boolean> {
    try {
      const { protocols } = await this.#options.libp2p.peerStore.get(connection.remotePeer);
      return protocols.includes(RELAY_V2_HOP_CODEC);
    } catch {
      return false; // Not identified yet.
    }
  }
}
