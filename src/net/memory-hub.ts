/**
 * A network in one process, for unit tests and the simulator: time comes from the injected clock,
 * chance from the injected source, so a run with seeds and virtual time can be replayed.
 */
import type { Clock, Random } from '../base/ports.ts';
import type { MemoryNetwork } from './memory-network.ts';

export interface MemoryHubOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** One way, for everything; 0 when absent. Order between two peers is kept. */
  readonly latencyMs?: number | ((from: string, to: string) => number);
  /** Probability that a gossip message is lost on one hop; 0 when absent. Streams lose nothing. */
  readonly loss?: number;
}

/** Whether two peers can reach each other; asked in both orders. */
export type Reachable = (a: string, b: string) => boolean;

export class MemoryHub {
  readonly clock: Clock;
  readonly random: Random;
  latencyMs: number | ((from: string, to: string) => number);
  loss: number;
  readonly #networks = new Map<string, MemoryNetwork>();
  /** When the last delivery from one peer to another happens; nothing may overtake it. */
  readonly #lastAtMs = new Map<string, number>();
  #isReachable: Reachable = () => true;

  constructor(options: MemoryHubOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.latencyMs = options.latencyMs ?? 0;
    this.loss = options.loss ?? 0;
  }

  /** Cuts every link between peers that cannot reach each other from now on, and refuses new ones. */
  divide(isReachable: Reachable): void {
    this.#isReachable = isReachable;
    for (const network of this.#networks.values()) {
      for (const { id } of network.peers()) {
        if (!this.isReachable(network.peerId, id)) network.cut(id);
      }
    }
  }

  /** Everybody reaches everybody again; kept links come back by themselves. */
  heal(): void {
    this.#isReachable = () => true;
  }

  isReachable(a: string, b: string): boolean {
    return this.#isReachable(a, b) && this.#isReachable(b, a);
  }

  add(network: MemoryNetwork): void {
    this.#networks.set(network.peerId, network);
  }

  remove(network: MemoryNetwork): void {
    if (this.#networks.get(network.peerId) === network) this.#networks.delete(network.peerId);
  }

  find(peerId: string): MemoryNetwork | undefined {
    return this.#networks.get(peerId);
  }

  /** Runs `action` at the other end, one latency later and after everything sent before. `bytes` is what travels. */
  deliver(from: string, to: string, action: () => void, _bytes?: number): void {
    const latencyMs = typeof this.latencyMs === 'number' ? this.latencyMs : this.latencyMs(from, to);
    const nowMs = this.clock.nowMs();
    const way = `${from} ${to}`;
    const atMs = Math.max(nowMs + latencyMs, this.#lastAtMs.get(way) ?? 0);
    this.#lastAtMs.set(way, atMs);
    this.clock.setTimer(atMs - nowMs, action);
  }

  /** The same for a gossip message, which may be lost. */
  deliverGossip(from: string, to: string, action: () => void, bytes: number): void {
    if (this.loss > 0 && this.random.number() < this.loss) return;
    this.deliver(from, to, action, bytes);
  }

  /** Runs `action` here once the other end could have answered. */
  roundTrip(from: string, to: string, action: () => void): void {
    this.deliver(from, to, () => this.deliver(to, from, action));
  }
}
