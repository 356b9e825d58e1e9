/** One peer of a simulation over its lives: the real peer on a simulated disk, clock and network. */
import type { Run } from '../../assertion/model.ts';
import { decodeRun } from '../../assertion/run-codec.ts';
import { bytesToHex, concatBytes, utf8 } from '../../base/bytes.ts';
import { MemoryMetrics } from '../../base/counters.ts';
import { isAverError, toAverError } from '../../base/errors.ts';
import type { Log, Ports, StoreOp } from '../../base/ports.ts';
import { MemoryNetwork } from '../../net/memory-network.ts';
import type { Keyring } from '../../peer/keyring.ts';
import { keyringOf, LocalPeer } from '../../peer/local-peer.ts';
import type { LocalSpace } from '../../peer/local-space.ts';
import { spaceStore } from '../../peer/store-layout.ts';
import type { SpaceIdentity } from '../../set/genesis.ts';
import { Journal } from '../../set/journal.ts';
import { blockKey } from '../../set/journal-keys.ts';
import { type Club, found } from './club.ts';
import { type HangingNetwork, hangingNetwork } from './hanging-network.ts';
import type { Lie } from './lying-network.ts';
import type { Oracle, Shown } from './oracle.ts';
import { randomOf } from './seeds.ts';
import type { SimCrypto } from './sim-crypto.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimHub } from './sim-hub.ts';
import { SimClock, type SimTime } from './sim-time.ts';
import type { Trace } from './trace.ts';

export interface World {
  readonly seed: number;
  readonly time: SimTime;
  readonly trace: Trace;
  readonly hub: SimHub;
  readonly crypto: SimCrypto;
  readonly oracle: Oracle;
  /** The one that all are in. */
  readonly space: SpaceIdentity;
  /** The one that some are in. */
  readonly club: Club | undefined;
  /** What all rogues lie about; drawn for each when undefined. */
  readonly lies: readonly Lie[] | undefined;
}

/** A peer that could not start is started again after this long, as a supervisor does. */
const RESTART_MS = 2000;

export class SimPeer {
  readonly name: string;
  readonly disk: SimDisk;
  readonly shown: Shown;
  /** How far its clock is ahead of true time. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  set clockOffsetMs(ms: number) {
    const { oracle, time } = this.#world;
    oracle.clockShows(this.shown, time.nowMs() + this.#clockOffsetMs);
    this.#clockOffsetMs = ms;
  }

  /** The spaces that it is in while it is up, by id in hex. */
  readonly spaces = new Map<string, LocalSpace>();
  metrics = new MemoryMetrics();
  readonly #world: World;
  readonly #keeps: readonly string[];
  #clockOffsetMs = 0;
  #life = 0;
  #peer: LocalPeer | undefined;
  #network: MemoryNetwork | undefined;
  #streams: HangingNetwork | undefined;
  #clock: SimClock | undefined;
  /** The disk went back in time, so that this peer may have forgotten what it acknowledged. */
  #isDiskExcused = false;
  /** What becomes visible while it starts. */
  #early: Run[] | undefined;

  constructor(world: World, name: string, keeps: readonly string[]) {
    this.#world = world;
    this.name = name;
    this.#keeps = keeps;
    const { time, trace, seed } = world;
    this.disk = new SimDisk({ name, time, trace, random: randomOf(seed, name, 'disk') });
    this.shown = world.oracle.peer(name);
    this.shown.spaces.add(bytesToHex(world.space.id));
  }

  get isUp(): boolean {
    return this.space !== undefined;
  }

  /** The one that all are in. */
  get space(): LocalSpace | undefined {
    return this.spaces.get(bytesToHex(this.#world.space.id));
  }

  /** The one that some are in. */
  get club(): LocalSpace | undefined {
    return this.#world.club && this.spaces.get(bytesToHex(this.#world.club.space.id));
  }

  async start(): Promise<void> {
    const life = this.#life;
    try {
      await this.#start(life);
    } catch (error) {
      if (life !== this.#life) return;
      const { code } = toAverError(error);
      this.#world.trace.say(`${this.name} cannot start: ${code}`);
      if (!isAverError(error) || !code.startsWith('STORE_')) {
        this.#world.oracle.fail('no unexpected error', `${this.name} cannot start: ${String(error)}`);
      }
      this.crash();
      this.#later(RESTART_MS, () => this.start());
    }
  }

  async #start(life: number): Promise<void> {
    const { time, hub, crypto, oracle, seed, trace } = this.#world;
    const lost = await this.disk.recover();
    oracle.restarted(this.shown, (await this.#storedInAll()).flat(), this.#isDiskExcused);
    trace.say(
      `${this.name} starts with ${this.shown.ids.size} assertions${lost > 0 ? `, ${lost} writes lost` : ''}`,
    );
    this.#isDiskExcused = this.disk.faults.losesSyncs;
    const clock = new SimClock(time, () => this.clockOffsetMs);
    this.#clock = clock;
    this.metrics = new MemoryMetrics();
    const random = randomOf(seed, this.name, 'life', life);
    const ports: Ports = { clock, random, crypto, metrics: this.metrics, log: this.#log() };
    const store = this.disk.open(clock);
    const keyring = keyringOf(store, ports);
    await this.#saveSpaces(keyring);
    const network = new MemoryNetwork(hub, this.name);
    this.#network = network;
    this.#streams = hangingNetwork(network);
    const stored = await this.#storedInAll();
    const peer = await LocalPeer.start({
      store,
      network: {
        ...this.#streams.network,
        // A process that was killed while it started connects to nobody.
        start: async () => {
          if (life === this.#life) await network.start();
        },
      },
      ports,
      keyring,
      bootstrap: this.#keeps.map(addressOf),
      version: 'simulated',
      storage: async () => ({
        kind: 'memory',
        persistent: true,
        usedBytes: 0,
        quotaBytes: 0,
        place: this.name,
      }),
    });
    if (life !== this.#life) return;
    this.#peer = peer;
    const early: Run[] = [];
    this.#early = early;
    this.shown.spaces.clear();
    for (const space of await peer.spaces()) this.#enter(space as LocalSpace);
    // What became visible between the opening of the replicas and now.
    const now = await this.#storedInAll();
    for (const [i, runs] of now.entries()) this.#show(runs.slice(stored[i]?.length), false);
    this.#early = undefined;
    this.#show(early, false);
  }

  async #saveSpaces(keyring: Keyring): Promise<void> {
    const { space, club, crypto } = this.#world;
    const saved = new Set<string>();
    for await (const each of keyring.spaces()) saved.add(bytesToHex(each.space.id));
    if (!saved.has(bytesToHex(space.id))) await keyring.saveSpace({ space, addresses: [] });
    const isFounder = club?.founder === this.name;
    if (isFounder && !saved.has(bytesToHex(club.space.id))) await found(club, keyring, crypto);
  }

  #enter(space: LocalSpace): void {
    const life = this.#life;
    this.spaces.set(space.id, space);
    this.shown.spaces.add(space.id);
    space.replica.events.on('visible', (runs, { via }) => {
      if (life !== this.#life) return;
      if (this.#early === undefined) this.#show(runs, via === 'own');
      else this.#early.push(...runs);
    });
  }

  /** Opens an invite. Returns whether it has: it may be down, or go down meanwhile. */
  async join(invite: string): Promise<boolean> {
    const life = this.#life;
    if (this.#peer === undefined || !this.isUp) return false;
    const space = (await this.#peer.open(invite)) as LocalSpace;
    if (life !== this.#life || !this.isUp) return false;
    if (!this.spaces.has(space.id)) this.#enter(space);
    return true;
  }

  #show(runs: readonly Run[], isOwn: boolean): void {
    const { oracle, trace, time } = this.#world;
    const clockMs = time.nowMs() + this.clockOffsetMs;
    for (const run of runs) {
      oracle.visible(this.shown, run, isOwn, clockMs);
      trace.note(`${this.name} shows`);
      trace.bytes(run.signature);
    }
  }

  /** Runs on the disk, of each space in order of arrival. */
  async #storedInAll(): Promise<Run[][]> {
    const { space, club } = this.#world;
    const runs = [await this.#stored(space)];
    if (club !== undefined) runs.push(await this.#stored(club.space));
    return runs;
  }

  async #stored({ id }: SpaceIdentity): Promise<Run[]> {
    const runs: Run[] = [];
    const journal = new Journal(spaceStore(this.disk.image, id), id);
    for await (const { bytes } of journal.runs()) runs.push(decodeRun(bytes, id));
    return runs;
  }

  /** Damages a stored run: from then on others have to do without this peer's copy. */
  async flipBit(where: number, bit: number): Promise<void> {
    const { id } = this.#world.space;
    const runs = await this.#stored(this.#world.space);
    const arrival = Math.floor(where * runs.length);
    const run = runs[arrival];
    if (run === undefined) return;
    this.disk.flip(concatBytes(utf8('s'), id, blockKey(arrival)), bit);
    this.shown.isDamaged = true;
    for (const each of run.assertions) this.shown.damaged.add(bytesToHex(each.id));
  }

  #log(): Log {
    const { trace } = this.#world;
    return {
      write: (level, message, fields = {}) => {
        if (level === 'debug') return;
        if (message === 'a peer misbehaves' && !String(fields.peerId).startsWith('x')) {
          const what = `${this.name} blames ${fields.peerId}: ${fields.code}, ${fields.message}`;
          this.#world.oracle.fail('honest peers are not blamed', what);
        }
        if (message === 'refused a run') trace.count('a run was refused');
        if (message.startsWith('this author key is used elsewhere')) trace.count('an author key was retired');
        const details = Object.entries(fields).map(([key, value]) => `${key} ${String(value)}`);
        trace.say(`${this.name} ${level}: ${[message, ...details].join(', ')}`);
      },
    };
  }

  /** The process is killed, or the power cut; nothing it was doing goes on. */
  crash(): void {
    this.#life++;
    // What it has told others to be flushed must be there when it comes back.
    for (const { replica } of this.spaces.values()) {
      for (const { id } of replica.frontier.flushed.entries())
        this.#world.oracle.promised(this.shown, bytesToHex(id));
    }
    this.#clock?.die();
    this.disk.crash();
    this.spaces.clear();
    this.#peer = undefined;
    this.#network?.stop();
    this.#network = undefined;
  }

  /** Stops as a person stops it, and starts again that long after. */
  async leaveFor(awayMs: number): Promise<void> {
    const peer = this.#peer;
    const life = this.#life;
    if (peer === undefined || !this.isUp) return;
    this.spaces.clear();
    try {
      await peer.stop();
    } catch (error) {
      // A disk that fails at the last flush says so; all else has been stopped.
      if (!toAverError(error).code.startsWith('STORE_')) throw error;
    }
    if (life === this.#life) this.crashFor(awayMs);
  }

  /** Crashes, if it is up, and starts again after that long. */
  crashFor(downMs: number): void {
    this.crash();
    this.#later(downMs, () => this.start());
  }

  /** Crashes after so many awaits of whatever goes on now, and starts again. */
  async crashAfter(awaits: number, downMs: number): Promise<void> {
    const life = this.#life;
    for (let i = 0; i < awaits; i++) await undefined;
    if (life === this.#life) this.crashFor(downMs);
  }

  crashTorn(downMs: number): void {
    this.disk.tear();
    this.crashFor(downMs);
  }

  #later(ms: number, action: () => Promise<void>): void {
    const life = this.#life;
    this.#world.time.setTimer(ms, () => {
      if (life === this.#life) void action();
    });
  }

  /** Starts again from what its disk held some time ago. */
  async restore(rows: readonly StoreOp[]): Promise<void> {
    this.crash();
    const life = this.#life;
    await this.disk.restore(rows);
    this.#isDiskExcused = true;
    if (life === this.#life) void this.start();
  }

  /** From now on its disk may forget what it said it had synced. */
  loseSyncs(loses: boolean): void {
    this.disk.faults.losesSyncs = loses;
    if (loses) this.#isDiskExcused = true;
  }

  /** The machine notices that the network is back. */
  wake(): void {
    this.#peer?.wake();
  }

  /** Its streams of now never carry anything again; whoever waits for an answer has to give up. */
  hang(): void {
    this.#streams?.hang();
  }

  cut(other: SimPeer): void {
    this.#network?.cut(other.name);
  }
}

export function peerName(number: number): string {
  return `p${String(number).padStart(2, '0')}`;
}

export function addressOf(name: string): string {
  return `/memory/0/p2p/${name}`;
}
