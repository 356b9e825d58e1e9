/**
 * Ids that became visible lately, with how and when they came: a bounded memory that spares the disk.
 * While a peer fills up, nobody asks: what came is put in order only when somebody does.
 */
import type { Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Via } from './merge-report.ts';

interface Recent {
  readonly via: Via;
  readonly atMs: number;
}

interface Unsorted extends Recent {
  readonly ids: readonly Uint8Array[];
}

export class RecentIds {
  /** By id in hex, oldest first. */
  readonly #byId = new Map<string, Recent>();
  /** What came since somebody asked, oldest first; no more than what pushes all that is older out. */
  #unsorted: Unsorted[] = [];
  #unsortedIds = 0;

  add(run: Run, via: Via, atMs: number): void {
    const ids = run.assertions.map(({ id }) => id);
    this.#unsorted.push({ ids, via, atMs });
    this.#unsortedIds += ids.length;
    // A run holds at most a few hundred ids, so the oldest goes as soon as the others fill the memory.
    const first = this.#unsorted[0] as Unsorted;
    if (this.#unsortedIds - first.ids.length < limits.recentIdsMax) return;
    this.#unsorted.shift();
    this.#unsortedIds -= first.ids.length;
    this.#byId.clear();
  }

  has(id: Uint8Array): boolean {
    return this.#sorted().has(bytesToHex(id));
  }

  hasAll(run: Run): boolean {
    return run.assertions.every(({ id }) => this.has(id));
  }

  /** Whether any of the run came by pull since then. */
  cameByPull(run: Run, sinceMs: number): boolean {
    return run.assertions.some(({ id }) => {
      const recent = this.#sorted().get(bytesToHex(id));
      return recent?.via === 'pull' && recent.atMs >= sinceMs;
    });
  }

  /** Others were told of the run: from now on it counts as pushed. */
  passedOn(run: Run): void {
    for (const { id } of run.assertions) {
      const hex = bytesToHex(id);
      const recent = this.#sorted().get(hex);
      if (recent?.via === 'pull') this.#byId.set(hex, { ...recent, via: 'push' });
    }
  }

  /** In hex, newest first. */
  list(): string[] {
    return [...this.#sorted().keys()].reverse();
  }

  #sorted(): Map<string, Recent> {
    if (this.#unsorted.length === 0) return this.#byId;
    for (const { ids, via, atMs } of this.#unsorted) {
      const recent = { via, atMs };
      for (const id of ids) {
        const hex = bytesToHex(id);
        this.#byId.delete(hex); // It came again: it is among the newest.
        this.#byId.set(hex, recent);
      }
    }
    this.#unsorted = [];
    this.#unsortedIds = 0;
    for (const hex of this.#byId.keys()) {
      if (this.#byId.size <= limits.recentIdsMax) break;
      this.#byId.delete(hex);
    }
    return this.#byId;
  }
}
