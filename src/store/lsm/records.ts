/** What a log-structured store asks of the disk below: numbered records, a log, and one manifest. */

import type { AverError } from '../../base/errors.ts';

/** One atomic change. */
export interface Change {
  /** A record for the end of the log. */
  readonly log?: Uint8Array;
  /** The whole log goes. */
  readonly clearLog?: boolean;
  readonly put?: readonly (readonly [number: number, record: Uint8Array])[];
  /** Spans of record numbers that go, both ends included. */
  readonly remove?: readonly (readonly [from: number, to: number])[];
  readonly manifest?: Uint8Array;
}

/** Throws `AverError`s: `STORE_FULL`, `STORE_FAILED`, and where it says so `STORE_FENCED`. */
export interface Records {
  /** Why the records cannot be reached any more, once that is so. */
  readonly failure: AverError | undefined;
  /**
   * All of the change or nothing. With `durable`, it and every change before it survive a power cut.
   * Throws `STORE_FENCED`, even for an empty change, once another writer took over.
   */
  commit(change: Change, durable: boolean): Promise<void>;
  /** Each record, or undefined when it is not there. */
  read(numbers: readonly number[]): Promise<(Uint8Array | undefined)[]>;
  /** Lets everything else have its turn. */
  pause(): Promise<void>;
  close(): void;
}

/** What is there when a store is opened. */
export interface Found {
  readonly records: Records;
  readonly manifest: Uint8Array | undefined;
  /** Oldest first. */
  readonly log: readonly Uint8Array[];
}
