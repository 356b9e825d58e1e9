/** How often things happen. The defaults are the limits; tests shorten or silence them. */
import { limits } from '../base/limits.ts';
import type { TrustOf } from './peer-accounts.ts';

export interface SyncIntervals {
  readonly antiEntropyMs: number;
  readonly digestMs: number;
  readonly digestJitterMs: number;
  readonly newsJitterMs: number;
  readonly newsIntervalMs: number;
  readonly newsQuietMs: number;
  readonly syncReplyMs: number;
  readonly pushCoalesceMs: number;
  readonly pullPatienceMs: number;
  readonly pingMs: number;
  readonly requestTimeoutMs: number;
}

export interface SyncOptions extends Partial<SyncIntervals> {
  /** How far a peer is trusted, 0 to 1: its class while others want the same. Nobody is when absent. */
  readonly trustOf?: TrustOf;
  /** False switches one of the two ways off; each alone converges. */
  readonly push?: boolean;
  readonly pull?: boolean;
}

export function toIntervals(options: SyncOptions): SyncIntervals {
  return {
    antiEntropyMs: options.antiEntropyMs ?? limits.antiEntropyMs,
    digestMs: options.digestMs ?? limits.digestMs,
    digestJitterMs: options.digestJitterMs ?? limits.digestJitterMs,
    newsJitterMs: options.newsJitterMs ?? limits.newsJitterMs,
    newsIntervalMs: options.newsIntervalMs ?? limits.newsIntervalMs,
    newsQuietMs: options.newsQuietMs ?? limits.newsQuietMs,
    syncReplyMs: options.syncReplyMs ?? limits.syncReplyMs,
    pushCoalesceMs: options.pushCoalesceMs ?? limits.pushCoalesceMs,
    pullPatienceMs: options.pullPatienceMs ?? limits.pullPatienceMs,
    pingMs: options.pingMs ?? limits.pingMs,
    requestTimeoutMs: options.requestTimeoutMs ?? limits.requestTimeoutMs,
  };
}

/** Calls `action` again and again, `delayMs` apart; the returned function ends it. */
export function repeat(
  clock: { setTimer(delayMs: number, action: () => void): () => void },
  delayMs: () => number,
  action: () => void,
): () => void {
  let cancel: () => void = () => undefined;
  const arm = () => {
    cancel = clock.setTimer(delayMs(), () => {
      arm();
      action();
    });
  };
  arm();
  return () => cancel();
}
