/** Local standing of a peer, 0 to 100: lost by misbehaviour, slowly regained, told to nobody. */
import type { ErrorCode } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

const HOUR_MS = 3_600_000;

/** What cannot be read, or is too much, may come of a broken peer; what reads well and is false was made to be so. */
const GARBAGE: ReadonlySet<ErrorCode> = new Set([
  'BAD_ENCODING',
  'BUSY',
  'OVERSIZE',
  'TOO_DEEP',
  'UNSIGNED_TAIL',
]);
const SEVERITY_GARBAGE = 1;
const SEVERITY_FORGED = 5;

export function severityOf(code: ErrorCode): number {
  return GARBAGE.has(code) ? SEVERITY_GARBAGE : SEVERITY_FORGED;
}

export class Standing {
  #value: number = limits.standingStart;
  #atMs = 0;

  /** Points now. Recovers up to where it began. */
  value(nowMs: number): number {
    const hours = Math.max(0, nowMs - this.#atMs) / HOUR_MS;
    return Math.min(limits.standingStart, this.#value + hours * limits.standingPerHour);
  }

  /** A fault. */
  lose(severity: number, nowMs: number): void {
    this.#set(Math.max(0, this.value(nowMs) - severity * limits.standingPerSeverity), nowMs);
  }

  /** More was asked than is served: costs as much as the least fault, but never everything. */
  loseForLoad(nowMs: number): void {
    const value = this.value(nowMs);
    const less = Math.max(limits.standingLoadMin, value - limits.standingPerSeverity);
    this.#set(Math.min(value, less), nowMs);
  }

  #set(value: number, nowMs: number): void {
    this.#value = value;
    this.#atMs = nowMs;
  }
}
