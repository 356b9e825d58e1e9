/** Feeds targets with inputs, and measures what each costs. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '../../src/testing/seeded-random.ts';
import { mutate } from './mutate.ts';
import { judge, type Target } from './target.ts';

/** Wall time from which on an input is measured again, by processor time. */
const SLOW_MS = 10;
const MEASURED = 3;
/** An input of this many bytes may take `SLOW_MS`, one of twice as many twice as long: linear work is no attack. */
const SLOW_BYTES = 64 * 1024;
/** For slower machines than the one where this was measured. */
const SLACK = 4;

export interface Slow {
  readonly target: string;
  /** Processor time of this thread, the least of some. */
  readonly cpuMs: number;
  readonly input: Uint8Array;
  /** More than its length explains, on any machine. */
  readonly isTooSlow: boolean;
}

export interface Crash {
  readonly target: string;
  readonly why: string;
  readonly input: Uint8Array;
}

export interface Report {
  inputs: number;
  decoded: number;
  readonly codes: Map<string, number>;
  readonly crashes: Crash[];
  slowest: Slow | undefined;
}

export function newReport(): Report {
  return { inputs: 0, decoded: 0, codes: new Map(), crashes: [], slowest: undefined };
}

/** Judges one input and counts it. */
export async function feed(target: Target, input: Uint8Array, report: Report): Promise<void> {
  const startMs = performance.now();
  const pending = judge(target, input);
  const outcome = pending instanceof Promise ? await pending : pending;
  const ms = performance.now() - startMs;
  report.inputs++;
  if (outcome.type === 'decoded') report.decoded++;
  else if (outcome.type === 'refused')
    report.codes.set(outcome.code, (report.codes.get(outcome.code) ?? 0) + 1);
  else report.crashes.push({ target: target.name, why: outcome.why, input });
  if (ms <= Math.max(SLOW_MS, report.slowest?.cpuMs ?? 0)) return;
  const cpuMs = await measure(target, input);
  if (cpuMs <= (report.slowest?.cpuMs ?? 0)) return;
  const isTooSlow = cpuMs > SLACK * SLOW_MS * Math.max(1, input.length / SLOW_BYTES);
  report.slowest = { target: target.name, cpuMs, input, isTooSlow };
}

/** Processor time in ms: what else goes on, or that the process was stopped, does not count. */
async function measure(target: Target, input: Uint8Array): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MEASURED; i++) {
    const before = process.threadCpuUsage();
    await judge(target, input);
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** Sound inputs first, which must all be decoded, then so many spoiled ones. */
export async function fuzz(target: Target, inputs: number, seed: number, report: Report): Promise<void> {
  const random = new SeededRandom(seed);
  const pool = await target.sound(seed);
  for (const sound of pool) {
    const before = report.decoded;
    await feed(target, sound, report);
    const isRefused = target.isWhole !== false && report.decoded === before && report.crashes.length === 0;
    if (isRefused)
      report.crashes.push({ target: target.name, why: 'a sound input is refused', input: sound });
  }
  for (let i = 0; i < inputs; i++) {
    const from = pool[random.integer(pool.length)] as Uint8Array;
    await feed(target, mutate(from, random, pool, target.kind), report);
  }
}

/** A target's part of so many inputs. */
export function inputsOf(target: Target, all: readonly Target[], inputs: number): number {
  const shares = all.reduce((sum, { share = 1 }) => sum + share, 0);
  return Math.ceil((inputs * (target.share ?? 1)) / shares);
}

let gc: (() => void) | undefined;

/** Bytes of the heap and of buffers that are still in use. */
export function liveBytes(): number {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
  gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}
