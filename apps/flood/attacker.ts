/** One bad peer: connects to every victim, says its lines at a rate, and comes back when it was thrown out. */
import { setTimeout } from 'node:timers/promises';
import type { Connection, Stream } from '@libp2p/interface';
import { systemRandom } from '../../src/base/system-random.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { SYNC_PROTOCOL } from '../../src/sync/messages.ts';
import { machineMs } from '../bench/clock.ts';
import { type Attack, type AttackName, attacks, helloOf, rpcOf, type StreamName } from './attacks.ts';
import { BadNode, GOSSIP_PROTOCOL } from './bad-node.ts';

const TICK_MS = 20;
/** Between visits of who comes and goes for its own sake. */
const CHURN_MS = 5;
/** A return that lives so long was let in. */
const LET_IN_MS = 300;

/** What one attacker met with at one victim, under one peer id. Times in ms since its first message there. */
export interface Encounter {
  readonly attack: AttackName;
  readonly victim: number;
  sent: number;
  /** First message; when the connection ended; machine time. */
  firstMs?: number;
  cutMs?: number;
  refused: number;
  /** Returns that were let in after the connection had been cut. */
  letIn: number;
  lastLetInMs?: number;
}

export interface AttackerOptions {
  readonly attack: AttackName;
  readonly space: SpaceIdentity;
  readonly victims: readonly string[];
  readonly perSecond: number;
  /** Between visits of who was thrown out. */
  readonly returnMs: number;
  /** Comes back under another peer id each time. */
  readonly renames: boolean;
}

interface Front {
  encounter: Encounter;
  readonly address: string;
  connection?: Connection | undefined;
  readonly streams: Map<StreamName, Stream>;
  /** Streams that have carried a message. */
  readonly used: Set<StreamName>;
  busy: boolean;
}

export class Attacker {
  readonly #options: AttackerOptions;
  #node: BadNode;
  #attack: Attack | undefined;
  readonly #fronts: Front[];
  readonly encounters: Encounter[] = [];
  #number = 0;
  #goesOn = true;
  /** Messages that were not sent because the stream took no more. */
  blocked = 0;
  names = 1;

  private constructor(options: AttackerOptions, node: BadNode) {
    this.#options = options;
    this.#node = node;
    this.#fronts = options.victims.map((address, victim) => ({
      address,
      encounter: this.#newEncounter(victim),
      streams: new Map(),
      used: new Set(),
      busy: false,
    }));
  }

  static async start(options: AttackerOptions): Promise<Attacker> {
    const attacker = new Attacker(options, await BadNode.start(systemRandom.bytes(32)));
    await attacker.#prepare();
    return attacker;
  }

  async #prepare(): Promise<void> {
    const { attack, space } = this.#options;
    if (attack === 'churn') return;
    this.#attack = await attacks[attack]({ space, heard: this.#node.heard });
  }

  #newEncounter(victim: number): Encounter {
    const encounter: Encounter = { attack: this.#options.attack, victim, sent: 0, refused: 0, letIn: 0 };
    this.encounters.push(encounter);
    return encounter;
  }

  /** Attacks until `stop`. */
  async run(): Promise<void> {
    const returning = this.#fronts.map((front) => this.#keep(front));
    const startedMs = machineMs();
    let done = 0;
    while (this.#goesOn && this.#options.attack !== 'churn') {
      await setTimeout(TICK_MS);
      const due = Math.floor(((machineMs() - startedMs) / 1000) * this.#options.perSecond);
      // What could not be said in time is not made up for: no more than two ticks at once.
      done = Math.max(done, due - Math.ceil((2 * TICK_MS * this.#options.perSecond) / 1000));
      const open = this.#fronts.filter(({ connection }) => connection?.status === 'open');
      for (; done < due; done++) {
        const front = open[done % Math.max(1, open.length)];
        if (front !== undefined) this.#say(front);
      }
    }
    await Promise.all(returning);
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#node.stop();
  }

  /** Connected as long as the victim lets it; and back again, and again. */
  async #keep(front: Front): Promise<void> {
    const isChurn = this.#options.attack === 'churn';
    while (this.#goesOn) {
      const isReturn = front.encounter.cutMs !== undefined;
      try {
        await this.#connect(front);
        if (isChurn) this.#count(front);
        if (isReturn) await setTimeout(LET_IN_MS);
        if (front.connection?.status !== 'open') throw new Error('Refused.');
        if (isReturn) {
          front.encounter.letIn++;
          front.encounter.lastLetInMs = machineMs();
        }
        while (!isChurn && this.#goesOn && front.connection.status === 'open') await setTimeout(TICK_MS);
      } catch {
        if (isReturn) front.encounter.refused++;
      }
      if (isChurn) await front.connection?.close().catch(() => undefined);
      else if (this.#goesOn && front.encounter.firstMs !== undefined) front.encounter.cutMs ??= machineMs();
      if (!isChurn && this.#options.renames && front.encounter.cutMs !== undefined) await this.#rename();
      await setTimeout(isChurn ? CHURN_MS : this.#options.returnMs);
    }
  }

  async #connect(front: Front): Promise<void> {
    front.streams.clear();
    front.used.clear();
    front.connection = undefined;
    const connection = await this.#node.dial(front.address);
    front.connection = connection;
    if (this.#options.attack === 'churn') return;
    const { space } = this.#options;
    const gossip = await this.#node.open(connection, GOSSIP_PROTOCOL);
    gossip.send(rpcOf({ subscriptions: [{ subscribe: true, topic: space.topic }] }));
    front.streams.set('gossip', gossip);
    const sync = await this.#node.open(connection, SYNC_PROTOCOL);
    sync.send(helloOf(space));
    front.streams.set('sync', sync);
  }

  #say(front: Front): void {
    const saying = this.#attack?.(this.#number++, (name) => !front.used.has(name));
    if (saying === undefined) return;
    const [name, bytes] = saying;
    const stream = front.streams.get(name);
    if (stream === undefined || stream.status !== 'open') {
      this.#reopen(front, name);
      return;
    }
    if (stream.writableNeedsDrain) {
      this.blocked++;
      return;
    }
    try {
      stream.send(bytes);
      front.used.add(name);
      this.#count(front);
    } catch {
      front.streams.delete(name);
    }
  }

  #count(front: Front): void {
    front.encounter.sent++;
    front.encounter.firstMs ??= machineMs();
  }

  /** The victim ended the stream and left the connection: on with another stream. */
  #reopen(front: Front, name: StreamName): void {
    if (front.busy || front.connection?.status !== 'open') return;
    front.busy = true;
    this.#node
      .open(front.connection, name.startsWith('gossip') ? GOSSIP_PROTOCOL : SYNC_PROTOCOL)
      .then((stream) => {
        front.streams.set(name, stream);
        front.used.delete(name);
        if (name === 'sync') stream.send(helloOf(this.#options.space));
      })
      .catch(() => undefined)
      .finally(() => {
        front.busy = false;
      });
  }

  /** Another peer id, for all victims. */
  async #rename(): Promise<void> {
    if (this.#fronts.some(({ connection }) => connection?.status === 'open')) return;
    const before = this.#node;
    this.#node = await BadNode.start(systemRandom.bytes(32));
    this.names++;
    await before.stop();
    await this.#prepare();
    for (const front of this.#fronts) front.encounter = this.#newEncounter(front.encounter.victim);
  }
}
