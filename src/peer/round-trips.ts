/** Round-trip times, measured on arrival and now and then, one peer after the other. */
import { limits } from '../base/limits.ts';
import type { Clock, Network } from '../base/ports.ts';

const TIMEOUT_MS = 5_000;

export class RoundTrips {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #timeById = new Map<string, number>();
  readonly #off: (() => void)[];
  #cancelTimer: () => void = () => undefined;

  constructor(network: Network, clock: Clock, onChange: () => void) {
    this.#network = network;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#off = [
      network.on('connect', ({ id }) => void this.#measure(id)),
      network.on('change', ({ id }) => void this.#measure(id)),
      network.on('disconnect', (id) => this.#timeById.delete(id)),
    ];
    this.#schedule();
  }

  /** The last round trip to a peer in ms, if one was measured. */
  of(peerId: string): number | undefined {
    return this.#timeById.get(peerId);
  }

  stop(): void {
    this.#cancelTimer();
    for (const off of this.#off.splice(0)) off();
  }

  #schedule(): void {
    this.#cancelTimer = this.#clock.setTimer(limits.roundTripMs, () => void this.#round());
  }

  async #round(): Promise<void> {
    for (const { id } of this.#network.peers()) await this.#measure(id);
    if (this.#off.length > 0) this.#schedule();
  }

  async #measure(peerId: string): Promise<void> {
    try {
      this.#timeById.set(
        peerId,
        await this.#network.ping(peerId, { signal: AbortSignal.timeout(TIMEOUT_MS) }),
      );
      this.#onChange();
    } catch {
      this.#timeById.delete(peerId); // Gone or silent: the list of peers says so itself.
    }
  }
}
