/** A Store that is a part of another: all its keys begin with a prefix, which it hides. */
import { concatBytes } from '../base/bytes.ts';
import type { Store } from '../base/ports.ts';

/** `flush` reaches the whole store; `close` does nothing, for others may use the store. */
export function prefixed(store: Store, prefix: Uint8Array): Store {
  const under = (key: Uint8Array) => concatBytes(prefix, key);
  return {
    get: (key) => store.get(under(key)),
    getMany: (keys) => store.getMany(keys.map(under)),
    async *range(range) {
      for await (const [key, value] of store.range({
        ...range,
        gte: under(range.gte),
        lt: under(range.lt),
      })) {
        yield [key.subarray(prefix.length), value];
      }
    },
    write: (batch, options) =>
      store.write(
        batch.map(({ key, value }) => ({ key: under(key), value })),
        options,
      ),
    flush: () => store.flush(),
    close: async () => undefined,
  };
}
