/**
 * Push: own writes go out on the space's topic at once, and what comes in is judged before the disk
 * is asked, so that a message crosses many hops as fast as signatures are checked.
 */
import type { Run } from '../assertion/model.ts';
import { decodeRun, encodeRun } from '../assertion/run-codec.ts';
import { equalBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Network, Ports, Verdict } from '../base/ports.ts';
import type { Replica, Screened } from '../set/replica.ts';
import { pause } from './deadline.ts';
import { SEAL_BYTES, Seal } from './seal.ts';

const VERSION = 1;
/** Array head, version, space id, and the head of the list of runs. */
const HEAD_BYTES = 1 + 1 + 34 + 3;
/** Head of one run's byte string. */
const RUN_HEAD_BYTES = 5;
const RUNS_MAX = 4096;
const ROOM_BYTES = limits.gossipBytesMax - SEAL_BYTES - HEAD_BYTES;

/** `[1, space id, [run …]]`. */
export function encodePush(space: Uint8Array, runs: readonly Uint8Array[]): Uint8Array {
  const writer = new CborWriter().array(3).uint(VERSION).bytes(space).array(runs.length);
  for (const run of runs) writer.bytes(run);
  return writer.finish();
}

/** Throws `BAD_ENCODING`, `OVERSIZE`, `WRONG_SPACE`, and what a run's decoder throws. */
export function decodePush(message: Uint8Array, space: Uint8Array): Run[] {
  if (message.length > limits.gossipBytesMax) throw new AverError('OVERSIZE', 'The message is too large.');
  const reader = new CborReader(message);
  reader.array(3, 3);
  if (reader.uint() !== VERSION) throw new AverError('BAD_ENCODING', 'The message has another version.');
  if (!equalBytes(reader.hash(), space))
    throw new AverError('WRONG_SPACE', 'The message is of another space.');
  const count = reader.array(RUNS_MAX);
  if (count === 0) throw new AverError('BAD_ENCODING', 'The message holds no runs.');
  const runs: Run[] = [];
  for (let i = 0; i < count; i++) runs.push(decodeRun(reader.bytes(limits.runBytesMax), space));
  reader.end();
  return runs;
}

export interface PushOptions {
  readonly replica: Replica;
  readonly network: Network;
  readonly ports: Ports;
  readonly coalesceMs: number;
  /** The peer passed something on that waits for what we lack. */
  readonly onGap: (from: string) => void;
  /** More was written than push may carry: peers have to pull it. */
  readonly onOverflow: () => void;
  /** The peer passed on what it should have refused. */
  readonly onFault: (from: string, error: AverError) => void;
}

export class Push {
  readonly #options: PushOptions;
  readonly #seal: Seal;
  readonly #abort = new AbortController();
  readonly #stopping: (() => void)[] = [];
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isDraining = false;
  /** Bytes of messages whose runs are on their way into the set. */
  #admittingBytes = 0;
  readonly #admitting = new Set<Promise<void>>();

  constructor(options: PushOptions) {
    this.#options = options;
    const { replica, network, ports } = options;
    this.#seal = new Seal(replica.space, ports.random);
    this.#stopping.push(
      network.subscribe(replica.space.topic, (from, message) => this.#receive(from, message)),
      replica.events.on('visible', (runs, source) => {
        if (source.via === 'own') this.#enqueue(runs);
      }),
    );
  }

  /** Resolves when what was heard is in the set. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const stop of this.#stopping) stop();
    await Promise.all(this.#admitting);
  }

  #enqueue(runs: readonly Run[]): void {
    for (const run of runs) {
      const bytes = encodeRun(run);
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
    }
    if (this.#queuedBytes > limits.pushQueueBytesMax) {
      this.#options.ports.metrics.add('push_overflows');
      this.#queue = [];
      this.#queuedBytes = 0;
      this.#options.onOverflow();
    }
    if (!this.#isDraining) this.#drain();
  }

  /** The first write of a burst goes at once; what is written within the next moments travels together. */
  async #drain(): Promise<void> {
    const { network, ports, replica, coalesceMs } = this.#options;
    this.#isDraining = true;
    try {
      while (this.#queue.length > 0) {
        const message = this.#seal.seal(encodePush(replica.space.id, this.#takeRuns()));
        await network.publish(replica.space.topic, message).then(
          (peers) => ports.metrics.add('bytes_pushed', message.length * peers),
          (error: unknown) => {
            const { code, message: why } = toAverError(error);
            ports.metrics.add('push_failures');
            ports.log.write('debug', 'could not publish', { code, message: why });
          },
        );
        ports.metrics.add('push_messages_sent');
        await pause(ports.clock, coalesceMs, this.#abort.signal);
      }
    } catch {
      // Stopped: what is left is in the set, and peers pull it.
    } finally {
      this.#isDraining = false;
    }
  }

  #takeRuns(): Uint8Array[] {
    let bytes = 0;
    let count = 0;
    for (const run of this.#queue) {
      bytes += run.length + RUN_HEAD_BYTES;
      if (count > 0 && (bytes > ROOM_BYTES || count >= RUNS_MAX)) break;
      count++;
    }
    const runs = this.#queue.splice(0, count);
    for (const run of runs) this.#queuedBytes -= run.length;
    return runs;
  }

  async #receive(from: string, sealed: Uint8Array): Promise<Verdict> {
    const { replica, ports, onFault } = this.#options;
    ports.metrics.add('push_messages_received');
    let runs: Run[];
    try {
      runs = decodePush(this.#seal.open(sealed), replica.space.id);
    } catch (error) {
      const why = toAverError(error);
      ports.metrics.add('push_rejected', 1, { code: why.code });
      onFault(from, why);
      return 'reject';
    }
    // An erased payload is honest from a peer that has erased it, but no news worth passing on.
    if (runs.some((run) => run.assertions.some((assertion) => assertion.payload === undefined))) {
      return 'ignore';
    }
    if (this.#admittingBytes + sealed.length > limits.ingestQueueBytesMax) {
      ports.metrics.add('push_shed');
      this.#options.onGap(from);
      return 'ignore';
    }
    const screened = await replica.screen(runs, { from, via: 'push' });
    const verdict = await this.#judge(runs, screened);
    if (this.#abort.signal.aborted) return 'ignore';
    if (verdict === 'accept') for (const run of runs) replica.passedOn(run);
    this.#admit(screened, sealed.length);
    const refusal = screened.report.refusals[0];
    if (refusal !== undefined) {
      ports.metrics.add('push_rejected', 1, { code: refusal.code });
      onFault(from, new AverError(refusal.code, refusal.message));
    }
    return verdict;
  }

  async #judge(runs: readonly Run[], { report }: Screened): Promise<Verdict> {
    if (report.refused > 0) return 'reject';
    if (report.held > 0) return 'ignore';
    try {
      let isNews = false;
      for (const run of runs) isNews = (await this.#options.replica.isNews(run)) || isNews;
      return isNews ? 'accept' : 'ignore';
    } catch {
      return 'ignore'; // It contradicts what it builds on, which others may not have yet.
    }
  }

  /** Takes the sound runs in, without anybody waiting for the disk. */
  #admit(screened: Screened, bytes: number): void {
    if (screened.runs.length === 0) return;
    const { replica, ports, onGap } = this.#options;
    this.#admittingBytes += bytes;
    const admitting = replica
      .admit(screened)
      .then(
        (report) => {
          if (report.pending > 0 || report.full) onGap(screened.source.from);
        },
        (error: unknown) => {
          const { code, message } = toAverError(error);
          ports.log.write('error', 'could not store what was pushed', { code, message });
        },
      )
      .finally(() => {
        this.#admittingBytes -= bytes;
        this.#admitting.delete(admitting);
      });
    this.#admitting.add(admitting);
  }
}
