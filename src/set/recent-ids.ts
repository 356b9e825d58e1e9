/** Ids that became visible lately, with how and when they came: a bounded memory that spares the disk. */
import { LRUCache } from 'lru-cache';
import type { Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Via } from './merge-report.ts';

interface Recent {
  readonly via: Via;
  readonly atMs: number;
}

export class RecentIds {
  /** By id in hex. */
  readonly #byId = new LRUCache<string, Recent>({ max: limits.recentIdsMax });

  add(run: Run, via: Via, atMs: number): void {
    const recent = { via, atMs };
    for (const { id } of run.assertions) this.#byId.set(bytesToHex(id), recent);
  }

  has(id: Uint8Array): boolean {
    return this.#byId.has(bytesToHex(id));
  }

  hasAll(run: Run): boolean {
    return run.assertions.every(({ id }) => this.has(id));
  }

  /** Whether any of the run came by pull since then. */
  cameByPull(run: Run, sinceMs: number): boolean {
    return run.assertions.some(({ id }) => {
      const recent = this.#byId.peek(bytesToHex(id));
      return recent?.via === 'pull' && recent.atMs >= sinceMs;
    });
  }

  /** In hex, newest first. */
  list(): string[] {
    return [...this.#byId.keys()];
  }
}
