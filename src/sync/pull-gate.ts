/** Whether a peer may be pulled from now, and the account of the pulls: what a session asks and tells. */
import { AverError, toAverError } from '../base/errors.ts';
import type { Ports } from '../base/ports.ts';
import type { Range } from './messages.ts';
import type { PeerAccount } from './peer-accounts.ts';
import { debitOf, type PullEnd, type PullTicket, pullPause } from './pull-account.ts';

export interface PullGateOptions {
  readonly account: PeerAccount;
  readonly ports: Pick<Ports, 'clock' | 'metrics'>;
  /** Assertions that the peer says it has. */
  readonly hint: () => number;
  /** Whether somebody else could be pulled from just now. */
  readonly hasChoice: () => boolean;
  /** The pull was put off although others can be asked: they should be. */
  readonly onPause: () => void;
}

export class PullGate {
  readonly #options: PullGateOptions;

  constructor(options: PullGateOptions) {
    this.#options = options;
  }

  /** Whether a pull could begin even where there is a choice. */
  get isOpen(): boolean {
    const { account, ports } = this.#options;
    return pullPause(account.pulls.state(ports.clock.nowMs()), account.bounds, true) === undefined;
  }

  /** Takes on the debt of a pull. Throws `BUSY` with `retryAfterMs` when the peer is to be left alone now. */
  open(ranges: readonly Range[]): OpenPull {
    const { account, ports, hint, hasChoice, onPause } = this.#options;
    const nowMs = ports.clock.nowMs();
    const { bounds, pulls } = account;
    const state = pulls.state(nowMs);
    const pause = pullPause(state, bounds, hasChoice());
    if (pause !== undefined) {
      ports.metrics.add('pulls_paused', 1, { why: pause });
      if (pause !== 'backoff') onPause();
      const retryAfterMs = Math.ceil(Math.max(bounds.backoffMsMin, state.waitMs));
      throw new AverError('BUSY', 'This peer is left alone for a while.', { fields: { retryAfterMs } });
    }
    const debitBytes = debitOf(bounds.pullBytes, hint(), gapOf(ranges));
    return new OpenPull(pulls.open(debitBytes, nowMs), this.#options);
  }
}

/** Assertions that the ranges may bring. */
function gapOf(ranges: readonly Range[]): number {
  let gap = 0;
  for (const { seq, have } of ranges) {
    const known = have.reduce((max, point) => Math.max(max, point.seq), 0);
    // A branch that is no longer than what we have of the chain brings at least one.
    gap += Math.max(1, seq - known);
  }
  return gap;
}

/** One pull that is under way. */
export class OpenPull {
  readonly #ticket: PullTicket;
  readonly #options: PullGateOptions;

  constructor(ticket: PullTicket, options: PullGateOptions) {
    this.#ticket = ticket;
    this.#options = options;
  }

  received(runs: readonly Uint8Array[]): void {
    for (const run of runs) this.#ticket.received(run.length);
  }

  end(end: PullEnd): void {
    const { account, ports } = this.#options;
    this.#ticket.end(end, account.bounds, ports.clock.nowMs());
  }

  /** It ended by an error. */
  fail(error: unknown): void {
    const { code } = toAverError(error);
    const isOurs = code === 'ABORTED' || code === 'CLOSED' || code.startsWith('STORE_');
    // A connection that broke on the way is nobody's failure: what is left is asked for as after a cut.
    const isCut = code === 'STREAM_FAILED' && this.#ticket.receivedBytes > 0;
    this.end(code === 'BUSY' ? 'busy' : isOurs ? 'left' : isCut ? 'truncated' : 'lost');
  }
}
