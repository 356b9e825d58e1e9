/** What a benchmark is, and what it is given. */
import type { Take } from './figure.ts';

/** How much of everything. */
export interface Sizes {
  /** Single-claim assertions of a fill. */
  readonly assertions: readonly number[];
  /** Pushed one after the other. */
  readonly pushAssertions: number;
  /** In the store that is opened. */
  readonly openAssertions: number;
  /** In the store that is asked. */
  readonly queryFacts: number;
  /** Sets that are reconciled. */
  readonly reconcileSizes: readonly number[];
  /** Tips that trie and sketch are kept over. */
  readonly keepTips: readonly number[];
  readonly quietSeconds: number;
  /** Takes of a latency within a round. */
  readonly samples: number;
}

export interface Context extends Sizes {
  /** A directory of this run, removed at its end. */
  readonly directory: string;
  /** Where Node writes a CPU profile of each process, if anywhere. */
  readonly profiles: string | undefined;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** Measured once, however many rounds are asked for: it does not vary, or repeats by itself. */
  readonly once?: boolean;
  run(context: Context): Promise<readonly Take[]>;
}
