/** How runs come to a replica, and what became of them. */
import type { ErrorCode } from '../base/errors.ts';

/** How runs came here. What we asked for is never evicted for what others push. */
export type Via = 'own' | 'push' | 'pull' | 'file';

export interface Source {
  /** Peer id of the connection, or a name for what is no peer. Blame and shares go by it. */
  readonly from: string;
  readonly via: Via;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly author: Uint8Array;
  readonly from: string;
}

/** What became of a batch. accepted + known + refused + held + pending = all assertions of the batch. */
export interface MergeReport {
  accepted: number;
  known: number;
  pending: number;
  held: number;
  refused: number;
  readonly refusals: Refusal[];
  /** The pending set is full, and some of what counts as pending was dropped: stop reading and come back. */
  full: boolean;
}

export function emptyReport(): MergeReport {
  return { accepted: 0, known: 0, pending: 0, held: 0, refused: 0, refusals: [], full: false };
}
