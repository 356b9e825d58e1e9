/**
 * Who fetches what, when several peers have what a space lacks. What one peer alone has is asked of it
 * in one go. What several have is cut into pieces that each takes when it has time for one, so that a
 * quick peer brings more, nothing is asked of two, and a piece in slow or lying hands goes to another.
 *
 * Many chains are dealt out whole, a few are cut along time by a peer's outline. Such slices are taken in
 * order and not far ahead of the oldest that is missing: what comes early waits in the pending set, which
 * must not fill. Chains that were dealt out and turn out to answer each other are cut along time, too.
 *
 * Decisions only; `puller.ts` acts on them.
 */
import { mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { End } from './messages.ts';
import {
  type Outcome,
  type Piece,
  type Segment,
  slicesOf,
  type Want,
  type Work,
  type Worker,
} from './pull-piece.ts';
import { Standing } from './pull-standing.ts';
import { fitting, type Held, offers, Wants } from './pull-wants.ts';

/** Pieces per peer that many chains are dealt into: enough to even out different speeds. */
const PIECES_PER_PEER = 8;

export type Task =
  | { readonly type: 'pull'; readonly piece: Piece; readonly work: Work }
  /** Ask for an outline of these, in pieces of so many assertions. */
  | { readonly type: 'outline'; readonly wants: readonly Want[]; readonly assertions: number }
  /** Others are at it. */
  | { readonly type: 'wait' }
  | { readonly type: 'done' };

export interface PullPlanOptions {
  readonly heldOf: (author: Uint8Array) => Held;
  /** Time that a peer may bring nothing in while another has nothing to do. */
  readonly patienceMs: number;
  /** Somebody who waits may have something to do now. */
  readonly onChange: () => void;
}

export class PullPlan {
  readonly #options: PullPlanOptions;
  readonly #wants: Wants;
  readonly #standing: Standing;
  /** Slices in the order in which they have to come. */
  #pieces: Piece[] = [];
  /** Assertions of all slices so far. */
  #at = 0;
  #isLinked = false;

  constructor(options: PullPlanOptions) {
    this.#options = options;
    this.#wants = new Wants(options.heldOf);
    this.#standing = new Standing(options.patienceMs);
  }

  /** A peer that has these tips, which we lack, takes part. */
  join(peerId: string, tips: readonly Tip[], rangesMax: number): Worker {
    return this.#wants.join(peerId, tips, rangesMax);
  }

  /** The peer takes part no more. What it had in hand must have been given back. */
  leave(worker: Worker): void {
    this.#wants.leave(worker);
    this.#changed();
  }

  next(worker: Worker, nowMs: number): Task {
    const mine = this.#wants.of(worker);
    if (mine.length === 0) return { type: 'done' };
    const task = this.#mayStart(worker, nowMs) ? this.#start(worker, mine, nowMs) : undefined;
    if (task !== undefined) return task;
    this.#hurry(worker, nowMs);
    return { type: 'wait' };
  }

  get #busy(): number {
    return this.#pieces.filter((piece) => piece.work !== undefined).length;
  }

  #mayStart(worker: Worker, nowMs: number): boolean {
    if (this.#busy >= limits.pullsPerSpaceMax) return false;
    const isGood = ({ peerId }: Worker) => !this.#standing.isBarred(peerId, nowMs);
    return isGood(worker) || !this.#wants.isOfferedBy(isGood);
  }

  #start(worker: Worker, mine: readonly Want[], nowMs: number): Task | undefined {
    const open = this.#pieces.find((piece) => piece.work === undefined && this.#suits(piece, worker));
    if (open !== undefined) return this.#take(open, worker, nowMs);
    const free = mine.filter((want) => this.#isFree(want, nowMs));
    if (free.length === 0) return undefined;
    const isGood = ({ peerId }: Worker) => !this.#standing.isBarred(peerId, nowMs);
    const { wants, helpers } = this.#wants.shared(free, isGood);
    const length = this.#wants.lengthOf(wants);
    if (helpers < 2 || !this.#standing.isWorthSplitting(length)) {
      return this.#take(this.#add('whole', fitting(free, worker)), worker, nowMs);
    }
    const even = Math.ceil(length / (helpers * PIECES_PER_PEER));
    const size = Math.max(limits.pullPieceAssertionsMin, Math.min(limits.pullPieceAssertionsMax, even));
    const isFew = this.#isLinked || wants.length <= limits.pullSplitChainsMax;
    const cuttable = wants.filter((want) => !want.isFine && !want.isForked);
    if (isFew && cuttable.length > 0) {
      const asked = fitting(cuttable, worker);
      for (const want of asked) want.outlining = { worker, sinceMs: nowMs };
      return { type: 'outline', wants: asked, assertions: size };
    }
    this.#deal(wants, worker, size);
    return this.#start(worker, mine, nowMs);
  }

  /** Nobody sees to it, and it would not have to wait for long. */
  #isFree(want: Want, nowMs: number): boolean {
    const askedMs = want.outlining?.sinceMs ?? Number.NEGATIVE_INFINITY;
    const isAsked = nowMs - askedMs < this.#options.patienceMs;
    return (
      want.piece === undefined &&
      !want.isEndHere &&
      !isAsked &&
      this.#isNear(want.at, () => this.#wants.lengthOf([want]))
    );
  }

  /** Deals chains out in groups of about so many assertions. */
  #deal(wants: readonly Want[], worker: Worker, size: number): void {
    for (let from = 0; from < wants.length; ) {
      const group: Want[] = [];
      let length = 0;
      for (const want of fitting(wants.slice(from, from + worker.rangesMax), worker)) {
        if (length >= size) break;
        group.push(want);
        length += this.#wants.lengthOf([want]);
      }
      this.#add('group', group);
      from += group.length;
    }
  }

  #add(kind: 'whole' | 'group', wants: readonly Want[]): Piece {
    const segments = wants.map((want) => segmentOf(want));
    const piece: Piece = {
      segments,
      kind,
      assertions: this.#wants.lengthOf(segments),
      at: Math.max(...wants.map((want) => want.at)),
      outliner: undefined,
      work: undefined,
    };
    for (const want of wants) want.piece = piece;
    this.#pieces.push(piece);
    return piece;
  }

  #take(piece: Piece, worker: Worker, nowMs: number): Task {
    const abort = new AbortController();
    const work = { worker, sinceMs: nowMs, movedMs: nowMs, received: 0, isEnding: false, abort };
    piece.work = work;
    return { type: 'pull', piece, work };
  }

  #suits(piece: Piece, worker: Worker): boolean {
    if (piece.segments.length > worker.rangesMax) return false;
    if (piece.kind === 'slice' && !this.#isNear(piece.at, () => piece.assertions)) return false;
    return piece.segments.every(({ want }) => offers(worker, want));
  }

  /** Whether what comes at this place may be fetched before the oldest slice is here. */
  #isNear(at: number, assertions: () => number): boolean {
    const oldest = this.#pieces.find((piece) => piece.kind === 'slice');
    if (oldest === undefined || at <= oldest.at) return true;
    return at + assertions() - oldest.at <= this.#standing.aheadMax;
  }

  /** The worker has nothing to do: others shall leave it something. */
  #hurry(worker: Worker, nowMs: number): void {
    if (this.#standing.isBarred(worker.peerId, nowMs)) return;
    const isFull = this.#busy >= limits.pullsPerSpaceMax;
    for (const { work, segments, kind } of this.#pieces) {
      if (work === undefined || work.worker === worker) continue;
      const shared = segments.filter(({ want }) => offers(worker, want));
      if (shared.length === 0 && !isFull) continue;
      const isLong = kind !== 'slice' && this.#standing.isWorthSplitting(this.#wants.lengthOf(shared));
      const isDivisible = shared.length > 1 || shared.some(({ want }) => !want.isFine && !want.isForked);
      const isOverdue = isFull && nowMs - work.sinceMs > limits.pullHoldMs;
      if ((isLong && isDivisible) || isOverdue) work.isEnding = true;
      if (work.abort.signal.aborted || !this.#standing.isSlow(work, worker.peerId, nowMs)) continue;
      this.#standing.bar(work.worker.peerId, nowMs);
      work.abort.abort();
    }
  }

  /** What an outline said. Returns false, and goes on without, when it is none. */
  outlined(worker: Worker, wants: readonly Want[], cuts: readonly (readonly End[])[]): boolean {
    const live = wants.filter((want) => want.outlining?.worker === worker);
    for (const want of live) want.outlining = undefined;
    const slices = slicesOf(wants, cuts);
    // Meanwhile somebody else may have told, or all be here.
    const isLate = live.length < wants.length || live.some((want) => want.piece !== undefined);
    if (slices === undefined) for (const want of live) want.isFine = true;
    else if (!isLate) this.#cut(worker, live, slices);
    this.#changed();
    return slices !== undefined;
  }

  /** The peer told no outline in time: somebody else shall. */
  unanswered(worker: Worker, wants: readonly Want[], nowMs: number): void {
    for (const want of wants) if (want.outlining?.worker === worker) want.outlining = undefined;
    this.#standing.bar(worker.peerId, nowMs);
    this.#changed();
  }

  #cut(outliner: Worker, wants: readonly Want[], slices: readonly (readonly Segment[])[]): void {
    for (const segments of slices) {
      const assertions = this.#wants.lengthOf(segments);
      const piece: Piece = { segments, kind: 'slice', assertions, at: this.#at, outliner, work: undefined };
      this.#at += assertions;
      this.#pieces.push(piece);
      for (const { want, seq, id } of segments) {
        want.after = { seq, id };
        if (mapKey(id) === want.key) want.piece = piece;
      }
    }
    const isFine = slices.length === 0 || !this.#standing.isWorthSplitting(this.#wants.lengthOf(wants));
    for (const want of wants) {
      want.at = this.#at;
      want.isFine = isFine;
    }
  }

  /** A piece brought so many assertions that weigh so much in memory. */
  moved({ work, kind }: Piece, assertions: number, bytes: number, nowMs: number): void {
    this.#standing.weigh(assertions, bytes);
    if (work === undefined || assertions === 0) return;
    work.received += assertions;
    work.movedMs = nowMs;
    // Who waits may find by now that what is left is worth sharing.
    if (kind === 'whole' && !work.isEnding) this.#options.onChange();
  }

  /** Chains that were dealt out wait for one another: they are cut along time instead. */
  link(): void {
    if (this.#isLinked) return;
    this.#isLinked = true;
    for (const piece of this.#pieces) {
      if (piece.kind !== 'group') continue;
      if (piece.work === undefined) this.#dissolve(piece);
      else piece.work.isEnding = true;
    }
    this.#changed();
  }

  giveBack(piece: Piece, outcome: Outcome, nowMs: number): void {
    const { work } = piece;
    if (work === undefined) return;
    piece.work = undefined;
    this.#standing.note(work, nowMs);
    const left: Segment[] = [];
    for (const segment of piece.segments) {
      const { want } = segment;
      const isLive = this.#wants.has(want);
      const isReached = outcome.isReached(segment);
      if (isReached && isEnd(segment)) want.isEndHere = true;
      if (isLive && !isReached) left.push({ ...segment, after: further(segment, outcome) });
    }
    this.#replace(piece, left);
    const isEmpty = outcome.how === 'cut' && work.received === 0;
    if (outcome.how === 'full') this.#full(piece, left);
    else if (left.length > 0 && (outcome.how === 'ended' || outcome.how === 'refused' || isEmpty)) {
      this.#failed(piece, work.worker, left, nowMs);
    }
    this.#changed();
  }

  /** What is left of a piece: a slice keeps its place, all else is free again. */
  #replace(piece: Piece, left: readonly Segment[]): void {
    const rest = { ...piece, segments: left, assertions: this.#wants.lengthOf(left) };
    const keeps = piece.kind === 'slice' && left.length > 0;
    this.#pieces = this.#pieces.flatMap((each) => (each !== piece ? [each] : keeps ? [rest] : []));
    for (const { want, after } of left) {
      if (want.piece === piece) want.piece = keeps ? rest : undefined;
      if (!keeps) want.after = after;
    }
  }

  #full(piece: Piece, left: readonly Segment[]): void {
    // A piece of chains that were dealt out may wait for the others; else it waits for what this pull does not bring.
    if (piece.kind === 'group' && !this.#isLinked) this.link();
    else for (const { want } of left) this.#wants.delete(want);
  }

  /** The peer did not bring what it should have: it lies, or who told the cuts did. */
  #failed(piece: Piece, worker: Worker, left: readonly Segment[], nowMs: number): void {
    this.#standing.bar(worker.peerId, nowMs);
    const { outliner } = piece;
    if (outliner !== undefined && outliner !== worker) this.#standing.bar(outliner.peerId, nowMs);
    else for (const { want } of left) want.withdrawn.add(worker);
    if (outliner === undefined) return;
    for (const each of this.#pieces) {
      if (each.outliner === outliner && each.work === undefined) this.#dissolve(each);
    }
  }

  /** What a piece was to bring is free again, from its beginning. */
  #dissolve(piece: Piece): void {
    this.#pieces = this.#pieces.filter((each) => each !== piece);
    for (const { want, after } of piece.segments) {
      if (want.piece === piece) want.piece = undefined;
      if ((after?.seq ?? 0) < (want.after?.seq ?? 0)) want.after = after;
      want.isFine = false;
      want.isEndHere = false;
    }
  }

  #changed(): void {
    // The end of a chain may be here before its middle.
    const underWay = new Set(this.#pieces.flatMap(({ segments }) => segments.map(({ want }) => want)));
    this.#wants.prune((want) => want.isEndHere && !underWay.has(want));
    const isLive = ({ want }: Segment) => this.#wants.has(want);
    this.#pieces = this.#pieces.filter((piece) => piece.work !== undefined || piece.segments.some(isLive));
    if (this.#wants.size === 0) {
      this.#at = 0;
      this.#isLinked = false;
    }
    this.#options.onChange();
  }
}

function isEnd({ want, id }: Segment): boolean {
  return mapKey(id) === want.key;
}

function segmentOf(want: Want): Segment {
  return { author: want.author, seq: want.seq, id: want.id, want, after: want.after };
}

function further({ author, after }: Segment, outcome: Outcome): Segment['after'] {
  const reached = outcome.reachedOf(author);
  return (reached?.seq ?? 0) > (after?.seq ?? 0) ? reached : after;
}
