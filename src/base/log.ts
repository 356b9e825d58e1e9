/** The Log port: one that says nothing, one that writes lines to the console, and one that others cannot flood. */
import { limits } from './limits.ts';
import type { Clock, Log, LogLevel } from './ports.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export const silentLog: Log = { write: () => undefined };

/** Writes what is at least as grave as `minLevel`. In Node, use it for tests: it mixes with data on stdout. */
export function consoleLog(minLevel: LogLevel = 'warn'): Log {
  const least = LEVELS.indexOf(minLevel);
  return {
    write(level, message, fields) {
      if (LEVELS.indexOf(level) < least) return;
      if (fields === undefined) console[level](message);
      else console[level](message, fields);
    },
  };
}

/** Lines about one thing since a time. */
interface Tally {
  readonly sinceMs: number;
  lines: number;
}

/** Counts lines about many things, and says which are too many. */
class Tallies {
  readonly #tallies = new Map<string, Tally>();
  readonly #linesMax: number;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(linesMax: number, clock: Pick<Clock, 'nowMs'>) {
    this.#linesMax = linesMax;
    this.#clock = clock;
  }

  /** Counts a line. Returns how many were left out before it, or undefined when it is to be left out itself. */
  count(key: string): number | undefined {
    const nowMs = this.#clock.nowMs();
    let tally = this.#tallies.get(key);
    let leftOut = 0;
    if (tally === undefined || Math.abs(nowMs - tally.sinceMs) >= limits.logWindowMs) {
      leftOut = Math.max(0, (tally?.lines ?? 0) - this.#linesMax);
      tally = { sinceMs: nowMs, lines: 0 };
      this.#begin(key, tally);
    }
    return ++tally.lines > this.#linesMax ? undefined : leftOut;
  }

  #begin(key: string, tally: Tally): void {
    this.#tallies.delete(key);
    this.#tallies.set(key, tally);
    for (const oldest of this.#tallies.keys()) {
      if (this.#tallies.size <= limits.logTalliesMax) break;
      this.#tallies.delete(oldest);
    }
  }
}

/**
 * Bounds the lines of each peer that they name, and of each message: others can bring about as many as they
 * like. What was left out is told with the next line that is written about the same.
 */
export function boundedLog(log: Log, clock: Pick<Clock, 'nowMs'>): Log {
  const byPeer = new Tallies(limits.logLinesPerPeerMax, clock);
  const byMessage = new Tallies(limits.logLinesPerMessageMax, clock);
  return {
    write(level, message, fields) {
      const peer = fields?.peerId ?? fields?.from;
      const ofPeer = peer === undefined ? 0 : byPeer.count(String(peer));
      if (ofPeer === undefined) return;
      const ofMessage = byMessage.count(message);
      if (ofMessage === undefined) return;
      const leftOut = ofPeer + ofMessage;
      log.write(level, message, leftOut > 0 ? { ...fields, leftOut } : fields);
    },
  };
}
