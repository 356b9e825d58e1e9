/**
 * A store in which the process dies at a named point. It stands around the real one, so that the
 * product has no hooks; what happens inside LevelDB is met by killing at its files' changes (`victim.ts`).
 */
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

export function deadlyStore(store: Store, reached: (point: Point) => void): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    range: (range) => store.range(range),
    write: async (batch, options) => {
      const whose = options.durable ? 'an own' : 'a foreign';
      reached(`before ${whose} write`);
      const written = store.write(batch, options);
      later(() => reached(`during ${whose} write`));
      await written;
      reached(options.durable ? 'own write stored' : 'foreign write stored');
    },
    flush: async () => {
      reached('before a flush');
      const flushed = store.flush();
      later(() => reached('during a flush'));
      await flushed;
      reached('flushed');
    },
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
