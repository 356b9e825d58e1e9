/**
 * A Store whose rows are closed by a checksum over key and value, for what nothing else could tell to be
 * damaged: LevelDB does not look at its own checksums when it reads. A row costs about a microsecond, so
 * it is for few.
 */
import { bytesToHex, concatBytes } from '../base/bytes.ts';
import { withChecksum, withoutChecksum } from '../base/checksum.ts';
import { AverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';

/** Reads throw `STORE_CORRUPT`, which names the key, so that who reads a range can go on behind it. */
export function sealed(store: Store): Store {
  return {
    get: async (key) => opened(key, await store.get(key)),
    getMany: async (keys) => (await store.getMany(keys)).map((row, i) => opened(keys[i] as Uint8Array, row)),
    async *range(range) {
      for await (const [key, row] of store.range(range)) yield [key, opened(key, row) as Uint8Array];
    },
    write: (batch, options) =>
      store.write(
        batch.map(({ key, value }) => ({ key, value: value && seal(key, value) })),
        options,
      ),
    flush: () => store.flush(),
    close: () => store.close(),
  };
}

function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  return withChecksum(concatBytes(key, value)).subarray(key.length);
}

function opened(key: Uint8Array, row: Uint8Array | undefined): Uint8Array | undefined {
  if (row === undefined) return undefined;
  const whole = withoutChecksum(concatBytes(key, row));
  if (whole !== undefined && whole.length >= key.length) return whole.slice(key.length);
  const message = 'A row of the store is not what was stored.';
  throw new AverError('STORE_CORRUPT', message, { fields: { key: bytesToHex(key) } });
}
