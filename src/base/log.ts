/** The Log port: one that says nothing, and one that writes lines to the console. */
import type { Log, LogLevel } from './ports.ts';

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
