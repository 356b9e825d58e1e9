/**
 * A peer that does not play by the rules, with keys of its own: it lies on its streams, and writes
 * what no honest author writes. Some of that is in the set all the same, and has to reach everybody.
 */
import { CONFIDENCE_ONE, encodeClaims } from '../../assertion/claims.ts';
import { HlcClock, msToNs } from '../../assertion/hlc.ts';
import {
  type Assertion,
  firstOf,
  type Hlc,
  kinds,
  lastOf,
  type Proof,
  type Run,
} from '../../assertion/model.ts';
import { encodeRun } from '../../assertion/run-codec.ts';
import { MemoryMetrics } from '../../base/counters.ts';
import { silentLog } from '../../base/log.ts';
import type { Ports } from '../../base/ports.ts';
import { MemoryNetwork } from '../../net/memory-network.ts';
import { claimsOf } from '../../set/claim-reader.ts';
import type { SpaceIdentity } from '../../set/genesis.ts';
import { Replica } from '../../set/replica.ts';
import { memoryStore } from '../../store/memory.ts';
import { SyncEngine } from '../../sync/engine.ts';
import { decodePush, encodePush } from '../../sync/push.ts';
import { Seal } from '../../sync/seal.ts';
import { TestAuthor, type TestDraft } from '../chains.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { LIES, type Lie, lyingNetwork } from './lying-network.ts';
import { randomOf } from './seeds.ts';
import { addressOf, type World } from './sim-peer.ts';

/** What a rogue author does. */
export const DEEDS = [
  'writes',
  'writes two branches',
  'shows a chain to one peer',
  'shows a chain to one peer and half of it to another',
  'hides a bad assertion in a run',
  'names a false predecessor',
  'forges a signature',
  'floods with runs that wait for ever',
  'writes at the edge of the clock limits',
  'cuts old runs anew',
  'repeats what it heard',
  'copies the clock of another',
  'writes far ahead on a branch',
  'fills the counter of its clock',
  'writes two branches under a new key',
  'repeats what is old',
] as const;
/** Too dear for every simulation: an attack of its own fills the pending set. */
export type Deed = (typeof DEEDS)[number] | 'floods with long runs that wait for ever';

/** Readings ahead of the clock, in seconds: around what is merged, and around what is held. */
const EDGES_S = [29, 31, 59, 61, 119, 121, 150];
const FLOOD = 150;
/** Together more than what one peer's share of the pending set is; each message is below the bound of gossip. */
const LONG_FLOOD = { messages: 4, runs: 10, assertions: 80 };
const ANY_CLAIM = { subject: 's0', predicate: 'p0', object: '', confidence: CONFIDENCE_ONE };
const HEARD_MAX = 50;
/** Part of the rogues that only write what they should not. */
const CANDID = 0.3;
const TOPICS = 12;
const COUNTER_MAX = 0xffffffff;
const KEYS_FROM = 20_000;
const KEYS_MAX = 1000;

export class Rogue {
  readonly name: string;
  /** The latest reading that it wrote. */
  latestMs = 0;
  readonly #world: World;
  readonly #space: SpaceIdentity;
  readonly #seal: Seal;
  readonly #random: SeededRandom;
  readonly #dials: readonly string[];
  readonly #heard: Uint8Array[] = [];
  /** The first that it heard. */
  readonly #old: Uint8Array[] = [];
  readonly #chain: Assertion[] = [];
  #author: TestAuthor | undefined;
  #replica: Replica | undefined;
  #whispers = 0;
  #keys = 0;
  #lies: ReadonlySet<Lie> = new Set();

  /** In an invited space it is never let in. */
  constructor(world: World, name: string, dials: readonly string[], space = world.space) {
    this.#world = world;
    this.name = name;
    this.#dials = dials;
    this.#space = space;
    this.#random = randomOf(world.seed, name);
    this.#seal = new Seal(space, this.#random);
  }

  async start(): Promise<void> {
    const { hub, crypto, time } = this.#world;
    const space = this.#space;
    const network = new MemoryNetwork(hub, this.name);
    const drawn = new Set(LIES.filter(() => this.#random.number() < 0.3));
    if (this.#random.number() < CANDID) drawn.clear();
    const lies: ReadonlySet<Lie> = this.#world.lies === undefined ? drawn : new Set(this.#world.lies);
    this.#lies = lies;
    const lying = lyingNetwork(network, lies, this.#random, (lie) => this.#world.trace.count(`lie: ${lie}`));
    const ports: Ports = {
      clock: time,
      random: this.#random,
      crypto,
      log: silentLog,
      metrics: new MemoryMetrics(),
    };
    this.#author = await TestAuthor.create(space, crypto, 10_000 + Number(this.name.slice(1)));
    this.#replica = await Replica.open(space, memoryStore(), ports, new HlcClock(time));
    const engine = new SyncEngine(lying, ports);
    engine.add(this.#replica);
    engine.start();
    this.#replica.events.on('visible', (runs) => this.#hear(encodePush(space.id, runs.map(encodeRun))));
    await network.start();
    network.keep(this.#dials.map(addressOf));
    this.#world.trace.say(
      `${this.name} is a rogue that lies about ${this.isCandid ? 'nothing' : [...lies].join(', ')}`,
    );
  }

  /** It lies about nothing on its streams: then all that is in its set has to reach everybody. */
  get isCandid(): boolean {
    return this.#lies.size === 0;
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }

  #hear(message: Uint8Array): void {
    if (this.#old.length < HEARD_MAX) this.#old.push(message);
    this.#heard.push(message);
    if (this.#heard.length > HEARD_MAX) this.#heard.shift();
  }

  async do(deed: Deed, target: string): Promise<void> {
    this.#world.trace.count(`rogue: ${deed}`);
    this.#world.trace.say(`${this.name} ${deed} (${target})`);
    switch (deed) {
      case 'writes':
        return this.#publish(this.#next(1 + this.#random.integer(5)));
      case 'writes two branches': {
        const before = this.#chain.at(-1);
        await this.#publish(this.#next(2));
        return this.#whisper(target, [await this.#run(this.#grow(2, before))]);
      }
      case 'shows a chain to one peer':
        return this.#whisper(target, [await this.#run(this.#next(1 + this.#random.integer(3)))]);
      case 'shows a chain to one peer and half of it to another': {
        const chain = this.#next(2 + this.#random.integer(20));
        const other = this.#dials[this.#random.integer(this.#dials.length)] as string;
        const half = chain.slice(0, 1 + this.#random.integer(chain.length - 1));
        await this.#whisper(other, [await this.#run(half)]);
        return this.#whisper(target, [await this.#run(chain)]);
      }
      case 'hides a bad assertion in a run':
        return this.#whisper(target, [await this.#run(this.#badChain())]);
      case 'names a false predecessor':
        return this.#whisper(target, [await this.#run([this.#misplaced()])]);
      case 'forges a signature': {
        const run = await this.#run(this.#grow(2, this.#chain.at(-1)));
        const signature = run.signature.map((byte, i) => byte ^ (i === 5 ? 1 : 0));
        return this.#whisper(target, [{ ...run, signature }]);
      }
      case 'floods with runs that wait for ever':
        return this.#flood(target);
      case 'floods with long runs that wait for ever':
        return this.#floodLong(target);
      case 'writes at the edge of the clock limits': {
        const aheadMs = (EDGES_S[this.#random.integer(EDGES_S.length)] as number) * 1000;
        const time = msToNs(this.#world.time.nowMs() + aheadMs) + BigInt(this.#random.integer(1000));
        const hlc = { time, counter: 0 };
        return isLater(hlc, this.#chain.at(-1)?.hlc) ? this.#publish(this.#next(1, { hlc })) : undefined;
      }
      case 'cuts old runs anew':
        return this.#recut(target);
      case 'repeats what it heard':
        return this.#repeat(target, this.#heard);
      case 'copies the clock of another': {
        const other = this.#another();
        if (other === undefined || !isLater(other.hlc, this.#chain.at(-1)?.hlc)) return;
        const [claim] = claimsOf(other);
        const payload = encodeClaims([{ ...(claim ?? ANY_CLAIM), object: this.name }]);
        return this.#publish(this.#next(1, { hlc: other.hlc, payload }));
      }
      case 'writes far ahead on a branch':
        return this.#whisper(target, [await this.#run([this.#ahead()])]);
      case 'fills the counter of its clock': {
        const hlc = { time: msToNs(this.#world.time.nowMs()), counter: COUNTER_MAX };
        return isLater(hlc, this.#chain.at(-1)?.hlc) ? this.#publish(this.#next(1, { hlc })) : undefined;
      }
      case 'writes two branches under a new key':
        return this.#equivocate(target);
      case 'repeats what is old':
        return this.#repeat(target, this.#old);
    }
  }

  /** Goes on with its chain; what goes on must go on later. */
  #next(count: number, draft: TestDraft = {}): Assertion[] {
    const assertions = this.#grow(count, this.#chain.at(-1), draft);
    this.#chain.push(...assertions);
    return assertions;
  }

  #grow(count: number, before: Assertion | undefined, draft: TestDraft = {}): Assertion[] {
    const author = this.#author as TestAuthor;
    const assertions = author.chain(count, before, () => ({
      kind: kinds.claim,
      payload: this.#claim(),
      proof: before === undefined ? this.#proof() : null,
      ...draft,
    }));
    for (const { hlc } of assertions) this.latestMs = Math.max(this.latestMs, Number(hlc.time / 1_000_000n));
    return assertions;
  }

  /** Due in an hour, or in ten years: that is to keep nobody from what the author writes otherwise. */
  #ahead(): Assertion {
    const aheadMs = (this.#random.number() < 0.5 ? 1 : 24 * 3652) * 3_600_000;
    const hlc = { time: msToNs(this.#world.time.nowMs() + aheadMs), counter: 0 };
    return (this.#author as TestAuthor).next(this.#chain.at(-1), { hlc, payload: this.#claim() });
  }

  /** One branch for everybody, one for a single peer. */
  async #equivocate(target: string): Promise<void> {
    const { crypto } = this.#world;
    const number = KEYS_FROM + Number(this.name.slice(1)) * KEYS_MAX + this.#keys++;
    const author = await TestAuthor.create(this.#space, crypto, number);
    const proof = this.#proof();
    const first = author.next(undefined, { kind: kinds.claim, payload: this.#claim(), proof });
    const [one, other] = await Promise.all(
      [1, 2].map(() =>
        author.run([first, author.next(first, { kind: kinds.claim, payload: this.#claim() })]),
      ),
    );
    await this.#replica?.ingest([one as Run], { from: 'self', via: 'own' });
    await this.#whisper(target, [other as Run]);
  }

  /** What is to let a new author into an invited space: nothing, what let in another, or what no admitter signed. */
  #proof(): Proof | null {
    if (this.#space.genesis.write === 'open') return null;
    const way = this.#random.integer(4);
    if (way === 0) return null;
    if (way === 1) return { pow: null, admit: [{ admitter: 0, signature: this.#random.bytes(64) }] };
    const proofs = this.#runs(this.#old).map((run) => firstOf(run).proof);
    const stolen = proofs.find((proof) => proof !== null) ?? null;
    if (way === 2 || stolen === null) return stolen;
    return { ...stolen, admit: stolen.admit?.map((one) => ({ ...one, admitter: one.admitter + 1 })) ?? null };
  }

  #runs(messages: readonly Uint8Array[]): Run[] {
    return messages.flatMap((message) => decodePush(message, this.#space.id));
  }

  #claim(): Uint8Array {
    const subject = `s${this.#random.integer(TOPICS)}`;
    const object = `${this.name} ${this.#random.integer(1e6)}`;
    return encodeClaims([{ subject, predicate: 'p0', object, confidence: CONFIDENCE_ONE }]);
  }

  #run(assertions: readonly Assertion[]): Promise<Run> {
    return (this.#author as TestAuthor).run(assertions);
  }

  /** Writes as others write: into its own set, and out to everybody. */
  async #publish(assertions: readonly Assertion[]): Promise<void> {
    await this.#replica?.ingest([await this.#run(assertions)], { from: 'self', via: 'own' });
  }

  /** The second of three is older than what it builds on. */
  #badChain(): Assertion[] {
    const other = this.#another();
    const author = this.#author as TestAuthor;
    const before = this.#chain.at(-1);
    const first = author.next(before);
    const parent = other === undefined || isLater(first.hlc, other.hlc) ? first : other;
    const hlc = { time: first.hlc.time + 1n, counter: 0 };
    const bad = author.next(first, { parents: [parent], hlc });
    return [first, bad, author.next(bad, { hlc: { time: hlc.time + 1n, counter: 0 } })];
  }

  /** Goes on after an assertion of somebody else. */
  #misplaced(): Assertion {
    return (this.#author as TestAuthor).next(this.#another());
  }

  /** The latest assertion of another author that it has seen. */
  #another(): Assertion | undefined {
    for (const message of this.#heard.toReversed()) {
      const run = decodePush(message, this.#space.id).at(-1);
      if (run !== undefined && String(run.author) !== String(this.#author?.publicKey)) return lastOf(run);
    }
    return undefined;
  }

  async #flood(target: string): Promise<void> {
    const author = this.#author as TestAuthor;
    const runs: Run[] = [];
    for (let i = 0; i < FLOOD; i++) {
      const parent = { id: this.#random.bytes(32), hlc: { time: 0n, counter: 0 } };
      runs.push(await author.run([author.next(this.#chain.at(-1), { parents: [parent] })]));
    }
    await this.#whisper(target, runs);
  }

  async #floodLong(target: string): Promise<void> {
    const author = this.#author as TestAuthor;
    const parts: Run[][] = [];
    for (let message = 0; message < LONG_FLOOD.messages; message++) {
      const runs: Run[] = [];
      for (let i = 0; i < LONG_FLOOD.runs; i++) {
        const parent = { id: this.#random.bytes(32), hlc: { time: 0n, counter: 0 } };
        const first = author.next(this.#chain.at(-1), { parents: [parent] });
        runs.push(await author.run([first, ...author.chain(LONG_FLOOD.assertions - 1, first)]));
      }
      parts.push(runs);
    }
    await this.#whisper(target, ...parts);
  }

  async #recut(target: string): Promise<void> {
    if (this.#chain.length < 3) return this.#publish(this.#next(4));
    const from = this.#random.integer(this.#chain.length - 1);
    const to = from + 1 + this.#random.integer(this.#chain.length - from);
    await this.#whisper(target, [await this.#run(this.#chain.slice(from, to).slice(0, 100))]);
  }

  async #repeat(target: string, messages: readonly Uint8Array[]): Promise<void> {
    const runs = this.#runs(this.#random.shuffle(messages).slice(0, 3));
    if (runs.length > 0) await this.#whisper(target, this.#random.shuffle(runs));
  }

  /** Tells one peer alone, under a name that it will not use again. */
  async #whisper(target: string, ...messages: readonly (readonly Run[])[]): Promise<void> {
    const { hub, time } = this.#world;
    const { id, topic } = this.#space;
    const network = new MemoryNetwork(hub, `${this.name}~${this.#whispers++}@${target}`);
    await network.start();
    try {
      await network.dial(addressOf(target));
    } catch {
      return network.stop(); // It is down, or out of reach.
    }
    network.subscribe(topic, async () => 'ignore');
    const sealed = messages.map((runs) => this.#seal.seal(encodePush(id, runs.map(encodeRun))));
    time.setTimer(500, () => {
      for (const message of sealed) void network.publish(topic, message);
    });
    time.setTimer(5000, () => void network.stop());
  }
}

function isLater(a: Hlc, b: Hlc | undefined): boolean {
  return b === undefined || a.time > b.time || (a.time === b.time && a.counter > b.counter);
}
