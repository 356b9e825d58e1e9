/**
 * What is owed in pulls from one peer: a pull takes on a debt, what comes pays it off twice. Who is
 * asked and does not deliver is asked less, and never wedged: debts fade, and every pull ends.
 */
import { type ClassLimits, classLimits, limits } from '../base/limits.ts';

/** Why a peer may not be pulled from just now. */
export type PullPause = 'backoff' | 'deficit' | 'outstanding';

export interface PullState {
  /** Below zero the peer owes. */
  readonly deficitBytes: number;
  readonly outstanding: number;
  /** Until the back-off has elapsed. */
  readonly waitMs: number;
}

/**
 * Whether a pull may begin (ICG-22). The back-off always binds; deficit and outstanding pulls are a
 * preference among peers: where nobody else could be asked, resting would help nobody.
 */
export function pullPause(state: PullState, bounds: ClassLimits, hasChoice: boolean): PullPause | undefined {
  if (state.waitMs > 0) return 'backoff';
  if (!hasChoice) return undefined;
  if (state.deficitBytes < -limits.pullDebtBytesMax) return 'deficit';
  return state.outstanding >= bounds.outstandingMax ? 'outstanding' : undefined;
}

/** The debt of one pull of at most so many bytes, where a peer claims `hint` entries and we lack `gap`. */
export function debitOf(bytesMax: number, hint: number, gap: number): number {
  // Both come from the wire: bounded before anything is computed with them.
  const bounded = (count: number) => (count > 0 ? Math.min(count, bytesMax) : 0);
  const entries = Math.min(bounded(hint), bounded(gap));
  return Math.min(bytesMax, Math.ceil(entries) * limits.pullEntryBytes);
}

/** Wait after so many pulls in a row that failed: doubles from the least to the most of the class. */
export function backoffMs(failures: number, { backoffMsMin, backoffMsMax }: ClassLimits): number {
  return failures === 0 ? 0 : Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 30));
}

function clamp(bytes: number): number {
  return Math.min(limits.pullDeficitBytesMax, Math.max(-limits.pullDeficitBytesMax, bytes));
}

/**
 * How a pull ended: the answer was whole or cut (by its bounds, or by a connection that broke on the way),
 * it was lost (deadline, garbage, a stream on which nothing came), the peer was busy, or it was we who left.
 */
export type PullEnd = 'complete' | 'truncated' | 'lost' | 'busy' | 'left';

export class PullAccount {
  #deficitBytes = 0;
  #atMs = 0;
  #outstanding = 0;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  state(nowMs: number): PullState {
    this.#recover(nowMs);
    const waitMs = this.#notBeforeMs - nowMs;
    // A wait beyond the longest one began before the clock was set back.
    const isDue = waitMs <= 0 || waitMs > classLimits.isolated.backoffMsMax;
    return {
      deficitBytes: this.#deficitBytes,
      outstanding: this.#outstanding,
      waitMs: isDue ? 0 : waitMs,
    };
  }

  /** Takes on the debt of a pull. */
  open(debitBytes: number, nowMs: number): PullTicket {
    this.#recover(nowMs);
    this.#outstanding++;
    this.#add(-debitBytes);
    return new PullTicket(debitBytes, {
      received: (bytes) => this.#add(2 * Math.min(bytes, limits.pullDeficitBytesMax)),
      ended: (end, unusedBytes, bounds, endMs) => this.#ended(end, unusedBytes, bounds, endMs),
    });
  }

  #ended(end: PullEnd, unusedBytes: number, bounds: ClassLimits, nowMs: number): void {
    this.#atMs = nowMs;
    this.#outstanding--;
    // A cut or lost answer keeps its debt: the rest was not shown to be worth it.
    if (end !== 'lost' && end !== 'truncated') this.#add(unusedBytes);
    if (end === 'left') return;
    const isFailure = end === 'lost' || end === 'busy';
    this.#failures = isFailure ? this.#failures + 1 : 0;
    this.#notBeforeMs = isFailure ? nowMs + backoffMs(this.#failures, bounds) : Number.NEGATIVE_INFINITY;
  }

  #recover(nowMs: number): void {
    const idleMs = this.#outstanding > 0 ? 0 : Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    if (this.#deficitBytes >= 0) return;
    const faded = (limits.pullRecoveryBytesPerSecond * idleMs) / 1000;
    this.#deficitBytes = Math.min(0, this.#deficitBytes + faded);
  }

  #add(bytes: number): void {
    this.#deficitBytes = clamp(this.#deficitBytes + bytes);
  }
}

interface TicketEvents {
  received(bytes: number): void;
  ended(end: PullEnd, unusedBytes: number, bounds: ClassLimits, nowMs: number): void;
}

/** One pull that is under way. It has to be ended, once; ending it again does nothing. */
export class PullTicket {
  readonly #debitBytes: number;
  readonly #events: TicketEvents;
  #receivedBytes = 0;
  #isOpen = true;

  constructor(debitBytes: number, events: TicketEvents) {
    this.#debitBytes = debitBytes;
    this.#events = events;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#events.received(bytes);
  }

  end(end: PullEnd, bounds: ClassLimits, nowMs: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#events.ended(end, Math.max(0, this.#debitBytes - this.#receivedBytes), bounds, nowMs);
  }
}
