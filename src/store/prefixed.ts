/** A Store that is a part of another: all its keys begin with a prefix, which it hides. */
import { concatBytes } from '../base/bytes.ts';
import type { Store, StoreOp } from '../base/ports.ts';

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
    write: (batch, options) => store.write(allUnder(prefix, batch), options),
    flush: () => store.flush(),
    close: async () => undefined,
  };
}

/** The batch with longer keys, all in one piece of memory: thousands of small ones keep the collector busy. */
function allUnder(prefix: Uint8Array, batch: readonly StoreOp[]): StoreOp[] {
  let length = 0;
  for (const { key } of batch) length += prefix.length + key.length;
  const keys = new Uint8Array(length);
  let at = 0;
  return batch.map(({ key, value }) => {
    const start = at;
    keys.set(prefix, start);
    keys.set(key, start + prefix.length);
    at += prefix.length + key.length;
    return { key: keys.subarray(start, at), value };
  });
}
