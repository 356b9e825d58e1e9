/** The faults of a plan, as they are done to the peers, their disks, their clocks and the network. */
import type { StoreOp } from '../../base/ports.ts';
import type { Action, FaultName } from './plan.ts';
import type { DiskFaults } from './sim-disk.ts';
import type { SimPeer, World } from './sim-peer.ts';

type Fault = Extract<Action, { do: FaultName }>;
type Backup = Extract<Action, { do: 'restore backup' }>;

interface Division {
  readonly side: ReadonlySet<string>;
  readonly oneWay: boolean;
}

export class Faults {
  readonly #world: World;
  readonly #peers: readonly SimPeer[];
  readonly #divisions = new Set<Division>();
  readonly #backups = new Map<Backup, StoreOp[]>();
  #isHealed = false;

  constructor(world: World, peers: readonly SimPeer[]) {
    this.#world = world;
    this.#peers = peers;
  }

  async begin(fault: Fault): Promise<void> {
    if (this.#isHealed) return;
    const peer = 'peer' in fault ? this.#peer(fault.peer) : undefined;
    this.#world.trace.count(`fault: ${fault.do}`);
    this.#world.trace.say(`fault: ${fault.do}${peer === undefined ? '' : ` at ${peer.name}`}`);
    if (peer === undefined) this.#beginOnNetwork(fault);
    else await this.#beginAt(peer, fault);
  }

  #beginOnNetwork(fault: Fault): void {
    if (fault.do === 'cut') this.#peer(fault.a).cut(this.#peer(fault.b));
    if (fault.do === 'lossy') {
      const { part } = fault;
      Object.assign(this.#world.hub.faults, { loss: part, doubled: part / 4, overtaken: part / 2 });
      this.#after(fault.forMs, () => this.#calmNetwork());
    }
    if (fault.do === 'divide') {
      const division = { side: new Set(fault.side.map((n) => this.#peer(n).name)), oneWay: fault.oneWay };
      this.#divisions.add(division);
      this.#block();
      this.#after(fault.forMs, () => {
        this.#divisions.delete(division);
        this.#block();
      });
    }
  }

  async #beginAt(peer: SimPeer, fault: Fault): Promise<void> {
    const { hub } = this.#world;
    switch (fault.do) {
      case 'crash':
        return peer.crashFor(fault.downMs);
      case 'crash in write':
        peer.disk.faults.slowness = fault.times;
        peer.disk.onCrashPoint = { point: fault.point, crash: () => this.#crashInWrite(peer, fault.downMs) };
        return;
      case 'crash at an await':
        peer.disk.onCrashPoint = { point: 'any', crash: () => peer.crashAfter(fault.awaits, fault.downMs) };
        return;
      case 'torn write':
        peer.disk.onCrashPoint = { point: 'cached', crash: () => peer.crashTorn(fault.downMs) };
        return;
      case 'leave':
        return peer.leaveFor(fault.awayMs);
      case 'slow':
        hub.slownessMs.set(peer.name, fault.ms);
        return this.#after(fault.forMs, () => void hub.slownessMs.delete(peer.name));
      case 'streams hang':
        // What is lost by gossip meanwhile has to come by sync.
        peer.hang();
        hub.deaf.add(peer.name);
        return this.#after(fault.forMs, () => void hub.deaf.delete(peer.name));
      case 'disk full':
        return this.#spoil(peer, { full: true }, { full: false }, fault.forMs);
      case 'disk unreadable':
        return this.#spoil(peer, { readFailures: 0.3 }, { readFailures: 0 }, fault.forMs);
      case 'disk slow':
        return this.#spoil(peer, { slowness: fault.times }, { slowness: 1 }, fault.forMs);
      case 'bit flip':
        return peer.flipBit(fault.where, fault.bit);
      case 'sync lost':
        peer.loseSyncs(true);
        return this.#after(fault.forMs, () => peer.loseSyncs(false));
      case 'clock':
        peer.clockOffsetMs += fault.byMs;
        return;
      case 'restore backup':
        return peer.restore(this.#backups.get(fault) ?? []);
      case 'copy directory':
        // The founder would lose the only key that lets anybody in, and no plan could be carried out.
        if (peer.name === this.#world.club?.founder) return;
        // From now on two peers write under one key, and go on after one chain.
        this.#peer(fault.from).shown.wasExcused = true;
        peer.shown.latestClockMs = Math.max(
          peer.shown.latestClockMs,
          this.#peer(fault.from).shown.latestClockMs,
        );
        return peer.restore(await this.#peer(fault.from).disk.copy());
      default:
    }
  }

  #crashInWrite(peer: SimPeer, downMs: number): void {
    peer.disk.faults.slowness = 1;
    peer.crashFor(downMs);
  }

  /** Copies a disk for a later `restore backup`. */
  async backUp(fault: Backup): Promise<void> {
    this.#backups.set(fault, await this.#peer(fault.peer).disk.copy());
  }

  /** Everything is as it should be, and everybody is up. */
  heal(): void {
    this.#isHealed = true;
    this.#divisions.clear();
    this.#block();
    this.#calmNetwork();
    this.#world.hub.slownessMs.clear();
    this.#world.hub.deaf.clear();
    for (const peer of this.#peers) {
      Object.assign(peer.disk.faults, { full: false, losesSyncs: false, readFailures: 0, slowness: 1 });
      peer.disk.onCrashPoint = undefined;
      peer.clockOffsetMs = 0;
      if (!peer.isUp) peer.crashFor(0);
    }
  }

  #calmNetwork(): void {
    Object.assign(this.#world.hub.faults, { loss: 0, doubled: 0, overtaken: 0 });
  }

  #block(): void {
    const divisions = [...this.#divisions];
    this.#world.hub.block((from, to) =>
      divisions.some(({ side, oneWay }) => {
        const [isFrom, isTo] = [side.has(placeOf(from)), side.has(placeOf(to))];
        return isFrom !== isTo && (!oneWay || isFrom);
      }),
    );
  }

  #spoil(peer: SimPeer, worse: Partial<DiskFaults>, better: Partial<DiskFaults>, forMs: number): void {
    Object.assign(peer.disk.faults, worse);
    this.#after(forMs, () => Object.assign(peer.disk.faults, better));
  }

  #after(ms: number, action: () => void): void {
    this.#world.time.setTimer(ms, action);
  }

  #peer(number: number): SimPeer {
    return this.#peers[number % this.#peers.length] as SimPeer;
  }
}

/** Who whispers to a peer is beside it. */
function placeOf(name: string): string {
  return name.split('@').at(-1) as string;
}
