/** What the store adapters share: checks of what is written, and the errors that all of them throw. */
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { StoreOp } from '../base/ports.ts';

/** Version of the layout of the rows of a store. A store with another one is not opened. */
export const STORE_VERSION = 4;

/** Throws `BAD_INPUT` for a key that is empty (reserved to the adapters) or too long. */
export function checkBatch(batch: readonly StoreOp[]): void {
  for (const { key } of batch) {
    if (key.length === 0 || key.length > limits.storeKeyBytesMax) {
      throw new AverError(
        'BAD_INPUT',
        `A store key has 1 to ${limits.storeKeyBytesMax} bytes, not ${key.length}.`,
      );
    }
  }
}

/** For a store that another Aver wrote. */
export function versionError(place: string, version?: number, reads = STORE_VERSION): AverError {
  const found = version === undefined ? 'a newer version' : `version ${version}`;
  return new AverError('STORE_VERSION', `The store ${place} has ${found}; this Aver reads ${reads}.`);
}

export function closedError(): AverError {
  return new AverError('CLOSED', 'The store is closed.');
}
