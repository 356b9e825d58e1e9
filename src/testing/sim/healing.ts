/** The end of a simulation: everything heals, and within thirty virtual seconds all must hold the same. */
import { bytesToHex } from '../../base/bytes.ts';
import { limits } from '../../base/limits.ts';
import type { Replica } from '../../set/replica.ts';
import type { World } from './sim-peer.ts';

/** Equal roots within this long of the heal, and of what became visible for the first time later. */
const CONVERGENCE_MS = 30_000;
/** Roots that were equal for so long stay equal. */
const STABLE_MS = 5000;
const LOOK_EVERY_MS = 100;

/** Somebody who must end with the set of all; without one while it is down. */
export interface Holder {
  readonly name: string;
  readonly replica: () => Replica | undefined;
}

export class Healing {
  readonly #world: World;
  readonly #spaces: readonly (readonly Holder[])[];
  readonly #healedMs: number;
  /** What comes from the future is held until it is due; the time to converge begins then. */
  readonly #dueMs: number;
  #equalMs: number | undefined;
  #convergenceBytes: number | undefined;

  /**
   * `spaces`: those who must end with the same set, of each space. `latestMs`: the latest reading that
   * anybody wrote, as far as peers have not shown it.
   */
  constructor(world: World, spaces: readonly (readonly Holder[])[], latestMs: number) {
    const { time, oracle } = world;
    this.#world = world;
    this.#spaces = spaces;
    this.#healedMs = time.elapsedMs;
    const aheadMs = Math.max(latestMs, oracle.latestMs) - time.nowMs();
    this.#dueMs = this.#healedMs + Math.max(0, aheadMs - limits.hlcHoldAheadMsMin);
    this.#watch();
  }

  /** From the heal until all roots were equal. */
  get convergedMs(): number | undefined {
    return this.#equalMs === undefined ? undefined : this.#equalMs - this.#healedMs;
  }

  get convergenceBytes(): number | undefined {
    return this.#convergenceBytes;
  }

  /** Resolves when all hold the same and have for a while, when it is too late, or at a breach. */
  async wait(): Promise<void> {
    const { time, oracle } = this.#world;
    const isOver = () => oracle.breach !== undefined || this.#isSettled();
    const leftMs = () => Math.max(this.#dueMs, oracle.newestMs) + CONVERGENCE_MS - time.elapsedMs;
    while (leftMs() > 0 && !isOver()) await time.advance(leftMs(), isOver);
  }

  judge(): void {
    const { oracle } = this.#world;
    const states = this.#spaces.flat().map((holder) => {
      const count = holder.replica()?.count ?? 'down';
      return `${holder.name} ${count} ${rootOf(holder)?.slice(0, 6) ?? ''}`;
    });
    if (!this.#areEqual()) oracle.fail('peers converge in time', states.join(', '));
    const lacking = oracle.lacking();
    if (lacking !== undefined) oracle.fail('acknowledged writes survive', lacking);
  }

  #isSettled(): boolean {
    const { time } = this.#world;
    return this.#equalMs !== undefined && time.elapsedMs >= Math.max(this.#equalMs, this.#dueMs) + STABLE_MS;
  }

  #watch(): void {
    const { time, trace, hub, oracle } = this.#world;
    const healedBytes = hub.bytes;
    const look = () => {
      if (!this.#areEqual() || oracle.lacking() !== undefined) this.#equalMs = undefined;
      else if (this.#equalMs === undefined) {
        this.#equalMs = time.elapsedMs;
        this.#convergenceBytes = hub.bytes - healedBytes;
        trace.say(`all roots are equal, ${Math.round(time.elapsedMs - this.#healedMs)} ms after the heal`);
      }
      time.setTimer(LOOK_EVERY_MS, look);
    };
    look();
  }

  #areEqual(): boolean {
    return this.#spaces.every((holders) => {
      const roots = holders.map(rootOf);
      return roots.every((root) => root !== undefined && root === roots[0]);
    });
  }
}

function rootOf({ replica }: Holder): string | undefined {
  const { trie } = replica()?.frontier ?? {};
  return trie === undefined ? undefined : bytesToHex(trie.root);
}
