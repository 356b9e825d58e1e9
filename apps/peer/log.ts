/**
 * The log of a Node process, on stderr, because stdout is for data: lines of JSON (pino), and on a
 * terminal the same for people.
 */
import { pino } from 'pino';
import type { Log, LogLevel } from '../../src/base/ports.ts';
import { printable } from './cli/output.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function createPinoLog(level: LogLevel): Log {
  if (process.stderr.isTTY) return createTerminalLog(level, (line) => process.stderr.write(line));
  // Written at once: a command that ends must not lose its last lines.
  const logger = pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
  return {
    write: (at, message, fields) => logger[at](fields ?? {}, message),
  };
}

export function createTerminalLog(level: LogLevel, print: (line: string) => void): Log {
  return {
    write: (at, message, fields = {}) => {
      if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return;
      const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
      // What strangers sent may be in it.
      print(`${new Date().toTimeString().slice(0, 8)} ${at}: ${printable(message + rest.join(''))}\n`);
    },
  };
}

function fieldText(value: unknown): string {
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'undefined');
}
