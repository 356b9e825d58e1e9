/**
 * The keyring: what a peer remembers about itself and its spaces, in the store beside the sets.
 * Private keys lie in the store as they are: who can read the data directory or the site's data,
 * is this peer.
 */

import { type Admission, readAdmission, writeAdmission } from '../assertion/admission.ts';
import { concatBytes, equalBytes, prefixEnd, utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError, toAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { Mutex } from '../base/mutex.ts';
import type { Crypto, Random, Store } from '../base/ports.ts';
import { identifySpace, type SpaceIdentity } from '../set/genesis.ts';
import { sturdyRange } from '../set/sturdy-range.ts';
import type { AuthorKey } from '../set/writer.ts';

const PEER_SEED = utf8('peer');
const AUTHOR_SEED = utf8('author');
const SPACE = utf8('space/');
const AUTHOR = utf8('author/');
const ADMITTER = utf8('admitter/');

const ALL = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) };
const NOTHING = new Uint8Array(0);

export interface SavedSpace {
  readonly space: SpaceIdentity;
  /** Addresses that the invite brought. */
  readonly addresses: readonly string[];
}

/** A row as an audit finds it. */
export interface KeyringRow {
  /** What kind of row it is: `peer`, `author`, `space`, `admitter`. */
  readonly name: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly saved?: SavedSpace;
  readonly error?: AverError;
}

export class Keyring {
  readonly #store: Store;
  readonly #random: Random;
  readonly #crypto: Crypto;
  readonly #making = new Mutex();

  constructor(store: Store, random: Random, crypto: Crypto) {
    this.#store = store;
    this.#random = random;
    this.#crypto = crypto;
  }

  /** One at a time: who asks while it is made for another gets the same. */
  #seed(key: Uint8Array): Promise<Uint8Array> {
    return this.#making.run(async () => {
      const saved = await this.#store.get(key);
      if (saved !== undefined) return saved;
      const seed = this.#random.bytes(32);
      await this.#put(key, seed);
      return seed;
    });
  }

  #put(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#store.write([{ key, value }], { durable: true });
  }

  /** Seed of the libp2p identity, made on first use. */
  peerSeed(): Promise<Uint8Array> {
    return this.#seed(PEER_SEED);
  }

  async #author(seed: Uint8Array, admit: Admission | null): Promise<AuthorKey> {
    return { seed, publicKey: await this.#crypto.publicKey(seed), admit };
  }

  /** The author key that this peer writes with where a space has none of its own. */
  async defaultAuthor(): Promise<AuthorKey> {
    return this.#author(await this.#seed(AUTHOR_SEED), null);
  }

  async authorOf(space: Uint8Array): Promise<AuthorKey> {
    const saved = await this.#store.get(concatBytes(AUTHOR, space));
    if (saved === undefined) return this.defaultAuthor();
    const { seed, admit } = readAuthor(saved);
    return this.#author(seed, admit);
  }

  async saveAuthor(space: Uint8Array, seed: Uint8Array, admit: Admission | null): Promise<AuthorKey> {
    const writer = new CborWriter().array(2).bytes(seed);
    writeAdmission(writer, admit);
    await this.#put(concatBytes(AUTHOR, space), writer.finish());
    return this.#author(seed, admit);
  }

  /** Seed of the admitter key of a space that was created here. */
  admitterOf(space: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(concatBytes(ADMITTER, space));
  }

  saveAdmitter(space: Uint8Array, seed: Uint8Array): Promise<void> {
    return this.#put(concatBytes(ADMITTER, space), seed);
  }

  async *spaces(): AsyncIterable<SavedSpace> {
    const range = { gte: SPACE, lt: prefixEnd(SPACE) as Uint8Array, limit: limits.spacesMax };
    for await (const [, value] of this.#store.range(range)) yield readSpace(value);
  }

  /** Every row, with the error that says why it cannot be what was stored. */
  async *audit(): AsyncIterable<KeyringRow> {
    const unread: KeyringRow[] = [];
    const rows = sturdyRange(this.#store, ALL, (key = NOTHING, message) => {
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

  saveSpace({ space, addresses }: SavedSpace): Promise<void> {
    const writer = new CborWriter().array(3).bytes(space.genesisBytes);
    if (space.secret === undefined) writer.null();
    else writer.bytes(space.secret);
    const kept = addresses.slice(0, limits.inviteAddressesMax);
    writer.array(kept.length);
    for (const address of kept) writer.text(address);
    return this.#put(concatBytes(SPACE, space.id), writer.finish());
  }
}

/** What stands before the id of a space in a key; all of it where there is none. */
function nameOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, 32)).replace(/\/.*/s, '') || 'all that follows';
}

function readSpace(value: Uint8Array): SavedSpace {
  const reader = new CborReader(value);
  reader.array(3, 3);
  const genesisBytes = reader.bytes(limits.genesisBytesMax).slice();
  const secret = reader.hashOrNull()?.slice();
  const addresses = Array.from({ length: reader.array(limits.inviteAddressesMax) }, () => reader.text(1024));
  return { space: identifySpace(genesisBytes, secret), addresses };
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

function readAuthor(value: Uint8Array): { readonly seed: Uint8Array; readonly admit: Admission | null } {
  const reader = new CborReader(value);
  reader.array(2, 2);
  return { seed: reader.hash(), admit: readAdmission(reader) };
}
