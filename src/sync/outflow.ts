/**
 * The answer to one pull or fetch: chunks, each in its turn of the fair queue, as far as the other
 * side lets them come. Whoever does not take its chunks rests without a seat while others want one.
 */
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Ports } from '../base/ports.ts';
import { withDeadline } from './deadline.ts';
import type { EndTurn, FairQueue } from './fair-queue.ts';
import type { Link } from './link.ts';
import type { Answer, Cursor, RunsAnswer } from './messages.ts';
import { type ServedRun, toChunks } from './runs-source.ts';

/** Chunks grow and shrink so fast. They begin small, as a crowd may come at once, or the link be thin. */
const GROWTH = 4;

export interface OutflowOptions {
  readonly queue: FairQueue;
  readonly link: Link;
  readonly ports: Pick<Ports, 'clock' | 'metrics'>;
  /** Longest wait for the other side to take a chunk. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly send: (answer: Answer) => Promise<void>;
}

export class Outflow {
  readonly #options: OutflowOptions;
  #credit: number = limits.chunksAheadMax;
  #wake: () => void = () => undefined;
  #hasSeat = false;
  /** When the chunks were sent that the other side has not taken in yet, oldest first. */
  readonly #sentMs: number[] = [];
  /** Bytes of runs, and chunks, that were sent. */
  #sentBytes = 0;
  #sentChunks = 0;
  #cursor: Cursor | null = null;

  constructor(options: OutflowOptions) {
    this.#options = options;
  }

  /** Bytes of runs that were sent. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The other side lets more chunks come. */
  grant(chunks: number): void {
    this.#credit = Math.min(limits.chunksAheadMax, this.#credit + chunks);
    for (let i = 0; i < chunks; i++) this.#noteTaken(this.#sentMs.shift());
    this.#wake();
  }

  /** What was taken in soon may be followed by more at once, what took long by less: each has its deadline. */
  #noteTaken(sentMs: number | undefined): void {
    if (sentMs === undefined) return;
    const { ports, link } = this.#options;
    const { account } = link;
    const isSlow = ports.clock.nowMs() - sentMs > limits.slowReaderMs;
    const chunkBytes = Math.max(account.bounds.pullBytes, account.chunkBytes);
    account.chunkBytes = isSlow ? chunkBytes / GROWTH : Math.min(limits.chunkBytesMax, chunkBytes * GROWTH);
  }

  /** A pull is cut at `bytesMax`, and where others wait for its seat: its cursor says where another goes on. */
  async pull(runs: AsyncIterable<ServedRun>, bytesMax: number): Promise<void> {
    if ((await this.#stream(runs, bytesMax)) === 'over') return;
    await this.#untilCredit(undefined);
    if (this.#options.signal.aborted) return;
    await this.#options.send({ type: 'runs', runs: [], open: false, cursor: this.#cursor });
  }

  /** A fetch has no cursor: what others keep it from is asked for again, later. Throws `BUSY`. */
  async fetch(runs: AsyncIterable<ServedRun>): Promise<void> {
    const { queue, link } = this.#options;
    if ((await this.#stream(runs, Number.MAX_SAFE_INTEGER)) === 'over') return;
    await this.#untilCredit(undefined);
    throw queue.busy(link.account);
  }

  /** Sends chunks until there are no more, or others come first. Throws `BUSY` when not even one could be sent. */
  async #stream(runs: AsyncIterable<ServedRun>, bytesMax: number): Promise<'over' | 'cut'> {
    const { queue, signal } = this.#options;
    const bounds = { chunkBytes: 0, maxBytes: bytesMax };
    const chunks = toChunks(runs, bounds);
    try {
      for (;;) {
        if (!(await this.#untilCredit(queue))) return signal.aborted ? 'over' : 'cut';
        const step = await this.#step(chunks, bounds);
        if (step !== 'open') return step;
      }
    } finally {
      await chunks.return(undefined);
      if (this.#hasSeat) queue.freeSeat();
      this.#hasSeat = false;
      // It gave up on one that was too large for its link, perhaps.
      if (signal.aborted) this.#noteTaken(this.#sentMs[0]);
    }
  }

  /** One chunk, in its turn. */
  async #step(
    chunks: AsyncGenerator<RunsAnswer>,
    bounds: { chunkBytes: number; maxBytes: number },
  ): Promise<'open' | 'over' | 'cut'> {
    const { queue, link, signal } = this.#options;
    const { account } = link;
    let end: EndTurn;
    try {
      end = await queue.turn(account, { seat: !this.#hasSeat, signal });
    } catch (error) {
      if (signal.aborted) return 'over';
      if (isAverError(error, 'BUSY') && this.#sentChunks > 0) return 'cut';
      throw error;
    }
    this.#hasSeat = true;
    const sentBefore = this.#sentBytes;
    let sending: Promise<void> | undefined;
    let isOpen = false;
    try {
      if (sentBefore >= account.bounds.pullBytes && queue.isCrowded) return 'cut';
      bounds.chunkBytes = Math.min(bounds.maxBytes, this.#chunkBytes());
      const { value, done } = await chunks.next();
      if (done || signal.aborted) return 'over';
      isOpen = value.open;
      sending = this.#sendChunk(value);
    } finally {
      end(this.#sentBytes - sentBefore, sending);
    }
    await sending;
    return isOpen ? 'open' : 'over';
  }

  /** While others wait, what the class may have; else what the peer has shown to take in soon. */
  #chunkBytes(): number {
    const { queue, link } = this.#options;
    const { account } = link;
    const { pullBytes } = account.bounds;
    if (queue.isContended(account.peerId)) account.chunkBytes = pullBytes;
    return Math.min(Math.max(pullBytes, account.chunkBytes), link.limits.chunkBytes);
  }

  #sendChunk(chunk: RunsAnswer): Promise<void> {
    const { ports, send } = this.#options;
    const bytes = chunk.runs.reduce((sum, run) => sum + run.length, 0);
    this.#credit--;
    this.#sentMs.push(ports.clock.nowMs());
    this.#sentChunks++;
    this.#sentBytes += bytes;
    this.#cursor = chunk.cursor;
    ports.metrics.add('pull_responses_sent');
    ports.metrics.add('bytes_pushed', bytes);
    return send(chunk);
  }

  /** False when the wait was cancelled, or others need the seat meanwhile. Taking a chunk in may take its time. */
  async #untilCredit(queue: FairQueue | undefined): Promise<boolean> {
    const { ports, timeoutMs, signal } = this.#options;
    let isParked = false;
    const park = () => {
      isParked = true;
      this.#wake();
    };
    const stop = queue?.whenCrowded(park);
    try {
      if (this.#credit === 0 && queue?.isCrowded) return false;
      while (this.#credit === 0 && !signal.aborted && !isParked) {
        const what = 'Room for another chunk';
        await withDeadline({ clock: ports.clock, timeoutMs, what, signal }, () => this.#woken());
      }
      return this.#credit > 0 && !signal.aborted;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      stop?.();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
