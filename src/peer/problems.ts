/** What is wrong with this peer right now, each with a code: for `info()`, receipts and metrics. */
import type { AverError, ErrorCode } from '../base/errors.ts';
import type { Metrics } from '../base/ports.ts';

export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What a clock that is so far off the peers' means for the writer; undefined up to `toleratedMs`. */
export function clockProblem(skewMs: number | undefined, toleratedMs: number): Problem | undefined {
  if (skewMs === undefined || Math.abs(skewMs) <= toleratedMs) return undefined;
  const offMs = Math.abs(Math.round(skewMs));
  const off = offMs < 10_000 ? `${offMs} ms` : `${Math.round(offMs / 1000)} s`;
  return skewMs > 0
    ? {
        code: 'CLOCK_AHEAD',
        message: `This clock is ${off} ahead of the peers’: they may hold the facts for a time.`,
      }
    : {
        code: 'CLOCK_BEHIND',
        message: `This clock is ${off} behind the peers’: the facts look older than they are.`,
      };
}

export class Problems {
  readonly #metrics: Metrics;
  readonly #sources: readonly (() => Problem | AverError | undefined)[];
  readonly #seen = new Set<ErrorCode>();

  /** Each source tells its problem, if it has one now. */
  constructor(metrics: Metrics, sources: readonly (() => Problem | AverError | undefined)[]) {
    this.#metrics = metrics;
    this.#sources = sources;
  }

  list(): Problem[] {
    return this.#sources.flatMap((source) => {
      const problem = source();
      return problem === undefined ? [] : [{ code: problem.code, message: problem.message }];
    });
  }

  /** Gauge `problems{code}`: 1 while there is the problem, 0 once it has gone. */
  measure(): void {
    const now = new Set(this.list().map(({ code }) => code));
    for (const code of now) this.#seen.add(code);
    for (const code of this.#seen) this.#metrics.set('problems', now.has(code) ? 1 : 0, { code });
  }
}
