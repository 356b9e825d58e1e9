/** What a benchmark is, and what it is given. */
import type { Take } from './figure.ts';

export interface Context {
  /** A directory of this run, removed at its end. */
  readonly directory: string;
  /** Single-claim assertions of a fill, and of a store that is opened. */
  readonly assertions: number;
  readonly openAssertions: number;
  /** Takes of a latency. */
  readonly samples: number;
  /** Where Node writes a CPU profile of each process, if anywhere. */
  readonly profiles: string | undefined;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  /** Measured once, however many rounds are asked for: it does not vary. */
  readonly once?: boolean;
  run(context: Context): Promise<readonly Take[]>;
}
