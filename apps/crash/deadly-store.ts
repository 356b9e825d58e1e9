/**
 * A store in which the process dies at a named point. It stands around the real one, so that the
 * product has no hooks; what happens inside LevelDB is met by killing at its files' changes (`victim.ts`).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Mutex } from '../../src/base/mutex.ts';
import type { Store } from '../../src/base/ports.ts';

/** Where a process can be killed from within. */
export const POINTS = [
  'before opening',
  'opened',
  'before an own write',
  'during an own write',
  'own write stored',
  'before telling',
  'told',
  'before a foreign write',
  'during a foreign write',
  'foreign write stored',
  'before a flush',
  'during a flush',
  'flushed',
  'before closing',
  'during closing',
  'closed',
] as const;
export type Point = (typeof POINTS)[number];

/** Bytes of each log that certainly are on the disk, by name. */
export type Synced = Readonly<Record<string, number>>;

export interface DeadlyOptions {
  readonly directory: string;
  readonly reached: (point: Point) => void;
  /** Hears after each sync. Then writes go one by one, so that the figures are exact. */
  readonly onSync?: (synced: Synced) => void;
}

export function deadlyStore(store: Store, { directory, reached, onSync }: DeadlyOptions): Store {
  const turn = new Mutex();
  const inTurn = (action: () => Promise<void>) => (onSync === undefined ? action() : turn.run(action));
  const synced = () => onSync?.(newestLog(directory));
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    range: (range) => store.range(range),
    write: (batch, options) =>
      inTurn(async () => {
        const whose = options.durable ? 'own' : 'foreign';
        reached(`before a${options.durable ? 'n' : ''} ${whose} write` as Point);
        const written = store.write(batch, options);
        later(() => reached(`during a${options.durable ? 'n' : ''} ${whose} write` as Point));
        await written;
        if (options.durable) synced();
        reached(`${whose} write stored`);
      }),
    flush: () =>
      inTurn(async () => {
        reached('before a flush');
        const flushed = store.flush();
        later(() => reached('during a flush'));
        await flushed;
        synced();
        reached('flushed');
      }),
    close: async () => {
      reached('before closing');
      const closed = store.close();
      later(() => reached('during closing'));
      await closed;
      reached('closed');
    },
  };
}

/** While the store is at work on other threads: anywhere within the next milliseconds. */
function later(action: () => void): void {
  if (Math.random() < 0.5) setImmediate(action);
  else setTimeout(action, 1);
}

/** A synced write takes the newest log to the disk; the others were written before. */
function newestLog(directory: string): Synced {
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  const newest = logs.sort().at(-1);
  return newest === undefined ? {} : { [newest]: statSync(join(directory, newest)).size };
}
