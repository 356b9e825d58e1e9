/**
 * One simulation: peers live through a plan of writes and faults, then everything heals, and within
 * thirty virtual seconds all of them must show the same. One seed, one trace.
 */
import { toAverError } from '../../base/errors.ts';
import { loadFastHash } from '../../base/hash.ts';
import type { LocalSpace } from '../../peer/local-space.ts';
import { testSpace } from '../chains.ts';
import { CLUB_MARK, type Club, clubOf } from './club.ts';
import { Faults } from './faults.ts';
import { checkGreetings } from './greetings.ts';
import type { Tally } from './happenings.ts';
import { Healing, type Holder } from './healing.ts';
import { Invitations } from './invitations.ts';
import { checkDamaged, compareLenses, forkedAuthors } from './lenses.ts';
import type { Lie } from './lying-network.ts';
import { type Breach, Oracle } from './oracle.ts';
import { Outsider } from './outsider.ts';
import { type Action, type PlanOptions, planOf } from './plan.ts';
import { platform } from './platform-node.ts';
import { Rogue } from './rogue.ts';
import { randomOf } from './seeds.ts';
import { type SimCrypto, simCrypto } from './sim-crypto.ts';
import { SimHub } from './sim-hub.ts';
import { peerName, SimPeer, type World } from './sim-peer.ts';
import { SimTime } from './sim-time.ts';
import { stackOf } from './stack.ts';
import { Trace } from './trace.ts';

const BOUNDS_EVERY_MS = 1000;
const INTRUDER = 'x99';
/** A writer that waits for another peer waits so long. */
const SETTLED_MS = 20_000;

export interface SimulationOptions extends PlanOptions {
  /** The one peer that all rogues look for; half of the peers each when absent. */
  readonly victim?: number;
  /** What all rogues lie about; drawn for each when absent. */
  readonly lies?: readonly Lie[];
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
  const crypto = simCrypto();
  const plan = options.plan ?? planOf(options);
  try {
    const club = await clubOf(plan, peerName, options.seed, crypto);
    return await new Simulation(options, plan, crypto, club).run();
  } finally {
    restore();
  }
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #plan: readonly Action[];
  readonly #world: World;
  readonly #peers: readonly SimPeer[];
  readonly #rogues: readonly Rogue[];
  readonly #faults: Faults;
  readonly #invitations: Invitations;
  /** In the club, where nobody let it in. */
  readonly #intruder: Rogue | undefined;
  readonly #outsider: Outsider | undefined;
  #refusedWrites = 0;
  #healing: Healing | undefined;

  constructor(
    options: SimulationOptions,
    plan: readonly Action[],
    crypto: SimCrypto,
    club: Club | undefined,
  ) {
    this.#options = options;
    this.#plan = plan;
    const { seed } = options;
    const time = new SimTime();
    const trace = new Trace(() => time.elapsedMs, options.print);
    const space = testSpace();
    const spaces = club === undefined ? [space] : [space, club.space];
    const oracle = new Oracle(crypto, spaces, () => time.elapsedMs);
    const hub = new SimHub(seed, time, trace);
    this.#world = { seed, time, trace, hub, crypto, oracle, space, club, lies: options.lies };
    this.#peers = meshed(this.#world, options.peers);
    const { victim } = options;
    const sought = victim === undefined ? undefined : [this.#peers[victim] as SimPeer];
    this.#rogues = roguesAmong(this.#world, this.#peers, options.rogues, sought);
    this.#faults = new Faults(this.#world, this.#peers);
    this.#invitations = new Invitations(this.#world, this.#peers, plan);
    if (club?.space.genesis.write === 'invited')
      this.#intruder = new Rogue(
        this.#world,
        INTRUDER,
        this.#peers.map(({ name }) => name),
        club.space,
      );
    if (club?.space.secret !== undefined) this.#outsider = new Outsider(this.#world, club.space);
  }

  async run(): Promise<Outcome> {
    const { time, trace, oracle } = this.#world;
    const isOver = () => oracle.breach !== undefined;
    const unwatch = this.#options.watchRejections?.((error) =>
      oracle.fail('no unexpected error', `nobody handles: ${stackOf(error)}`),
    );
    for (const one of [...this.#peers, ...this.#rogues]) void one.start();
    void this.#intruder?.start();
    for (const action of this.#plan) this.#schedule(action);
    this.#watchBounds();
    await time.advance(this.#options.faultsMs, isOver);
    trace.say('everything heals');
    this.#faults.heal();
    this.#invitations.heal();
    const rogueMs = Math.max(0, ...this.#rogues.map((rogue) => rogue.latestMs));
    this.#healing = new Healing(this.#world, this.#whole(), rogueMs);
    await this.#healing.wait();
    if (oracle.breach === undefined) this.#healing.judge();
    for (const { name, isUp } of this.#peers)
      if (!isUp) oracle.fail('no unexpected error', `${name} does not run`);
    const read = this.#sound();
    if (oracle.breach === undefined) {
      await compareLenses(
        this.#world,
        read.map(({ name, space }) => ({ name, space })),
      );
      const members = read.filter(({ club }) => club !== undefined);
      await compareLenses(
        this.#world,
        members.map(({ name, club }) => ({ name, space: club })),
      );
    }
    if (oracle.breach === undefined) {
      await checkGreetings(this.#world, read, ({ space }) => space);
      await checkGreetings(this.#world, read, ({ club }) => club);
    }
    const [whole] = read;
    const damaged = this.#peers.filter(({ shown }) => shown.isDamaged);
    if (oracle.breach === undefined && whole !== undefined && damaged.length > 0)
      await checkDamaged(this.#world, whole, damaged);
    unwatch?.();
    return this.#outcome();
  }

  #schedule(action: Action): void {
    const { time, oracle } = this.#world;
    const run = async (): Promise<void> => {
      if (action.do === 'write') await this.#write(action);
      else if (action.do === 'invite') await this.#invitations.invite(action);
      else if (action.do === 'trespass') await this.#trespass(action);
      else if (action.do === 'deed') {
        await this.#rogues[action.rogue]?.do(action.deed, this.#peer(action.at).name);
      } else if (action.do !== 'found club') await this.#faults.begin(action);
    };
    if (action.do === 'restore backup')
      time.setTimer(action.atMs - action.agoMs, () => void this.#faults.backUp(action));
    time.setTimer(action.atMs, () => {
      run().catch((error: unknown) => oracle.fail('no unexpected error', `${action.do}: ${stackOf(error)}`));
    });
  }

  #peer(number: number): SimPeer {
    return this.#peers[number % this.#peers.length] as SimPeer;
  }

  async #trespass({ at, deed }: Extract<Action, { do: 'trespass' }>): Promise<void> {
    const { name } = this.#peer(at);
    const founder = this.#peers.find((peer) => peer.name === this.#world.club?.founder);
    await this.#outsider?.visit(name, [...(founder?.club?.replica.frontier.trie.entries() ?? [])]);
    await this.#intruder?.do(deed, name);
  }

  async #write({
    peer: number,
    topic,
    assertions,
    settled,
    inClub = false,
    bytes = 0,
  }: Extract<Action, { do: 'write' }>): Promise<void> {
    const peer = this.#peers[number];
    const space = inClub ? peer?.club : peer?.space;
    if (peer === undefined || space === undefined) return;
    const { trace, oracle, time } = this.#world;
    trace.say(`${peer.name} writes ${assertions} about s${topic}${inClub ? ' in the club' : ''}`);
    const one = async (i: number): Promise<string | undefined> => {
      const object = `${peer.name} ${time.elapsedMs} ${i}${inClub ? ` ${CLUB_MARK}` : ''}${'.'.repeat(bytes)}`;
      try {
        const { id } = await space.assert({ subject: `s${topic}`, predicate: `p${i % 2}`, object });
        trace.say(`${peer.name} acknowledges ${id.slice(0, 8)}`);
        // Nobody hears a peer that has died meanwhile.
        if (peer.spaces.get(space.id) !== space) return undefined;
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
    if (settled) await this.#settle(peer, space, ids);
  }

  /** Peers that are said to hold what was written must hold it whatever comes. */
  async #settle(peer: SimPeer, space: LocalSpace, ids: readonly (string | undefined)[]): Promise<void> {
    const { trace, oracle, time } = this.#world;
    const abort = new AbortController();
    const cancel = time.setTimer(SETTLED_MS, () => abort.abort());
    if (peer.spaces.get(space.id) !== space) return;
    const told = await space.settled({ replicas: 1, signal: abort.signal }).catch(() => undefined);
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
    // A key that is used elsewhere gives way to one that nobody let in.
    const mayWrite = this.#invitations.isWriter(peer) && !peer.shown.wasExcused;
    if (code === 'NOT_ADMITTED') trace.count('a write was refused for want of an admission');
    const isExpected =
      expected.includes(code) ||
      (code === 'STORE_CORRUPT' && peer.shown.isDamaged) ||
      (code === 'NOT_ADMITTED' && !mayWrite);
    if (!isExpected) oracle.fail('no unexpected error', `${peer.name} refuses a write: ${stackOf(error)}`);
  }

  #watchBounds(): void {
    const { time, trace, oracle } = this.#world;
    const look = () => {
      for (const { name, spaces, metrics } of this.#peers) {
        if (metrics.value('pending_full') > 0) trace.count('there was no room for what waits');
        for (const { replica } of spaces.values()) {
          oracle.bounded(name, replica);
          if (replica.pendingCount > 0) trace.count('a run waited for what it names');
          if (replica.heldAuthors > 0) trace.count('an author was held for its time');
        }
      }
      time.setTimer(BOUNDS_EVERY_MS, look);
    };
    time.setTimer(BOUNDS_EVERY_MS, look);
  }

  /** Those whose disks are as they were written. */
  #sound(): SimPeer[] {
    return this.#peers.filter(({ shown }) => !shown.isDamaged);
  }

  /** Those who must end with the same set: of each space. */
  #whole(): Holder[][] {
    const candid = this.#rogues.filter(({ isCandid }) => isCandid);
    const peers = this.#sound().map((peer) => ({ name: peer.name, replica: () => peer.space?.replica }));
    const all = [...peers, ...candid.map((rogue) => ({ name: rogue.name, replica: () => rogue.replica }))];
    const members = this.#sound().filter((peer) => this.#invitations.members.has(peer));
    return [all, members.map((peer) => ({ name: peer.name, replica: () => peer.club?.replica }))];
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
    peers.push(
      new SimPeer(
        world,
        peerName(number),
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
