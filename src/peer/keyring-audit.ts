/** The rows of a keyring as they are found on a disk that may have damaged them. Apart from the keyring: no page needs it. */
import { equalBytes } from '../base/bytes.ts';
import { AverError, toAverError } from '../base/errors.ts';
import type { Store } from '../base/ports.ts';
import { sturdyRange } from '../set/sturdy-range.ts';
import {
  ADMITTER,
  AUTHOR,
  AUTHOR_SEED,
  PEER_SEED,
  readAuthor,
  readSpace,
  type SavedSpace,
  SPACE,
} from './keyring.ts';

const ALL = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };
const NOTHING = new Uint8Array(0);

/** A row as an audit finds it. */
export interface KeyringRow {
  /** What kind of row it is: `peer`, `author`, `space`, `admitter`. */
  readonly name: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly saved?: SavedSpace;
  readonly error?: AverError;
}

/** Every row, with the error that says why it cannot be what was stored. */
export async function* keyringRows(store: Store): AsyncIterable<KeyringRow> {
  const unread: KeyringRow[] = [];
  const rows = sturdyRange(store, ALL, (key = NOTHING, message) => {
    const error = new AverError('STORE_CORRUPT', message);
    unread.push({ name: nameOf(key), key, value: NOTHING, error });
  });
  for await (const [key, value] of rows) {
    const name = nameOf(key);
    try {
      const saved = checkRow(key, value);
      yield { name, key, value, ...(saved === undefined ? {} : { saved }) };
    } catch (error) {
      yield { name, key, value, error: toAverError(error) };
    }
  }
  yield* unread;
}

/** What stands before the id of a space in a key; all of it where there is none. */
function nameOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, 32)).replace(/\/.*/s, '') || 'all that follows';
}

/** The space, of a row that holds one. Seeds have nothing to be checked by but their length. */
function checkRow(key: Uint8Array, value: Uint8Array): SavedSpace | undefined {
  const after = (prefix: Uint8Array) =>
    equalBytes(key.subarray(0, prefix.length), prefix) && key.length === prefix.length + 32;
  if (after(SPACE)) {
    const saved = readSpace(value);
    if (equalBytes(saved.space.id, key.subarray(SPACE.length))) return saved;
    throw new AverError('STORE_CORRUPT', 'The space is another one than its row says.');
  }
  if (after(AUTHOR)) {
    readAuthor(value);
    return undefined;
  }
  const isSeed = equalBytes(key, PEER_SEED) || equalBytes(key, AUTHOR_SEED) || after(ADMITTER);
  if (isSeed && value.length === 32) return undefined;
  throw new AverError('STORE_CORRUPT', 'This is no row of the keyring.');
}
