/** How much is asked of this peer, by each and by all together, and when it is too much. */
import { classLimits, limits, type TrustClass } from '../base/limits.ts';

/** What one peer takes of this one, on all its streams. */
export interface Load {
  streams: number;
  /** Requests that are being answered, and those of them that stream runs. */
  served: number;
  bulk: number;
  secondMs: number;
  inSecond: number;
}

export function newLoad(): Load {
  return { streams: 0, served: 0, bulk: 0, secondMs: 0, inSecond: 0 };
}

/** Whether this request shows once more that the peer goes on asking at full speed after it was told to wait. */
export function isIgnoringBusy({ inSecond }: Load): boolean {
  const beyond = inSecond - limits.requestsIgnoringMin;
  return beyond >= 0 && beyond % limits.requestsIgnoringStep === 0;
}

/** Share of what may be open that a class may fill: those below leave room for those above. */
const SHARE: Readonly<Record<TrustClass, number>> = { isolated: 0.5, known: 0.75, partner: 1, federated: 1 };

export interface BulkDemand {
  readonly class: TrustClass;
  /** Pulls and fetches of this peer that are open. */
  readonly own: number;
  readonly isContended: boolean;
  /** Of all peers, and the bytes of their requests. */
  readonly open: number;
  readonly openBytes: number;
  /** Bytes of this request. */
  readonly bytes: number;
}

/** Why one more pull or fetch is not taken on now. */
export function bulkRefusal(demand: BulkDemand): 'outstanding' | 'full' | undefined {
  if (demand.isContended && demand.own >= classLimits[demand.class].outstandingMax) return 'outstanding';
  const share = SHARE[demand.class];
  const isFull =
    demand.open >= limits.bulkOpenMax * share ||
    demand.openBytes + demand.bytes > limits.bulkOpenBytesMax * share;
  return isFull ? 'full' : undefined;
}

/** Requests of all peers. */
export class RequestLoad {
  open = 0;
  openBytes = 0;
  #secondMs = 0;
  #inSecond = 0;
  readonly #peers = new Set<Load>();

  /** Counts a request. Returns how long until the peer may ask again, 0 when it may now. */
  admit(load: Load, nowMs: number): number {
    if (Math.abs(nowMs - this.#secondMs) >= 1000) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
      this.#peers.clear();
    }
    if (Math.abs(nowMs - load.secondMs) >= 1000) {
      load.secondMs = nowMs;
      load.inSecond = 0;
    }
    this.#peers.add(load);
    load.inSecond++;
    if (load.inSecond > requestsAllowed(this.#inSecond, this.#peers.size)) {
      return Math.max(1, load.secondMs + 1000 - nowMs);
    }
    this.#inSecond++;
    return 0;
  }
}

/** Requests that one of so many peers may make in a second in which so many were answered. */
export function requestsAllowed(answered: number, peers: number): number {
  if (answered < limits.requestsPerSecondAllMax) return limits.requestsPerSecondMax;
  const share = Math.floor(limits.requestsPerSecondAllMax / Math.max(1, peers));
  return Math.min(limits.requestsPerSecondMax, Math.max(limits.requestsPerSecondMin, share));
}
