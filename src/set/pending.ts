/** Runs that wait for something they name. Bounded in all and per delivering peer. */

import { lastOf, type Run } from '../assertion/model.ts';
import { mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Source } from './merge-report.ts';

export interface PendingRun {
  readonly run: Run;
  /** What we asked for (`pull`, `file`) is never evicted for what others push. */
  readonly source: Source;
  /** Ids that are not visible yet: at least one. */
  readonly missing: Set<string>;
}

interface Share {
  assertions: number;
  bytes: number;
}

/** What an assertion and a missing id cost in memory beyond the payload, counted roughly. */
const ASSERTION_BYTES = 1000;
const MISSING_BYTES = 400;

function bytesOf({ run }: PendingRun, missing: number): number {
  const bytes = run.assertions.reduce((sum, each) => sum + each.payloadSize + ASSERTION_BYTES, 0);
  return bytes + missing * MISSING_BYTES;
}

interface Entry extends PendingRun {
  readonly cost: Share;
}

export class Pending {
  /** By the hex id of the run's last assertion, oldest first. */
  readonly #runs = new Map<string, Entry>();
  readonly #waiters = new Map<string, Set<Entry>>();
  readonly #shares = new Map<string, Share>();
  readonly #total: Share = { assertions: 0, bytes: 0 };

  /** Assertions that wait. */
  get size(): number {
    return this.#total.assertions;
  }

  /** Returns false, and changes nothing, when there is no room. */
  add(pending: PendingRun): boolean {
    const key = mapKey(lastOf(pending.run).id);
    const known = this.#runs.get(key);
    if (known !== undefined) {
      // Of two cuts that end alike the longer one can enter whenever the shorter one can.
      const isLonger = pending.run.assertions.length > known.run.assertions.length;
      if (!isLonger && (isAsked(known) || !isAsked(pending))) return true;
      this.#remove(known);
      if (this.add(isLonger ? pending : { ...known, source: pending.source })) return true;
      this.#insert(known);
      return false;
    }
    const cost = {
      assertions: pending.run.assertions.length,
      bytes: bytesOf(pending, pending.missing.size),
    };
    const entry = { ...pending, missing: new Set(pending.missing), cost };
    if (!this.#makeRoom(entry)) return false;
    this.#insert(entry);
    return true;
  }

  /** The runs that waited for nothing but this id any more; they leave the pending set. */
  release(id: string): PendingRun[] {
    const waiting = this.#waiters.get(id);
    if (waiting === undefined) return [];
    this.#waiters.delete(id);
    const free: PendingRun[] = [];
    for (const entry of waiting) {
      entry.missing.delete(id);
      if (entry.missing.size > 0) continue;
      this.#remove(entry);
      free.push(entry);
    }
    return free;
  }

  #insert(entry: Entry): void {
    this.#runs.set(mapKey(lastOf(entry.run).id), entry);
    for (const id of entry.missing) {
      const waiting = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiting.add(entry));
    }
    this.#account(entry, 1);
  }

  #remove(entry: Entry): void {
    this.#runs.delete(mapKey(lastOf(entry.run).id));
    for (const id of entry.missing) {
      const waiting = this.#waiters.get(id);
      waiting?.delete(entry);
      if (waiting?.size === 0) this.#waiters.delete(id);
    }
    this.#account(entry, -1);
  }

  #makeRoom(entry: Entry): boolean {
    const share = this.#shareOf(entry.source.from);
    const after = {
      assertions: share.assertions + entry.cost.assertions,
      bytes: share.bytes + entry.cost.bytes,
    };
    if (isOver(after, isAsked(entry) ? 1 : limits.pendingShareMax)) return false;
    const victims = this.#victims(entry, after);
    for (const victim of victims ?? []) this.#remove(victim);
    return victims !== undefined;
  }

  /** What has to go to make room, nothing where there is room; undefined when nothing may go for it. */
  #victims(entry: Entry, after: Share): Entry[] | undefined {
    const total = {
      assertions: this.#total.assertions + entry.cost.assertions,
      bytes: this.#total.bytes + entry.cost.bytes,
    };
    if (!isOver(total, 1)) return [];
    if (!isAsked(entry)) return undefined;
    const victims: Entry[] = [];
    const take = (victim: Entry) => {
      victims.push(victim);
      total.assertions -= victim.cost.assertions;
      total.bytes -= victim.cost.bytes;
      return !isOver(total, 1);
    };
    for (const other of this.#runs.values()) if (!isAsked(other) && take(other)) return victims;
    // A peer that answers with runs that wait for ever must not lock the others out: who has most,
    // and more than the newcomer will have, gives way.
    const [heaviest, most] = this.#heaviest();
    let left = most;
    for (const other of this.#runs.values()) {
      if (other.source.from !== heaviest || !isAsked(other)) continue;
      left -= weightOf(other.cost);
      if (left < weightOf(after)) return undefined;
      if (take(other)) return victims;
    }
    return undefined;
  }

  #heaviest(): readonly [from: string, weight: number] {
    let heaviest: readonly [string, number] = ['', 0];
    for (const [from, share] of this.#shares) {
      if (weightOf(share) > heaviest[1]) heaviest = [from, weightOf(share)];
    }
    return heaviest;
  }

  #shareOf(from: string): Share {
    return this.#shares.get(from) ?? { assertions: 0, bytes: 0 };
  }

  #account({ source, cost }: Entry, sign: 1 | -1): void {
    const share = this.#shareOf(source.from);
    for (const sum of [this.#total, share]) {
      sum.assertions += sign * cost.assertions;
      sum.bytes += sign * cost.bytes;
    }
    if (share.assertions === 0) this.#shares.delete(source.from);
    else this.#shares.set(source.from, share);
  }
}

function isAsked({ source }: PendingRun): boolean {
  return source.via !== 'push';
}

function isOver({ assertions, bytes }: Share, part: number): boolean {
  return assertions > limits.pendingAssertionsMax * part || bytes > limits.pendingBytesMax * part;
}

/** The larger of the two parts of the pending set that a share takes up. */
function weightOf({ assertions, bytes }: Share): number {
  return Math.max(assertions / limits.pendingAssertionsMax, bytes / limits.pendingBytesMax);
}
