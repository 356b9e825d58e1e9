/**
 * This peer as an author in one space: the writer of now, and what happens when its key turns up
 * elsewhere. A restored backup or a copied directory makes two writers of one chain. What the other
 * wrote is adopted, and this peer goes on under a new key, tied to the old one by `delegate`.
 */

import type { HlcClock } from '../assertion/hlc.ts';
import { kinds } from '../assertion/model.ts';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { domains } from '../base/hash.ts';
import type { Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { type AuthorKey, Writer } from '../set/writer.ts';
import { admit } from './invite-maker.ts';
import type { Keyring } from './keyring.ts';

type AuthorPorts = Pick<Ports, 'crypto' | 'log' | 'metrics' | 'random'>;

export class Author {
  readonly #replica: Replica;
  readonly #keyring: Keyring;
  readonly #ports: AuthorPorts;
  readonly #hlc: HlcClock;
  #writer: Writer;
  #renewing: Promise<void> | undefined;
  /** The key that turned up elsewhere, until a new one is in use and tied to it. */
  #retired: AuthorKey | undefined;

  private constructor(replica: Replica, keyring: Keyring, ports: AuthorPorts, hlc: HlcClock, key: AuthorKey) {
    this.#replica = replica;
    this.#keyring = keyring;
    this.#ports = ports;
    this.#hlc = hlc;
    this.#writer = new Writer(replica, key, ports.crypto, hlc);
  }

  static async open(replica: Replica, keyring: Keyring, ports: AuthorPorts, hlc: HlcClock): Promise<Author> {
    const key = await keyring.authorOf(replica.space.id);
    for (const tip of replica.frontier.tipsOf(key.publicKey)) hlc.resume(tip.hlc);
    const author = new Author(replica, keyring, ports, hlc, key);
    replica.events.on('visible', (runs, { via }) => {
      if (via === 'own') return;
      if (runs.some((run) => equalBytes(run.author, author.#writer.key.publicKey))) author.#retire();
    });
    return author;
  }

  get writer(): Writer {
    // A disk that failed when the new key was to be kept may do by now.
    if (this.#retired !== undefined) this.#startRenewing();
    return this.#writer;
  }

  /** Goes on under the key that an invite admits: the one before may not write here. */
  async use(key: AuthorKey): Promise<void> {
    await this.#renewing;
    if (equalBytes(this.#writer.key.publicKey, key.publicKey) && this.#writer.key.admit !== null) return;
    for (const tip of this.#replica.frontier.tipsOf(key.publicKey)) this.#hlc.resume(tip.hlc);
    this.#writer = new Writer(this.#replica, key, this.#ports.crypto, this.#hlc);
  }

  /** Goes on under a new key: what was written with the old one may be lost here, and known elsewhere. */
  async renew(): Promise<void> {
    this.#retire('what was written under this author key may be lost here; going on under a new one');
    await this.#renewing;
  }

  #retire(why = 'this author key is used elsewhere too; going on under a new one'): void {
    if (this.#retired === this.#writer.key) return;
    this.#retired = this.#writer.key;
    this.#writer.retire();
    this.#ports.metrics.add('author_keys_retired');
    this.#ports.log.write('warn', why);
    this.#startRenewing();
  }

  #startRenewing(): void {
    this.#renewing ??= this.#renew()
      .catch((error: unknown) => {
        this.#ports.log.write('warn', 'could not go on under a new author key', { error: String(error) });
      })
      .finally(() => {
        this.#renewing = undefined;
      });
  }

  async #renew(): Promise<void> {
    const old = this.#retired;
    if (old === undefined) return;
    if (this.#writer.key === old) await this.#replaceKey();
    // In an invited space only an admitter can let the new key in; until then writing says so.
    const { key } = this.#writer;
    const isAdmitted = this.#replica.space.genesis.write === 'open' || key.admit !== null;
    if (isAdmitted) await this.#delegate(old, key);
    if (this.#retired === old) this.#retired = undefined;
  }

  async #replaceKey(): Promise<void> {
    const { space } = this.#replica;
    const seed = this.#ports.random.bytes(32);
    const publicKey = await this.#ports.crypto.publicKey(seed);
    const admitterSeed = await this.#keyring.admitterOf(space.id);
    const admission =
      admitterSeed === undefined ? null : await admit(space, publicKey, admitterSeed, this.#ports.crypto);
    const key = await this.#keyring.saveAuthor(space.id, seed, admission);
    this.#writer = new Writer(this.#replica, key, this.#ports.crypto, this.#hlc);
  }

  /** Says, under the new key, that the old one's owner goes on under it. */
  async #delegate(old: AuthorKey, key: AuthorKey): Promise<void> {
    const statement = concatBytes(domains.delegate, this.#replica.space.id, key.publicKey);
    const signature = await this.#ports.crypto.sign(old.seed, statement);
    const payload = new CborWriter().array(2).bytes(old.publicKey).bytes(signature).finish();
    await this.#writer.write({ kind: kinds.delegate, payload, parents: [] });
  }
}
