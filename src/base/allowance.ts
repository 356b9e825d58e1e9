/** What somebody may do for now: so much at once, and so much a second. What is not used is saved up to a bound. */

export interface AllowanceBounds {
  /** What a newcomer has. */
  readonly start: number;
  readonly perSecond: number;
  /** What may be saved up. */
  readonly most: number;
}

export class Allowance {
  readonly #bounds: AllowanceBounds;
  #left: number;
  #atMs: number;

  constructor(bounds: AllowanceBounds, nowMs: number) {
    this.#bounds = bounds;
    this.#left = bounds.start;
    this.#atMs = nowMs;
  }

  /** Whether there is one left. */
  has(nowMs: number): boolean {
    const { perSecond, most } = this.#bounds;
    // A clock that was set back gives nothing, and takes nothing.
    const seconds = Math.max(0, nowMs - this.#atMs) / 1000;
    this.#atMs = nowMs;
    this.#left = Math.min(most, this.#left + seconds * perSecond);
    return this.#left >= 1;
  }

  /** Uses one up. False when none is left. */
  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#left--;
    return true;
  }

  /** One more, for what was worth it. */
  earn(): void {
    this.#left = Math.min(this.#bounds.most, this.#left + 1);
  }
}

/**
 * What one peer may do for now, by its proven id, and what it may save up. Honest peers stay well below; beyond it
 * nothing is done, and where it says so each is a fault. Kept across connections, but for digests and roots.
 */
export const allowances = {
  /**
   * Envelopes with promises of messages (IHAVE); beyond, a fault. Honest peers send one a second; after 40 s of a
   * frozen process, when pings end the connection, those at once.
   */
  promises: { start: 4, perSecond: 2, most: 64 },
  /**
   * Grafts that had to be refused; beyond, a fault. Who was refused or pruned waits ten seconds; a peer that was
   * restarted does not know, once for each of its spaces, and a full hub refuses each of them.
   */
  refusedGrafts: { start: 32, perSecond: 2, most: 32 },
  /**
   * Messages that brought nothing new in another wrapping than before; what comes beyond is not looked at, and pull
   * repairs it. Honest ones are what pull brought first, and each that is new earns another one.
   */
  staleMessages: { start: 32, perSecond: 8, most: 64 },
  /** Gossip streams opened; beyond, a fault. A lost one is opened anew after two seconds. */
  gossipStreams: { start: 4, perSecond: 0.5, most: 16 },
  /**
   * Sync streams opened while four are open, of which one is closed for them; beyond, a fault. Honest peers have one;
   * after some broken connections, which live on here for 40 s, they open another every `streamRestMs` at most.
   */
  streamsBeyond: { start: 4, perSecond: 0.5, most: 4 },
  /** Digests within `digestHandleMs` of the last; beyond, a fault. Honest peers send one in ten seconds, asked for or not. */
  earlyDigests: { start: 2, perSecond: 0.2, most: 8 },
  /**
   * Comparisons of roots, by space; beyond, Busy. Honest peers tell news once a second, and compare again after each
   * round of a sync; an application may ask for syncs one after the other.
   */
  roots: { start: 24, perSecond: 20, most: 128 },
  /** Comparisons that were told Busy; beyond, a fault. Who waits as long as it was told, a second and more, is never short of them. */
  refusedRoots: { start: 8, perSecond: 1, most: 8 },
  /**
   * Handshakes with peers of one address that had to be refused; beyond, most of its connections are
   * turned away before them. Each takes milliseconds. Whoever else sits behind it and is new has to try some times.
   */
  refusedHandshakes: { start: 8, perSecond: 2, most: 8 },
  /** Connections accepted; beyond, refused. Who lost one dials again after half a second, and after ever more. */
  connections: { start: 8, perSecond: 0.5, most: 8 },
} as const satisfies Record<string, AllowanceBounds>;
