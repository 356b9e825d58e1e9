/** A store that counts what is read from it. */
import type { Store } from '../../src/base/ports.ts';

export interface Reads {
  /** Keys looked up, and ranges begun. */
  count: number;
}

export function countedStore(store: Store, reads: Reads): Store {
  return {
    get(key) {
      reads.count++;
      return store.get(key);
    },
    getMany(keys) {
      reads.count += keys.length;
      return store.getMany(keys);
    },
    range(range) {
      reads.count++;
      return store.range(range);
    },
    write: (batch, options) => store.write(batch, options),
    flush: () => store.flush(),
    close: () => store.close(),
  };
}
