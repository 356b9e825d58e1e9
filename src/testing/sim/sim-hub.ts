/**
 * The network of a simulation. Streams behave as connections do: bytes are late, in order, stalled
 * while a way is blocked, and the connection breaks when that lasts; gossip is lost, doubled and
 * overtaken besides. Each way between two peers has chances of its own.
 */
import { limits } from '../../base/limits.ts';
import { MemoryHub } from '../../net/memory-hub.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { randomOf } from './seeds.ts';
import type { SimTime } from './sim-time.ts';
import type { Trace } from './trace.ts';

/** A connection on which nothing gets through breaks after this long. */
const STALL_MS = 20_000;

interface Way {
  readonly random: SeededRandom;
  readonly latencyMs: number;
  /** Nothing may overtake what is delivered then. */
  lastAtMs: number;
  /** What waits until the way is open again; undefined while it is open. */
  stalled: (() => void)[] | undefined;
}

export interface NetworkFaults {
  /** Parts of the gossip messages, on each hop. */
  loss: number;
  doubled: number;
  overtaken: number;
  /** Mean of what chance adds to the latency. */
  jitterMs: number;
}

export class SimHub extends MemoryHub {
  readonly faults: NetworkFaults = { loss: 0, doubled: 0, overtaken: 0, jitterMs: 5 };
  /** Added to whatever comes to or from a peer. */
  readonly slownessMs = new Map<string, number>();
  /** Peers that no gossip reaches. */
  readonly deaf = new Set<string>();
  bytes = 0;
  messages = 0;
  readonly #seed: number;
  readonly #time: SimTime;
  readonly #trace: Trace;
  readonly #ways = new Map<string, Way>();
  #isBlocked: (from: string, to: string) => boolean = () => false;

  constructor(seed: number, time: SimTime, trace: Trace) {
    super({ clock: time, random: randomOf(seed, 'hub') });
    this.#seed = seed;
    this.#time = time;
    this.#trace = trace;
  }

  /** From now on exactly these ways are blocked; connections that need them break after a while. */
  block(isBlocked: (from: string, to: string) => boolean): void {
    this.#isBlocked = isBlocked;
    for (const [name, way] of this.#ways) {
      const [from, to] = name.split(' ') as [string, string];
      if (!isBlocked(from, to)) this.#release(way);
      else if (way.stalled === undefined) this.#stall(from, to, way);
    }
  }

  override isReachable(a: string, b: string): boolean {
    return !this.#isBlocked(a, b) && !this.#isBlocked(b, a);
  }

  override deliver(from: string, to: string, action: () => void, bytes = 0): void {
    const way = this.#way(from, to);
    this.#count(bytes);
    const arrive = () => this.#arrive(action, `${from} ${to} ${bytes}`);
    const send = () => this.#send(from, to, way, arrive);
    if (way.stalled === undefined) send();
    else {
      this.#trace.count('a blocked way held up what was sent');
      way.stalled.push(send);
    }
  }

  override deliverGossip(from: string, to: string, action: () => void, bytes: number): void {
    const way = this.#way(from, to);
    const { loss, doubled, overtaken } = this.faults;
    if (way.random.number() < loss || this.deaf.has(to)) {
      this.#trace.count('gossip was lost');
      return;
    }
    const copies = way.random.number() < doubled ? 2 : 1;
    if (copies > 1) this.#trace.count('gossip came twice');
    for (let copy = 0; copy < copies; copy++) {
      if (copy === 0 && way.random.number() >= overtaken) this.deliver(from, to, action, bytes);
      else if (way.stalled === undefined) {
        this.#count(bytes);
        if (copy === 0) this.#trace.count('gossip was overtaken');
        const ms = this.#delayMs(from, to, way) + way.random.number() * 1000;
        this.#time.setTimer(ms, () => this.#arrive(action, `${from} ${to} ${bytes} astray`));
      }
    }
  }

  override roundTrip(from: string, to: string, action: () => void): void {
    if (this.isReachable(from, to)) super.roundTrip(from, to, action);
    else this.#time.setTimer(limits.dialTimeoutMs, action);
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    this.messages++;
  }

  #way(from: string, to: string): Way {
    const name = `${from} ${to}`;
    let way = this.#ways.get(name);
    if (way === undefined) {
      const random = randomOf(this.#seed, 'way', from, to);
      way = { random, latencyMs: 1 + 40 * random.number() ** 2, lastAtMs: 0, stalled: undefined };
      this.#ways.set(name, way);
      if (this.#isBlocked(from, to)) this.#stall(from, to, way);
    }
    return way;
  }

  #delayMs(from: string, to: string, way: Way): number {
    const slownessMs = (this.slownessMs.get(from) ?? 0) + (this.slownessMs.get(to) ?? 0);
    if (slownessMs > 0) this.#trace.count('a slow peer held up what was sent');
    return way.latencyMs + slownessMs + 2 * this.faults.jitterMs * way.random.number();
  }

  #send(from: string, to: string, way: Way, arrive: () => void): void {
    const atMs = this.#time.elapsedMs + this.#delayMs(from, to, way);
    // To the very time of the one before, which a sum of differences would miss by a rounding, and overtake it.
    way.lastAtMs = Math.max(way.lastAtMs, atMs);
    this.#time.setTimerAt(way.lastAtMs, arrive);
  }

  #arrive(action: () => void, what: string): void {
    this.#trace.note(what);
    action();
  }

  #stall(from: string, to: string, way: Way): void {
    const stalled: (() => void)[] = [];
    way.stalled = stalled;
    this.#time.setTimer(STALL_MS, () => {
      if (way.stalled !== stalled) return;
      if (stalled.length > 0) this.#trace.count('a connection broke over a blocked way');
      this.find(from)?.cut(to);
    });
  }

  #release(way: Way): void {
    const stalled = way.stalled ?? [];
    way.stalled = undefined;
    for (const send of stalled) send();
  }
}
