/** Runs that wait for something they name. Bounded in all and per delivering peer. */

import { lastOf, type Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';

export interface PendingRun {
  readonly run: Run;
  readonly from: string;
  /** Asked for by us: never evicted for what others pushed. */
  readonly pulled: boolean;
  /** Ids in hex that are not visible yet. */
  readonly missing: Set<string>;
}

interface Share {
  assertions: number;
  bytes: number;
}

/** What a run costs in memory, counted roughly: payloads plus a fixed amount each. */
function bytesOf(run: Run): number {
  return run.assertions.reduce((sum, each) => sum + each.payloadSize + 300, 0);
}

export class Pending {
  /** By the hex id of the run's last assertion, oldest first. */
  readonly #runs = new Map<string, PendingRun>();
  readonly #waiters = new Map<string, Set<PendingRun>>();
  readonly #shares = new Map<string, Share>();
  readonly #total: Share = { assertions: 0, bytes: 0 };

  /** Assertions that wait. */
  get size(): number {
    return this.#total.assertions;
  }

  has(run: Run): boolean {
    return this.#runs.has(bytesToHex(lastOf(run).id));
  }

  /** Returns false, and changes nothing, when there is no room. */
  add(pending: PendingRun): boolean {
    if (this.has(pending.run)) return true;
    const cost = { assertions: pending.run.assertions.length, bytes: bytesOf(pending.run) };
    if (!this.#makeRoom(pending, cost)) return false;
    this.#runs.set(bytesToHex(lastOf(pending.run).id), pending);
    for (const id of pending.missing) {
      const waiting = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiting.add(pending));
    }
    this.#account(pending, 1);
    return true;
  }

  /** The runs that waited for nothing but this id any more; they leave the pending set. */
  release(id: Uint8Array): PendingRun[] {
    const key = bytesToHex(id);
    const waiting = this.#waiters.get(key);
    if (waiting === undefined) return [];
    this.#waiters.delete(key);
    const free: PendingRun[] = [];
    for (const pending of waiting) {
      pending.missing.delete(key);
      if (pending.missing.size > 0) continue;
      this.#remove(pending);
      free.push(pending);
    }
    return free;
  }

  #makeRoom(pending: PendingRun, cost: Share): boolean {
    const share = this.#shares.get(pending.from) ?? { assertions: 0, bytes: 0 };
    const sharePart = pending.pulled ? 1 : limits.pendingShareMax;
    if (share.assertions + cost.assertions > limits.pendingAssertionsMax * sharePart) return false;
    if (share.bytes + cost.bytes > limits.pendingBytesMax * sharePart) return false;
    for (const other of this.#runs.values()) {
      if (this.#fits(cost)) return true;
      if (!pending.pulled || other.pulled) continue;
      this.#remove(other);
    }
    return this.#fits(cost);
  }

  #fits(cost: Share): boolean {
    return (
      this.#total.assertions + cost.assertions <= limits.pendingAssertionsMax &&
      this.#total.bytes + cost.bytes <= limits.pendingBytesMax
    );
  }

  #remove(pending: PendingRun): void {
    this.#runs.delete(bytesToHex(lastOf(pending.run).id));
    for (const id of pending.missing) {
      const waiting = this.#waiters.get(id);
      waiting?.delete(pending);
      if (waiting?.size === 0) this.#waiters.delete(id);
    }
    this.#account(pending, -1);
  }

  #account(pending: PendingRun, sign: 1 | -1): void {
    const share = this.#shares.get(pending.from) ?? { assertions: 0, bytes: 0 };
    for (const sum of [this.#total, share]) {
      sum.assertions += sign * pending.run.assertions.length;
      sum.bytes += sign * bytesOf(pending.run);
    }
    if (share.assertions === 0) this.#shares.delete(pending.from);
    else this.#shares.set(pending.from, share);
  }
}
