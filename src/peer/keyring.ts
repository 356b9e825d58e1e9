/**
 * The keyring: what a peer remembers about itself and its spaces, in the store beside the sets.
 * Private keys lie in the store as they are: who can read the data directory or the site's data,
 * is this peer.
 */

import { type Admission, readAdmission, writeAdmission } from '../assertion/admission.ts';
import { concatBytes, prefixEnd, utf8 } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { limits } from '../base/limits.ts';
import { Mutex } from '../base/mutex.ts';
import type { Crypto, Random, Store } from '../base/ports.ts';
import { identifySpace, type SpaceIdentity } from '../set/genesis.ts';
import type { AuthorKey } from '../set/writer.ts';

export const PEER_SEED = utf8('peer');
export const AUTHOR_SEED = utf8('author');
export const SPACE = utf8('space/');
export const AUTHOR = utf8('author/');
export const ADMITTER = utf8('admitter/');

export interface SavedSpace {
  readonly space: SpaceIdentity;
  /** Addresses that the invite brought. */
  readonly addresses: readonly string[];
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

/** Throws what the decoder throws, and what says that it is no genesis. */
export function readSpace(value: Uint8Array): SavedSpace {
  const reader = new CborReader(value);
  reader.array(3, 3);
  const genesisBytes = reader.bytes(limits.genesisBytesMax).slice();
  const secret = reader.hashOrNull()?.slice();
  const addresses = Array.from({ length: reader.array(limits.inviteAddressesMax) }, () => reader.text(1024));
  return { space: identifySpace(genesisBytes, secret), addresses };
}

export function readAuthor(value: Uint8Array): {
  readonly seed: Uint8Array;
  readonly admit: Admission | null;
} {
  const reader = new CborReader(value);
  reader.array(2, 2);
  return { seed: reader.hash(), admit: readAdmission(reader) };
}
