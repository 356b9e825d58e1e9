/**
 * Quarantine: what was refused at the door, kept for inspection. Local, never replicated, and bounded:
 * a ring in order of arrival, of which one delivering peer may fill a tenth, so that nobody can flush
 * what others sent. Entries expire when somebody looks (docs/protocol.md, "Quarantine").
 */
import { bytesToHex } from '../base/bytes.ts';
import type { ErrorCode } from '../base/errors.ts';
import { blake3 } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';

export interface Refused {
  /** The encoded run, or whatever came in its place. */
  readonly bytes: Uint8Array;
  readonly code: ErrorCode;
  readonly message: string;
  /** Peer id of who delivered it. */
  readonly from: string;
  /** Undefined when the bytes could not be read. */
  readonly author: Uint8Array | undefined;
}

export interface QuarantineEntry extends Refused {
  /** Hash of the bytes, in hex. */
  readonly key: string;
  readonly atMs: number;
}

interface Use {
  items: number;
  bytes: number;
}

export class Quarantine {
  /** Oldest first. */
  readonly #entries = new Map<string, QuarantineEntry>();
  readonly #useByPeer = new Map<string, Use>();
  readonly #total: Use = { items: 0, bytes: 0 };
  readonly #clock: Clock;
  readonly #capacity: number;

  constructor(clock: Clock, capacity: number = limits.quarantineMax) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** What is here already is not added again, nor what is larger than a peer's share. Returns its key. */
  add(refused: Refused): string {
    const key = bytesToHex(blake3(refused.bytes));
    this.purgeExpired();
    if (this.#entries.has(key)) return key;
    const { from, bytes, author } = refused;
    const cost = { items: 1, bytes: bytes.length };
    if (bytes.length > limits.quarantineBytesMax * limits.quarantineShareMax) return key;
    while (!fits(this.#useOf(from), cost, this.#capacity, limits.quarantineShareMax)) {
      this.#evict((entry) => entry.from === from);
    }
    while (!fits(this.#total, cost, this.#capacity, 1)) this.#evict(() => true);
    this.#entries.set(key, {
      ...refused,
      bytes: bytes.slice(),
      author: author?.slice(),
      key,
      atMs: this.#clock.nowMs(),
    });
    this.#account(refused, 1);
    return key;
  }

  /** Newest first. */
  list(): QuarantineEntry[] {
    this.purgeExpired();
    return [...this.#entries.values()].reverse();
  }

  get(key: string): QuarantineEntry | undefined {
    this.purgeExpired();
    return this.#entries.get(key);
  }

  /** Takes an entry out, to be tried again. */
  release(key: string): QuarantineEntry | undefined {
    const entry = this.get(key);
    if (entry !== undefined) this.#remove(entry);
    return entry;
  }

  /** Forgets an entry. Returns whether it was here. */
  drop(key: string): boolean {
    return this.release(key) !== undefined;
  }

  /** Forgets what is too old. Returns how many entries that were. */
  purgeExpired(): number {
    const sinceMs = this.#clock.nowMs() - limits.quarantineTtlMs;
    let purged = 0;
    // A clock that jumped back leaves younger entries before older ones: those wait for their turn.
    for (const entry of this.#entries.values()) {
      if (entry.atMs > sinceMs) break;
      this.#remove(entry);
      purged++;
    }
    return purged;
  }

  count(): number {
    this.purgeExpired();
    return this.#entries.size;
  }

  #useOf(from: string): Use {
    return this.#useByPeer.get(from) ?? { items: 0, bytes: 0 };
  }

  /** Forgets the oldest entry that matches. */
  #evict(matches: (entry: QuarantineEntry) => boolean): void {
    const oldest = [...this.#entries.values()].find(matches);
    if (oldest !== undefined) this.#remove(oldest);
  }

  #remove(entry: QuarantineEntry): void {
    this.#entries.delete(entry.key);
    this.#account(entry, -1);
  }

  #account({ from, bytes }: Refused, sign: 1 | -1): void {
    const use = this.#useOf(from);
    for (const sum of [this.#total, use]) {
      sum.items += sign;
      sum.bytes += sign * bytes.length;
    }
    if (use.items === 0) this.#useByPeer.delete(from);
    else this.#useByPeer.set(from, use);
  }
}

/** Whether `cost` fits into a part of the ring. Any peer may have one entry, however small the ring. */
function fits(use: Use, cost: Use, capacity: number, share: number): boolean {
  return (
    use.items + cost.items <= Math.max(1, Math.floor(capacity * share)) &&
    use.bytes + cost.bytes <= limits.quarantineBytesMax * share
  );
}
