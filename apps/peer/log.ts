/** The log of a Node process: pino, on stderr, because stdout is for data. */
import { pino } from 'pino';
import type { Log, LogLevel } from '../../src/base/ports.ts';

export function createPinoLog(level: LogLevel): Log {
  // Written at once: a command that ends must not lose its last lines.
  const logger = pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
  return {
    write: (at, message, fields) => logger[at](fields ?? {}, message),
  };
}
