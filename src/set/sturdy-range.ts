/** A range of rows of which some may be damaged: it goes on behind each that its store can name. */
import { concatBytes, hexToBytes } from '../base/bytes.ts';
import { isAverError } from '../base/errors.ts';
import type { Store, StoreRange } from '../base/ports.ts';

const ZERO = Uint8Array.of(0);

/** `onDamage` hears of each row that cannot be read, and without a key when the store cannot read on: that is the end. */
export async function* sturdyRange(
  store: Store,
  { gte, lt }: Pick<StoreRange, 'gte' | 'lt'>,
  onDamage: (key: Uint8Array | undefined, message: string) => void,
): AsyncGenerator<readonly [key: Uint8Array, value: Uint8Array]> {
  for (let from = gte; ; ) {
    try {
      for await (const row of store.range({ gte: from, lt })) {
        yield row;
        from = concatBytes(row[0], ZERO);
      }
      return;
    } catch (error) {
      if (!isAverError(error, 'STORE_CORRUPT')) throw error;
      const { key: named } = error.fields;
      const key = typeof named === 'string' ? hexToBytes(named) : undefined;
      onDamage(key, error.message);
      if (key === undefined) return;
      from = concatBytes(key, ZERO);
    }
  }
}
