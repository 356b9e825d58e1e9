/** What of a store belongs to whom: one part for the keyring, one for each space. */
import { concatBytes, prefixEnd, utf8 } from '../base/bytes.ts';
import type { Ports, Store } from '../base/ports.ts';
import { prefixed } from '../store/prefixed.ts';
import { sealed } from '../store/sealed.ts';
import { Keyring } from './keyring.ts';

const SPACE_PREFIX = utf8('s');
const KEYRING_PREFIX = utf8('k');
const ID_BYTES = 32;

/** The keyring of a store that a peer will use. */
export function keyringOf(store: Store, ports: Pick<Ports, 'random' | 'crypto'>): Keyring {
  return new Keyring(keyringStore(store), ports.random, ports.crypto);
}

/** The part of a store that holds one space, given its id. */
export function spaceStore(store: Store, space: Uint8Array): Store {
  return prefixed(store, concatBytes(SPACE_PREFIX, space));
}

/** The part of a store that holds the keyring. A key that is damaged would be another key, and nobody would know. */
export function keyringStore(store: Store): Store {
  return sealed(prefixed(store, KEYRING_PREFIX));
}

/** Ids of all spaces that have rows, whether the keyring knows them or not. */
export async function* storedSpaces(store: Store): AsyncIterable<Uint8Array> {
  const end = prefixEnd(SPACE_PREFIX) as Uint8Array;
  for (let from: Uint8Array | undefined = SPACE_PREFIX; from !== undefined; ) {
    let next: Uint8Array | undefined;
    for await (const [key] of store.range({ gte: from, lt: end, limit: 1 })) {
      const prefix = key.slice(0, 1 + ID_BYTES);
      if (prefix.length === 1 + ID_BYTES) yield prefix.slice(1);
      next = prefixEnd(prefix);
    }
    from = next;
  }
}
