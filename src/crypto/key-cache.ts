/** A bounded cache of an engine's key objects by the raw bytes of the key: importing is dear. */
import { LRUCache } from 'lru-cache';
import { mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';

export function keyCache<Key extends object>(make: (bytes: Uint8Array) => Key): (bytes: Uint8Array) => Key {
  const keys = new LRUCache<string, Key>({ max: limits.authorKeysCachedMax });
  return (bytes) => {
    // What is no key at all is for the engine to refuse.
    if (bytes.length !== 32) return make(bytes);
    const name = mapKey(bytes);
    let key = keys.get(name);
    if (key === undefined) {
      key = make(bytes);
      keys.set(name, key);
      // A failed import may be a passing lack of memory: it is tried again.
      if (key instanceof Promise) key.catch(() => keys.delete(name));
    }
    return key;
  };
}
