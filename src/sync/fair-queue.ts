/**
 * One fair queue over everything that costs: whoever wants something done takes a turn, one piece of
 * work at a time, if it is not long. Peers take turns by surplus round robin: each round a peer may spend its weight in
 * bytes, what it spends beyond is taken from its next rounds. With nobody else there, there is no wait.
 */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Clock, Random } from '../base/ports.ts';
import type { PeerAccount } from './peer-accounts.ts';

/** Who pays: the weight is read at each turn, so that lost standing counts at once. */
export type Payer = Pick<PeerAccount, 'peerId' | 'bounds'>;

/**
 * Ends a turn, with what it cost in bytes, and the answer that is being handed to its stream: until
 * that is taken, nothing more is made for this peer, as it would wait behind it.
 */
export type EndTurn = (costBytes: number, sending?: Promise<void>) => void;

export interface TurnOptions extends AbortOptions {
  /** The turn begins an answer, which takes a seat until it is given back. */
  readonly seat?: boolean;
}

interface Waiter {
  readonly needsSeat: boolean;
  readonly start: () => void;
}

interface Member {
  readonly payer: Payer;
  readonly waiting: Waiter[];
  balanceBytes: number;
  /** A piece of its work is under way. */
  isWorking: boolean;
  /** Since when an answer has been on its way into the peer's stream. */
  sendingSinceMs: number | undefined;
}

export class FairQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  /** Peers of which something waits, whose turn it is first; and those that still have a debt. */
  readonly #ring: Member[] = [];
  readonly #members = new Map<string, Member>();
  readonly #parkers = new Set<() => void>();
  #isWorking = false;
  #seats = 0;
  /** Since when something has been waiting without a break. */
  #waitingSinceMs = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Pieces of work that wait. */
  get waiting(): number {
    return this.#ring.reduce((sum, member) => sum + member.waiting.length, 0);
  }

  /** Answers that hold a seat. */
  get seats(): number {
    return this.#seats;
  }

  /** Somebody waits for a seat: who can go on later should give way. */
  get isCrowded(): boolean {
    const isFull = this.#seats >= limits.seatsMax;
    return isFull && this.#ring.some((member) => member.waiting.some((waiter) => waiter.needsSeat));
  }

  /** Resolves when it is this peer's turn. Throws `BUSY` when that takes too long, or `ABORTED`. */
  turn(payer: Payer, { seat = false, signal }: TurnOptions = {}): Promise<EndTurn> {
    return new Promise((resolve, reject) => {
      const member = this.#join(payer);
      const leave = (error: AverError) => {
        settle();
        member.waiting.splice(member.waiting.indexOf(waiter), 1);
        if (member.waiting.length === 0) this.#ring.splice(this.#ring.indexOf(member), 1);
        reject(error);
      };
      const onAbort = () => leave(new AverError('ABORTED', 'The wait for a turn was cancelled.'));
      const cancelTimer = this.#clock.setTimer(limits.turnWaitMsMax, () => leave(this.busy(payer)));
      const settle = () => {
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter = {
        needsSeat: seat,
        start: () => {
          settle();
          if (seat) this.#seats++;
          resolve(this.#begin(member));
        },
      };
      member.waiting.push(waiter);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#next();
      if (seat && this.isCrowded) for (const park of [...this.#parkers]) park();
    });
  }

  /** What says that a limit binds, and when the peer is to come again. */
  busy({ bounds }: Payer): AverError {
    const spread = bounds.backoffMsMax - bounds.backoffMsMin;
    const retryAfterMs = Math.ceil(bounds.backoffMsMin + spread * this.#random.number());
    return new AverError('BUSY', 'Others are served first.', { fields: { retryAfterMs } });
  }

  /** An answer is over, or rests. */
  freeSeat(): void {
    this.#seats--;
    this.#next();
  }

  /** Calls `park` as soon as others lack seats; the returned function takes that back. */
  whenCrowded(park: () => void): () => void {
    this.#parkers.add(park);
    return () => this.#parkers.delete(park);
  }

  /** Whether others want what this peer would get: their work, or the way to them, is held up. */
  isContended(peerId: string): boolean {
    const sinceMs = this.#clock.nowMs() - limits.contendedMsMin;
    const othersWait = this.#ring.some((member) => member.payer.peerId !== peerId);
    if (othersWait && this.#waitingSinceMs <= sinceMs) return true;
    for (const [other, { sendingSinceMs = Number.POSITIVE_INFINITY }] of this.#members) {
      if (other !== peerId && sendingSinceMs <= sinceMs) return true;
    }
    return false;
  }

  #join(payer: Payer): Member {
    if (this.#ring.length === 0) this.#waitingSinceMs = this.#clock.nowMs();
    if (this.#members.size >= limits.accountsMax) this.#forget();
    const known = this.#members.get(payer.peerId);
    const member = known ?? newMember(payer);
    if (known === undefined) this.#members.set(payer.peerId, member);
    if (member.waiting.length === 0) this.#ring.push(member);
    return member;
  }

  /** What was spent while nobody waited took nothing from anybody. */
  #forget(): void {
    for (const [peerId, member] of this.#members) {
      if (member.waiting.length === 0 && !isHeld(member)) this.#members.delete(peerId);
    }
  }

  #begin(member: Member): EndTurn {
    const startedMs = this.#clock.nowMs();
    member.isWorking = true;
    let holds = true;
    const release = () => {
      if (holds) this.#isWorking = false;
      holds = false;
      this.#next();
    };
    const cancelTimer = this.#clock.setTimer(limits.turnHoldMs, release);
    return (costBytes, sending) => {
      cancelTimer();
      member.isWorking = false;
      const spentMs = Math.max(0, Math.min(limits.turnWaitMsMax, this.#clock.nowMs() - startedMs));
      member.balanceBytes -= Math.max(costBytes, spentMs * limits.turnCostBytesPerMs);
      if (sending !== undefined) this.#watch(member, sending);
      release();
    };
  }

  #watch(member: Member, sending: Promise<void>): void {
    member.sendingSinceMs = this.#clock.nowMs();
    const taken = () => {
      member.sendingSinceMs = undefined;
      this.#next();
    };
    sending.then(taken, taken);
  }

  #next(): void {
    if (this.#isWorking) return;
    const canStart = (waiter: Waiter) => !waiter.needsSeat || this.#seats < limits.seatsMax;
    const able = this.#ring.filter((member) => !isHeld(member) && member.waiting.some(canStart));
    if (able.length === 0) {
      if (this.#ring.length === 0) this.#forget();
      return;
    }
    const member = this.#choose(able);
    const at = member.waiting.findIndex(canStart);
    const [waiter] = member.waiting.splice(at, 1);
    if (member.waiting.length === 0) this.#ring.splice(this.#ring.indexOf(member), 1);
    this.#isWorking = true;
    waiter?.start();
  }

  /** The first with something left to spend; when nobody has, a new round begins. */
  #choose(able: readonly Member[]): Member {
    for (;;) {
      for (const member of able) {
        if (member.balanceBytes > 0) return member;
      }
      for (const member of able) {
        const weight = member.payer.bounds.pullBytes;
        member.balanceBytes = Math.min(weight, member.balanceBytes + weight);
      }
    }
  }
}

function newMember(payer: Payer): Member {
  return { payer, waiting: [], balanceBytes: 0, isWorking: false, sendingSinceMs: undefined };
}

/** Its work is under way, or was not taken yet. */
function isHeld({ isWorking, sendingSinceMs }: Member): boolean {
  return isWorking || sendingSinceMs !== undefined;
}
