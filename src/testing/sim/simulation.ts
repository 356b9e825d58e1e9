/**
 * One simulation: peers live through a plan of writes and faults, then everything heals, and within
 * thirty virtual seconds all of them must show the same. One seed, one trace.
 */
import { toAverError } from '../../base/errors.ts';
import { loadFastHash } from '../../base/hash.ts';
import { testSpace } from '../chains.ts';
import { Faults } from './faults.ts';
import type { Tally } from './happenings.ts';
import { Healing, type Holder } from './healing.ts';
import { compareLenses, forkedAuthors } from './lenses.ts';
import { type Breach, Oracle } from './oracle.ts';
import { type Action, type PlanOptions, planOf } from './plan.ts';
import { platform } from './platform.ts';
import { Rogue } from './rogue.ts';
import { randomOf } from './seeds.ts';
import { simCrypto } from './sim-crypto.ts';
import { SimHub } from './sim-hub.ts';
import { SimPeer, type World } from './sim-peer.ts';
import { SimTime } from './sim-time.ts';
import { stackOf } from './stack.ts';
import { Trace } from './trace.ts';

const BOUNDS_EVERY_MS = 1000;
/** A writer that waits for another peer waits so long. */
const SETTLED_MS = 20_000;

export interface SimulationOptions extends PlanOptions {
  /** The one peer that all rogues look for; half of the peers each when absent. */
  readonly victim?: number;
  /** Instead of the plan that the seed gives. */
  readonly plan?: readonly Action[];
  readonly print?: ((line: string) => void) | undefined;
  /** Reports rejections that nobody handles, until the returned function is called. */
  readonly watchRejections?: ((report: (error: unknown) => void) => () => void) | undefined;
}

export interface Outcome {
  readonly seed: number;
  readonly hash: string;
  readonly breach: Breach | undefined;
  /** From the heal until all roots were equal. */
  readonly convergedMs: number | undefined;
  readonly assertions: number;
  readonly acknowledged: number;
  readonly events: number;
  readonly bytes: number;
  /** From the heal until all roots were equal. */
  readonly convergenceBytes: number | undefined;
  readonly virtualMs: number;
  readonly refusedWrites: number;
  /** Authors of whom the first peer has several branches in the end. */
  readonly forkedAuthors: number;
  /** How often what happened. */
  readonly tally: Tally;
}

export async function simulate(options: SimulationOptions): Promise<Outcome> {
  await loadFastHash();
  const restore = platform.replace();
  try {
    return await new Simulation(options).run();
  } finally {
    restore();
  }
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #peers: readonly SimPeer[];
  readonly #rogues: readonly Rogue[];
  readonly #faults: Faults;
  #refusedWrites = 0;
  #healing: Healing | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed } = options;
    const time = new SimTime();
    const trace = new Trace(() => time.elapsedMs, options.print);
    const crypto = simCrypto();
    const oracle = new Oracle(crypto, () => time.elapsedMs);
    const hub = new SimHub(seed, time, trace);
    this.#world = { seed, time, trace, hub, crypto, oracle, space: testSpace() };
    this.#peers = meshed(this.#world, options.peers);
    const { victim } = options;
    const sought = victim === undefined ? undefined : [this.#peers[victim] as SimPeer];
    this.#rogues = roguesAmong(this.#world, this.#peers, options.rogues, sought);
    this.#faults = new Faults(this.#world, this.#peers);
  }

  async run(): Promise<Outcome> {
    const { time, trace, oracle } = this.#world;
    const isOver = () => oracle.breach !== undefined;
    const unwatch = this.#options.watchRejections?.((error) =>
      oracle.fail('no unexpected error', `nobody handles: ${stackOf(error)}`),
    );
    for (const one of [...this.#peers, ...this.#rogues]) void one.start();
    for (const action of this.#options.plan ?? planOf(this.#options)) this.#schedule(action);
    this.#watchBounds();
    await time.advance(this.#options.faultsMs, isOver);
    trace.say('everything heals');
    this.#faults.heal();
    const rogueMs = Math.max(0, ...this.#rogues.map((rogue) => rogue.latestMs));
    this.#healing = new Healing(this.#world, this.#whole(), rogueMs);
    await this.#healing.wait();
    if (oracle.breach === undefined) this.#healing.judge();
    for (const { name, isUp } of this.#peers)
      if (!isUp) oracle.fail('no unexpected error', `${name} does not run`);
    if (oracle.breach === undefined) await compareLenses(this.#world, this.#sound());
    unwatch?.();
    return this.#outcome();
  }

  #schedule(action: Action): void {
    const { time, oracle } = this.#world;
    const run = async (): Promise<void> => {
      if (action.do === 'write') await this.#write(action);
      else if (action.do === 'deed') {
        const target = this.#peers[action.at % this.#peers.length] as SimPeer;
        await this.#rogues[action.rogue]?.do(action.deed, target.name);
      } else await this.#faults.begin(action);
    };
    if (action.do === 'restore backup')
      time.setTimer(action.atMs - action.agoMs, () => void this.#faults.backUp(action));
    time.setTimer(action.atMs, () => {
      run().catch((error: unknown) => oracle.fail('no unexpected error', `${action.do}: ${stackOf(error)}`));
    });
  }

  async #write({
    peer: number,
    topic,
    assertions,
    settled,
  }: Extract<Action, { do: 'write' }>): Promise<void> {
    const peer = this.#peers[number];
    const space = peer?.space;
    if (peer === undefined || space === undefined) return;
    const { trace, oracle, time } = this.#world;
    trace.say(`${peer.name} writes ${assertions} about s${topic}`);
    const one = async (i: number): Promise<string | undefined> => {
      const object = `${peer.name} ${time.elapsedMs} ${i}`;
      try {
        const { id } = await space.assert({ subject: `s${topic}`, predicate: `p${i % 2}`, object });
        trace.say(`${peer.name} acknowledges ${id.slice(0, 8)}`);
        // Nobody hears a peer that has died meanwhile.
        if (peer.space !== space) return undefined;
        oracle.acknowledged(peer.shown, id);
        trace.count('a write was acknowledged');
        peer.disk.reached('acknowledged');
        return id;
      } catch (error) {
        this.#refused(peer, error);
        return undefined;
      }
    };
    const ids = await Promise.all(Array.from({ length: assertions }, (_, i) => one(i)));
    if (settled) await this.#settle(peer, ids);
  }

  /** Peers that are said to hold what was written must hold it whatever comes. */
  async #settle(peer: SimPeer, ids: readonly (string | undefined)[]): Promise<void> {
    const { trace, oracle, time } = this.#world;
    const abort = new AbortController();
    const cancel = time.setTimer(SETTLED_MS, () => abort.abort());
    const told = await peer.space?.settled({ replicas: 1, signal: abort.signal }).catch(() => undefined);
    cancel();
    for (const name of told?.replicas ?? []) {
      trace.count('a peer held for good what another wrote');
      trace.say(`${peer.name} hears that ${name} holds what it wrote`);
      const holder = this.#peers.find((other) => other.name === name);
      if (holder === undefined) continue;
      for (const id of ids) if (id !== undefined) oracle.promised(holder.shown, id);
      holder.disk.reached('told');
    }
  }

  #refused(peer: SimPeer, error: unknown): void {
    const { oracle, trace } = this.#world;
    const { code } = toAverError(error);
    this.#refusedWrites++;
    if (code === 'CLOCK_AHEAD') trace.count('a write was refused for its clock');
    trace.say(`${peer.name} refuses a write: ${code}`);
    const expected = ['STORE_FULL', 'STORE_FAILED', 'CLOCK_AHEAD', 'AUTHOR_RETIRED', 'CLOSED'];
    const isExpected = expected.includes(code) || (code === 'STORE_CORRUPT' && peer.shown.isDamaged);
    if (!isExpected) oracle.fail('no unexpected error', `${peer.name} refuses a write: ${stackOf(error)}`);
  }

  #watchBounds(): void {
    const { time, trace, oracle } = this.#world;
    const look = () => {
      for (const { name, space } of this.#peers) {
        if (space === undefined) continue;
        oracle.bounded(name, space.replica);
        if (space.replica.pendingCount > 0) trace.count('a run waited for what it names');
        if (space.replica.heldAuthors > 0) trace.count('an author was held for its time');
      }
      time.setTimer(BOUNDS_EVERY_MS, look);
    };
    time.setTimer(BOUNDS_EVERY_MS, look);
  }

  /** Those whose disks are as they were written. */
  #sound(): SimPeer[] {
    return this.#peers.filter(({ shown }) => !shown.isDamaged);
  }

  /** Those who must end with the same set. */
  #whole(): Holder[] {
    const candid = this.#rogues.filter(({ isCandid }) => isCandid);
    const peers = this.#sound().map((peer) => ({ name: peer.name, replica: () => peer.space?.replica }));
    return [...peers, ...candid.map((rogue) => ({ name: rogue.name, replica: () => rogue.replica }))];
  }

  #outcome(): Outcome {
    const { seed, trace, oracle, hub, time } = this.#world;
    return {
      seed,
      hash: trace.hash,
      breach: oracle.breach,
      convergedMs: this.#healing?.convergedMs,
      assertions: oracle.assertions,
      acknowledged: oracle.acknowledgements,
      events: trace.events,
      bytes: hub.bytes,
      convergenceBytes: this.#healing?.convergenceBytes,
      virtualMs: time.elapsedMs,
      refusedWrites: this.#refusedWrites,
      forkedAuthors: forkedAuthors(this.#peers[0]),
      tally: trace.tally,
    };
  }
}

/** Each keeps up to three of those before it: a connected graph with some ways around. */
function meshed(world: World, count: number): SimPeer[] {
  const random = randomOf(world.seed, 'mesh');
  const peers: SimPeer[] = [];
  for (let number = 0; number < count; number++) {
    const before = random.shuffle(peers).slice(0, 3);
    const name = `p${String(number).padStart(2, '0')}`;
    peers.push(
      new SimPeer(
        world,
        name,
        before.map((peer) => peer.name),
      ),
    );
  }
  return peers;
}

/** Rogues look for half of the peers; no honest peer looks for them. */
function roguesAmong(
  world: World,
  peers: readonly SimPeer[],
  count: number,
  sought?: readonly SimPeer[],
): Rogue[] {
  const random = randomOf(world.seed, 'rogues');
  return Array.from({ length: count }, (_, number) => {
    const dialled = sought ?? random.shuffle(peers).slice(0, Math.ceil(peers.length / 2));
    return new Rogue(
      world,
      `x${number}`,
      dialled.map(({ name }) => name),
    );
  });
}
