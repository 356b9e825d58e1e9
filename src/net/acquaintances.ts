/**
 * The guest's side of introductions: connects directly to the peers that hosts tell of.
 *
 * Both peers of a pair hear of each other; the one with the smaller id dials at once, the other only
 * if nothing came of it. Failed dials are repeated with jittered back-off while a host tells of the peer.
 */
import { limits } from '../base/limits.ts';
import type { Clock, FrameStream, Random } from '../base/ports.ts';
import { decodeIntroductions, type Introduction, pairRank } from './introductions.ts';

export interface AcquaintancesOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly isConnected: (peerId: string) => boolean;
  /** Direct connections now. */
  readonly connectionCount: () => number;
  /** Addresses to dial for an introduction by this host; empty when there is no way. */
  readonly toAddresses: (host: string, introduction: Introduction) => readonly string[];
  readonly dial: (addresses: readonly string[]) => Promise<unknown>;
  /** The stream of a host ended in another way than hosts end it. */
  readonly onFailure: (peerId: string, cause: unknown) => void;
}

interface Acquaintance {
  readonly introductionsByHost: Map<string, Introduction>;
  failures: number;
  dialling: boolean;
  cancel: (() => void) | undefined;
}

export class Acquaintances {
  readonly #options: AcquaintancesOptions;
  readonly #known = new Map<string, Acquaintance>();
  #stopped = false;

  constructor(options: AcquaintancesOptions) {
    this.#options = options;
  }

  /** Reads a host's introductions until the stream ends, then forgets what it told. */
  async follow(stream: FrameStream): Promise<void> {
    try {
      for await (const frame of stream.frames) this.#replace(stream.peerId, decodeIntroductions(frame));
      await stream.close();
    } catch (cause) {
      this.#options.onFailure(stream.peerId, cause);
      stream.abort(cause as Error);
    } finally {
      this.#replace(stream.peerId, []);
    }
  }

  /** The direct link to the peer is gone: dial again if somebody still tells of it. */
  onDisconnect(peerId: string): void {
    const acquaintance = this.#known.get(peerId);
    if (acquaintance !== undefined) this.#schedule(peerId, acquaintance, limits.redialMsMin);
  }

  stop(): void {
    this.#stopped = true;
    for (const acquaintance of this.#known.values()) acquaintance.cancel?.();
    this.#known.clear();
  }

  #replace(host: string, introductions: readonly Introduction[]): void {
    const told = new Map(introductions.map((introduction) => [introduction.peerId, introduction]));
    told.delete(this.#options.self);
    for (const [peerId, acquaintance] of this.#known) {
      if (told.has(peerId) || !acquaintance.introductionsByHost.delete(host)) continue;
      if (acquaintance.introductionsByHost.size > 0) continue;
      acquaintance.cancel?.();
      this.#known.delete(peerId);
    }
    if (this.#stopped) return;
    const nearestFirst = [...told].sort(([a], [b]) => (this.#rank(a) < this.#rank(b) ? -1 : 1));
    for (const [peerId, introduction] of nearestFirst) this.#learn(host, peerId, introduction);
  }

  #rank(peerId: string): string {
    return pairRank(this.#options.self, peerId);
  }

  #learn(host: string, peerId: string, introduction: Introduction): void {
    const known = this.#known.get(peerId);
    const before = known?.introductionsByHost.get(host);
    const acquaintance = known ?? {
      introductionsByHost: new Map(),
      failures: 0,
      dialling: false,
      cancel: undefined,
    };
    acquaintance.introductionsByHost.set(host, introduction);
    this.#known.set(peerId, acquaintance);
    // A new way to the peer (it has reserved now, it has another address) is worth a fresh start.
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(introduction)) return;
    acquaintance.failures = 0;
    this.#schedule(peerId, acquaintance, this.#options.self < peerId ? 0 : limits.introduceTurnMs);
  }

  #schedule(peerId: string, acquaintance: Acquaintance, delayMs: number): void {
    if (this.#stopped || acquaintance.dialling) return;
    acquaintance.cancel?.();
    const jitteredMs = delayMs * (0.5 + this.#options.random.number() / 2);
    acquaintance.cancel = this.#options.clock.setTimer(jitteredMs, () => {
      acquaintance.cancel = undefined;
      void this.#attempt(peerId, acquaintance);
    });
  }

  async #attempt(peerId: string, acquaintance: Acquaintance): Promise<void> {
    const { isConnected, connectionCount, toAddresses, dial } = this.#options;
    if (isConnected(peerId)) return;
    const addresses = [...acquaintance.introductionsByHost].flatMap(([host, introduction]) =>
      toAddresses(host, introduction),
    );
    if (addresses.length > 0 && connectionCount() < limits.neighboursMax) {
      acquaintance.dialling = true;
      await dial(addresses.slice(0, limits.addressesPerPeerMax)).catch(() => undefined);
      acquaintance.dialling = false;
    }
    if (this.#known.get(peerId) !== acquaintance || isConnected(peerId)) return;
    const backoffMs = Math.min(limits.redialMsMax, 2 * limits.redialMsMin * 2 ** acquaintance.failures++);
    this.#schedule(peerId, acquaintance, backoffMs);
  }
}
