/** Acts on the pull plan of a space, for one peer: asks it for the pieces that fall to it, and takes them in. */
import { lastOf, type Run } from '../assertion/model.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Clock, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import type { Tip } from '../set/trie-entry.ts';
import { pause, Slots, withDeadline } from './deadline.ts';
import { Inflow } from './inflow.ts';
import type { Link } from './link.ts';
import type { Range } from './messages.ts';
import { Progress } from './progress.ts';
import type { PullEnd } from './pull-account.ts';
import type { PullGate } from './pull-gate.ts';
import type { Outcome, Piece, Want, Work, Worker } from './pull-piece.ts';
import { PullPlan } from './pull-plan.ts';
import { Ranges } from './ranges.ts';

const PEERS_WAITING_MAX = 1024;
/** Who waits looks again after this long: whether somebody is too slow shows by time alone. */
const LOOK_MS = 250;
/** What an assertion costs in memory beyond its payload, while it waits. */
const ASSERTION_BYTES = 1000;

/** The pulls of one space. */
export class Pulls {
  readonly plan: PullPlan;
  readonly slots = new Slots(limits.pullPeersMax, PEERS_WAITING_MAX);
  readonly ranges: Ranges;
  readonly patienceMs: number;
  readonly #clock: Clock;
  readonly #waiting = new Set<AbortController>();

  constructor(replica: Replica, clock: Clock, patienceMs: number) {
    const { frontier } = replica;
    this.ranges = new Ranges(replica);
    this.#clock = clock;
    this.patienceMs = patienceMs;
    this.plan = new PullPlan({
      patienceMs,
      heldOf: (author) => frontier.held(author),
      onChange: () => {
        for (const each of this.#waiting) each.abort();
      },
    });
  }

  /** Resolves when there may be something to do. Throws `ABORTED` when the signal says so. */
  async changed({ signal }: AbortOptions): Promise<void> {
    const wake = new AbortController();
    this.#waiting.add(wake);
    const either = signal === undefined ? wake.signal : AbortSignal.any([wake.signal, signal]);
    await pause(this.#clock, LOOK_MS, either).catch(() => undefined);
    this.#waiting.delete(wake);
    if (signal?.aborted) throw new AverError('ABORTED', 'The wait was cancelled.');
  }
}

export interface PullerOptions extends AbortOptions {
  readonly replica: Replica;
  readonly link: Link;
  readonly ports: Ports;
  readonly pulls: Pulls;
  /** Asked before each pull and told of what came. */
  readonly gate: PullGate;
  readonly onAccepted: (assertions: number) => void;
  readonly onRefused: (tip: Tip) => void;
}

export class Puller {
  readonly #options: PullerOptions;
  #untilMs = 0;

  constructor(options: PullerOptions) {
    this.#options = options;
  }

  /** Resolves when all of these are here, or nobody who takes part can bring them. Throws what `Channel.ask` throws. */
  async run(tips: readonly Tip[]): Promise<void> {
    const { replica, link, pulls, ports } = this.#options;
    const free = await pulls.slots.take();
    try {
      // Others may have brought it while this one waited for its turn.
      const unknown = await unknownOf(replica, tips);
      const worker = pulls.plan.join(
        link.peerId,
        unknown,
        Math.min(link.limits.pullRanges, limits.pullRangesMax),
      );
      this.#untilMs = ports.clock.nowMs() + limits.pullHoldMs;
      try {
        await this.#work(worker);
      } finally {
        pulls.plan.leave(worker);
      }
    } finally {
      free();
    }
  }

  async #work(worker: Worker): Promise<void> {
    const { pulls, ports, signal } = this.#options;
    const { plan } = pulls;
    let busyMs = ports.clock.nowMs();
    for (;;) {
      const nowMs = ports.clock.nowMs();
      if (this.#givesWay(nowMs)) return;
      const task = plan.next(worker, nowMs);
      if (task.type === 'done') return;
      if (task.type === 'wait') {
        // Its peer may have more by now than what others fetch.
        if (nowMs - busyMs > limits.pullHoldMs) return;
        await pulls.changed({ signal });
        continue;
      }
      if (task.type === 'outline') await this.#outline(worker, task.wants, task.assertions);
      else await this.#pull(task.piece, task.work);
      busyMs = ports.clock.nowMs();
    }
  }

  /** Its time is over, and others wait for their turn. */
  #givesWay(nowMs: number): boolean {
    return nowMs > this.#untilMs && this.#options.pulls.slots.waiting > 0;
  }

  async #outline(worker: Worker, wants: readonly Want[], assertions: number): Promise<void> {
    const { replica, link, ports, pulls, signal } = this.#options;
    const ranges = await pulls.ranges.of(wants);
    const bytes = limits.pullPieceBytesMax / 2;
    const request = { type: 'outline', tag: replica.space.tag, ranges, assertions, bytes } as const;
    const what = 'The outline of a pull';
    ports.metrics.add('pull_outlines_sent');
    try {
      const answer = await withDeadline(
        { clock: ports.clock, timeoutMs: pulls.patienceMs, what, signal },
        (inTime) => link.channel.ask(request, { signal: inTime }),
      );
      const cuts = answer.type === 'stale' ? undefined : answer.cuts;
      if (cuts !== undefined && pulls.plan.outlined(worker, wants, cuts)) return;
      link.fault('BAD_ENCODING', 'The peer sent an outline of something else.');
      throw new AverError('BAD_ENCODING', 'The peer sent an outline of something else.');
    } catch (error) {
      if (!isAverError(error, 'TIMEOUT')) throw error;
      pulls.plan.unanswered(worker, wants, ports.clock.nowMs());
    }
  }

  async #pull(piece: Piece, work: Work): Promise<void> {
    const { replica, pulls, ports, signal } = this.#options;
    let outcome: Outcome = { how: 'broken', isReached: () => false, reachedOf: () => undefined };
    try {
      const ranges = await pulls.ranges.of(piece.segments);
      const progress = new Progress(ranges);
      const how = await this.#stream(piece, work, ranges, progress).catch((error: unknown) => {
        // Taken away for being slow; what it brought counts.
        if (work.abort.signal.aborted && !signal?.aborted) return 'broken' as const;
        outcome = { ...outcome, reachedOf: (author) => progress.reachedOf(author) };
        throw error;
      });
      const missing = await unknownOf(
        replica,
        piece.segments.filter((segment) => !progress.isReached(segment) && !replica.isHeldTip(segment)),
      );
      outcome = {
        how,
        isReached: (segment) => !missing.includes(segment),
        reachedOf: (author) => progress.reachedOf(author),
      };
    } finally {
      pulls.plan.giveBack(piece, outcome, ports.clock.nowMs());
    }
  }

  async #stream(
    piece: Piece,
    work: Work,
    ranges: readonly Range[],
    progress: Progress,
  ): Promise<Outcome['how']> {
    const { link, ports, replica, gate } = this.#options;
    const maxBytes = piece.kind === 'whole' ? limits.pullBytesMax : limits.pullPieceBytesMax;
    const request = { type: 'pull', tag: replica.space.tag, ranges, maxBytes, cursor: null } as const;
    let isRefused = false;
    const inflow = this.#inflow(piece, ranges, progress, () => {
      isRefused = true;
    });
    const given = this.#options.signal;
    const signal = given === undefined ? work.abort.signal : AbortSignal.any([work.abort.signal, given]);
    const goesOn = () => !work.isEnding && !this.#givesWay(ports.clock.nowMs());
    const open = gate.open(ranges);
    ports.metrics.add('pull_requests_sent');
    let end: PullEnd = 'left';
    let chunks = 0;
    try {
      for await (const chunk of link.channel.chunks(request, { signal, goesOn })) {
        ports.metrics.add('pull_responses_received');
        open.received(chunk.runs);
        if (!chunk.open) end = chunk.cursor === null ? 'complete' : 'truncated';
        if (!(await inflow.take(chunk.runs))) break;
        if (++chunks >= limits.pullChunksMax) break;
      }
      open.end(end);
    } catch (error) {
      // Taken away for being slow: the account shall know.
      if (work.abort.signal.aborted) open.end('lost');
      else open.fail(error);
      throw error;
    } finally {
      await inflow.end().catch(() => undefined);
    }
    if (end === 'truncated') ports.metrics.add('pull_truncated');
    if (!(await inflow.end())) return isRefused ? 'refused' : 'full';
    return end === 'complete' ? 'ended' : 'cut';
  }

  #inflow(piece: Piece, ranges: readonly Range[], progress: Progress, onBad: () => void): Inflow {
    const { replica, link, ports, pulls, onAccepted, onRefused } = this.#options;
    let accepted = 0;
    return new Inflow({
      replica,
      link,
      ports,
      ranges,
      onAccepted: (assertions) => {
        accepted = assertions;
        onAccepted(assertions);
      },
      onTaken: (runs) => {
        const wanted = runs.filter((run) => !replica.isHeldTip(lastOf(run)));
        const advanced = wanted.reduce((sum, run) => sum + progress.take(run), 0);
        pulls.plan.moved(piece, Math.max(advanced, accepted), costOf(runs), ports.clock.nowMs());
        if (piece.kind === 'group' && replica.pendingCount > limits.pullPieceAssertionsMax) pulls.plan.link();
      },
      onRefused: (tip) => {
        onBad();
        onRefused(tip);
      },
    });
  }
}

function costOf(runs: readonly Run[]): number {
  let cost = 0;
  for (const { assertions } of runs)
    for (const { payloadSize } of assertions) cost += payloadSize + ASSERTION_BYTES;
  return cost;
}

/** Those of them that are not in the set. */
export async function unknownOf<T extends Tip>(replica: Replica, tips: readonly T[]): Promise<T[]> {
  const known = await replica.knownOf(tips);
  return tips.filter((tip) => !known.has(tip));
}
