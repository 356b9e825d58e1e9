/**
 * What must hold, watched from outside the peers: nothing that was acknowledged is lost, nothing
 * invalid and nothing without its causal past is visible, clocks advance along every chain, memory
 * stays bounded. The first breach ends the simulation.
 */
import { hashHeader, hashPayload, signedMessage } from '../../assertion/codec.ts';
import { compareHlc } from '../../assertion/hlc.ts';
import { type Assertion, type Hlc, lastOf, type Run } from '../../assertion/model.ts';
import { bytesToHex, equalBytes } from '../../base/bytes.ts';
import { limits } from '../../base/limits.ts';
import { admitMessage, type SpaceIdentity } from '../../set/genesis.ts';
import type { Replica } from '../../set/replica.ts';
import type { SimCrypto } from './sim-crypto.ts';

export type Rule =
  | 'acknowledged writes survive'
  | 'nothing invalid is visible'
  | 'the causal past is visible'
  | 'clocks advance along chains'
  | 'memory is bounded'
  | 'peers converge in time'
  | 'honest peers are not blamed'
  | 'honest chains do not fork'
  | 'a key that is used elsewhere is retired'
  | 'nothing from the future is visible'
  | 'clocks are not dragged along'
  | 'nobody writes without an admission'
  | 'nobody reads without the secret'
  | 'lenses agree'
  | 'connected peers know each other'
  | 'no unexpected error';

export interface Breach {
  readonly rule: Rule;
  readonly what: string;
  readonly atMs: number;
}

/** What is known of an assertion that was visible anywhere; the same for every peer. */
interface Known {
  readonly index: number;
  /** The chain that it is in. */
  readonly chain: string;
  /** In hex. */
  readonly space: string;
  readonly name: string;
  readonly past: readonly string[];
  readonly timeMs: number;
}

/** What one peer shows. */
export interface Shown {
  readonly peer: string;
  /** The spaces that it is in, in hex. */
  readonly spaces: Set<string>;
  readonly ids: Set<number>;
  /** What it said to hold for good: own writes, what it flushed. */
  readonly promised: Set<string>;
  /** The latest that its clock ever showed. */
  latestClockMs: number;
  /** When it showed, by chain, what it had not written itself. */
  readonly strangeMs: Map<string, number>;
  /** Its disk went back in time once. */
  wasExcused: boolean;
  /** What its disk says is not what was written: it may lack anything, and must not harm others. */
  isDamaged: boolean;
  /** Assertions, in hex, that its disk does not give back as they were. */
  readonly damaged: Set<string>;
}

/** A write may take so long on a slow disk. */
const UNDER_WAY_MS = 5000;

export class Oracle {
  breach: Breach | undefined;
  readonly #known = new Map<string, Known>();
  readonly #hlcById = new Map<string, Hlc>();
  /** Acknowledged somewhere, and not excused. */
  readonly #acknowledged = new Map<string, string>();
  /** What honest peers wrote, by chain and seq. */
  readonly #ownIds = new Map<string, string>();
  readonly #shown: Shown[] = [];
  readonly #crypto: SimCrypto;
  /** By id in hex. */
  readonly #spaces: ReadonlyMap<string, SpaceIdentity>;
  readonly #elapsedMs: () => number;
  /** The latest reading of all that is visible anywhere. */
  latestMs = 0;
  /** When something last became visible anywhere that was nowhere before. */
  newestMs = 0;

  constructor(crypto: SimCrypto, spaces: readonly SpaceIdentity[], elapsedMs: () => number) {
    this.#crypto = crypto;
    this.#spaces = new Map(spaces.map((space) => [bytesToHex(space.id), space]));
    this.#elapsedMs = elapsedMs;
  }

  fail(rule: Rule, what: string): void {
    this.breach ??= { rule, what, atMs: this.#elapsedMs() };
  }

  /** Assertions that were visible anywhere. */
  get assertions(): number {
    return this.#known.size;
  }

  get acknowledgements(): number {
    return this.#acknowledged.size;
  }

  peer(name: string): Shown {
    const shown: Shown = {
      peer: name,
      spaces: new Set(),
      ids: new Set(),
      promised: new Set(),
      strangeMs: new Map(),
      latestClockMs: 0,
      wasExcused: false,
      isDamaged: false,
      damaged: new Set(),
    };
    this.#shown.push(shown);
    return shown;
  }

  /** The peer starts with what its disk holds. */
  restarted(shown: Shown, runs: readonly Run[], isDiskExcused: boolean): void {
    shown.ids.clear();
    shown.strangeMs.clear();
    shown.wasExcused ||= isDiskExcused;
    for (const run of runs) this.#show(shown, run);
    for (const id of shown.promised) {
      if (this.shows(shown, id)) continue;
      if (isDiskExcused) this.#excuse(shown, id);
      else this.fail('acknowledged writes survive', `${shown.peer} restarts without ${this.nameOf(id)}`);
    }
  }

  /** The disk itself went back in time: what only it held is gone. */
  #excuse(shown: Shown, id: string): void {
    shown.promised.delete(id);
    if (this.#acknowledged.get(id) === shown.peer) this.#acknowledged.delete(id);
  }

  acknowledged(shown: Shown, id: string): void {
    this.promised(shown, id);
    this.#acknowledged.set(id, shown.peer);
    if (this.shows(shown, id)) return;
    this.fail(
      'acknowledged writes survive',
      `${shown.peer} acknowledges ${id.slice(0, 8)} without showing it`,
    );
  }

  /** The peer is said to hold this durably. */
  promised(shown: Shown, id: string): void {
    shown.promised.add(id);
  }

  shows({ ids }: Shown, id: string): boolean {
    const known = this.#known.get(id);
    return known !== undefined && ids.has(known.index);
  }

  isEverywhere(run: Run): boolean {
    const ids = run.assertions.map(({ id }) => bytesToHex(id));
    const space = spaceOf(run);
    return this.#shown.every((shown) => !shown.spaces.has(space) || ids.every((id) => this.shows(shown, id)));
  }

  nameOf(id: string): string {
    return this.#known.get(id)?.name ?? id.slice(0, 8);
  }

  clockShows(shown: Shown, clockMs: number): void {
    shown.latestClockMs = Math.max(shown.latestClockMs, clockMs);
  }

  /** A run became visible at a peer whose clock shows `clockMs`. */
  visible(shown: Shown, run: Run, isOwn: boolean, clockMs: number): void {
    this.clockShows(shown, clockMs);
    this.#show(shown, run);
    const last = lastOf(run);
    const aheadMs = Number(last.hlc.time / 1_000_000n) - shown.latestClockMs;
    const what = `${shown.peer} shows ${nameOf(last)}, ${Math.round(aheadMs)} ms ahead of its clock`;
    if (aheadMs > limits.hlcHoldAheadMsMin) this.fail('nothing from the future is visible', what);
    this.#watchKey(shown, chainOf(last), isOwn);
    if (!isOwn) return;
    if (aheadMs > limits.hlcMergeAheadMsMax + 1) this.fail('clocks are not dragged along', what);
    for (const assertion of run.assertions) {
      const place = `${chainOf(assertion)}/${assertion.seq}`;
      const [other, text] = [this.#ownIds.get(place), bytesToHex(assertion.id)];
      this.#ownIds.set(place, text);
      if (other === undefined || other === text || shown.wasExcused) continue;
      this.fail(
        'honest chains do not fork',
        `${shown.peer} writes ${this.nameOf(text)} beside ${this.nameOf(other)}`,
      );
    }
  }

  /** Who sees its own chain go on without it writes no more under that key, but for what is under way. */
  #watchKey(shown: Shown, chain: string, isOwn: boolean): void {
    const nowMs = this.#elapsedMs();
    const sinceMs = shown.strangeMs.get(chain);
    if (!isOwn) shown.strangeMs.set(chain, sinceMs ?? nowMs);
    else if (sinceMs !== undefined && nowMs - sinceMs > UNDER_WAY_MS) {
      const what = `${shown.peer} writes as ${chain.slice(0, 6)}, as another did ${Math.round(nowMs - sinceMs)} ms before`;
      this.fail('a key that is used elsewhere is retired', what);
    }
  }

  #show(shown: Shown, run: Run): void {
    const last = lastOf(run);
    if (!this.#crypto.isSigned(run.author, signedMessage(last.id), run.signature)) {
      this.fail('nothing invalid is visible', `${shown.peer} shows ${nameOf(last)}, which nobody signed`);
    }
    for (const assertion of run.assertions) {
      const known = this.#learn(shown, assertion, run.author);
      for (const id of known.past) {
        if (this.shows(shown, id)) continue;
        this.fail(
          'the causal past is visible',
          `${shown.peer} shows ${known.name} without ${this.nameOf(id)}`,
        );
      }
      shown.ids.add(known.index);
    }
  }

  #learn(shown: Shown, assertion: Assertion, author: Uint8Array): Known {
    const id = bytesToHex(assertion.id);
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const { prev, parents, hlc, payload } = assertion;
    const name = nameOf(assertion);
    const isWhole =
      equalBytes(hashHeader(assertion).id, assertion.id) &&
      equalBytes(assertion.author, author) &&
      (payload === undefined || equalBytes(hashPayload(payload), assertion.payloadHash));
    if (!isWhole) this.fail('nothing invalid is visible', `${shown.peer} shows ${name}, which is forged`);
    const past = [...(prev === null ? [] : [prev]), ...parents].map(bytesToHex);
    const chain = chainOf(assertion);
    if (prev !== null && this.#known.get(bytesToHex(prev))?.chain !== chain)
      this.fail(
        'nothing invalid is visible',
        `${shown.peer} shows ${name}, which goes on after no chain of its own`,
      );
    if (prev === null) this.#checkAdmission(shown, assertion, name);
    for (const before of past) {
      const earlier = this.#hlcById.get(before);
      if (earlier === undefined || compareHlc(hlc, earlier) > 0) continue;
      this.fail('clocks advance along chains', `${name} is not later than ${this.nameOf(before)}`);
    }
    const timeMs = Number(hlc.time / 1_000_000n);
    const space = bytesToHex(assertion.space);
    const learnt = { index: this.#known.size, chain, space, name, past, timeMs };
    this.#known.set(id, learnt);
    this.#hlcById.set(id, hlc);
    this.newestMs = this.#elapsedMs();
    this.latestMs = Math.max(this.latestMs, timeMs);
    return learnt;
  }

  /** Where writing is by invitation, an admitter named in the genesis signed whoever begins a chain. */
  #checkAdmission(shown: Shown, { space: id, author, seq, proof }: Assertion, name: string): void {
    const space = this.#spaces.get(bytesToHex(id));
    if (space?.genesis.write === 'open') return;
    const admit = proof?.admit ?? [];
    const isAdmitted = admit.every(({ admitter, signature }) => {
      const key = space?.genesis.admitters[admitter];
      return key !== undefined && this.#crypto.isSigned(key, admitMessage(id, author), signature);
    });
    if (seq === 1 && admit.length > 0 && isAdmitted) return;
    this.fail('nobody writes without an admission', `${shown.peer} shows ${name}, whom nobody let in`);
  }

  /** What a peer keeps in memory has to stay within the limits. */
  bounded(peer: string, replica: Replica): void {
    const { pendingCount, quarantine, heldAuthors } = replica;
    if (pendingCount > limits.pendingAssertionsMax)
      this.fail('memory is bounded', `${peer}: ${pendingCount} wait`);
    if (quarantine.count() > limits.quarantineMax) {
      this.fail('memory is bounded', `${peer}: ${quarantine.count()} in quarantine`);
    }
    if (heldAuthors > limits.heldAuthorsMax) this.fail('memory is bounded', `${peer}: ${heldAuthors} held`);
  }

  /** The disks of all that have it damaged it, or something that it builds on: nobody can give it to the others. */
  #isLost(id: string): boolean {
    const seen = new Set<string>([id]);
    for (const each of seen) {
      const holders = this.#shown.filter((shown) => this.shows(shown, each));
      if (holders.length > 0 && holders.every(({ damaged }) => damaged.has(each))) return true;
      for (const before of this.#known.get(each)?.past ?? []) seen.add(before);
    }
    return false;
  }

  /** What was acknowledged and some peer does not show; undefined when all of it is everywhere. */
  lacking(): string | undefined {
    for (const [id, writer] of this.#acknowledged) {
      const { space = '' } = this.#known.get(id) ?? {};
      const lacks = this.#shown.find(
        (shown) => !shown.isDamaged && shown.spaces.has(space) && !this.shows(shown, id),
      );
      if (lacks !== undefined && !this.#isLost(id))
        return `${lacks.peer} lacks ${this.nameOf(id)}, acknowledged by ${writer}`;
    }
    return undefined;
  }
}

function spaceOf(run: Run): string {
  return bytesToHex(lastOf(run).space);
}

/** One author's in one space. */
function chainOf({ author, space }: Assertion): string {
  return bytesToHex(author) + bytesToHex(space);
}

function nameOf({ author, seq, id }: Assertion): string {
  return `${bytesToHex(author).slice(0, 6)}/${seq} (${bytesToHex(id).slice(0, 8)})`;
}
