/** Keeps links to given addresses: dials again with jittered back-off whenever a link is gone. */
import { limits } from '../base/limits.ts';
import type { Clock, Random } from '../base/ports.ts';

export interface RedialerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Dials the addresses of one peer; resolves with its id. */
  readonly dial: (addresses: readonly string[]) => Promise<string>;
  /** Whether there is a direct link to the peer. */
  readonly isConnected: (peerId: string) => boolean;
  readonly addressToPeerId: (address: string) => string | undefined;
}

interface Target {
  readonly addresses: string[];
  /** Known from the address, or after the first success. */
  peerId: string | undefined;
  failures: number;
  dialling: boolean;
  cancel: (() => void) | undefined;
}

export class Redialer {
  readonly #options: RedialerOptions;
  readonly #targets: Target[] = [];
  #running = false;

  constructor(options: RedialerOptions) {
    this.#options = options;
  }

  get addresses(): readonly string[] {
    return this.#targets.flatMap((target) => target.addresses);
  }

  /** Adds addresses; several of one peer are one target. Beyond `limits.keptAddressesMax` they are ignored. */
  keep(addresses: readonly string[]): void {
    for (const address of addresses) {
      if (this.addresses.includes(address) || this.addresses.length >= limits.keptAddressesMax) continue;
      const peerId = this.#options.addressToPeerId(address);
      const known = this.#targets.find((target) => peerId !== undefined && target.peerId === peerId);
      if (known !== undefined) known.addresses.push(address);
      else {
        this.#targets.push({ addresses: [address], peerId, failures: 0, dialling: false, cancel: undefined });
      }
    }
    this.wake();
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  stop(): void {
    this.#running = false;
    for (const target of this.#targets) this.#cancel(target);
  }

  /** Dials everything that is not connected at once: after a start, or when the machine is online again. */
  wake(): void {
    for (const target of this.#targets) {
      if (target.dialling) continue;
      this.#cancel(target);
      target.failures = 0;
      void this.#attempt(target);
    }
  }

  /** The link to the peer is gone. */
  onDisconnect(peerId: string): void {
    for (const target of this.#targets) {
      if (target.peerId === peerId && !target.dialling && target.cancel === undefined) this.#schedule(target);
    }
  }

  async #attempt(target: Target): Promise<void> {
    const { dial, isConnected } = this.#options;
    if (!this.#running || (target.peerId !== undefined && isConnected(target.peerId))) return;
    target.dialling = true;
    try {
      target.peerId = await dial(target.addresses);
      // A connection through a relay only is not what is wanted, but asking faster would not help.
      target.failures = isConnected(target.peerId) ? 0 : target.failures + 1;
    } catch {
      target.failures++; // `dial` has counted and logged it.
    } finally {
      target.dialling = false;
    }
    if (target.failures > 0) this.#schedule(target);
  }

  /** Half of the back-off is jitter, so that peers which lost one hub do not return in step. */
  #schedule(target: Target): void {
    if (!this.#running) return;
    const backoffMs = Math.min(limits.redialMsMax, limits.redialMsMin * 2 ** target.failures);
    const delayMs = backoffMs * (0.5 + this.#options.random.number() / 2);
    target.cancel = this.#options.clock.setTimer(delayMs, () => {
      target.cancel = undefined;
      void this.#attempt(target);
    });
  }

  #cancel(target: Target): void {
    target.cancel?.();
    target.cancel = undefined;
  }
}
