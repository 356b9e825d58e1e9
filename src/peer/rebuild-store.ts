/**
 * A store made anew of what is sound in a damaged one: the keyring, and every run that verifies and
 * whose ancestors do, taken in as if a stranger had sent it. Every other row follows from the runs.
 * Where own writes are lost, or may be, the author goes on under a new key: on an earlier tip the old
 * one would fork its chain.
 */
import { HlcClock } from '../assertion/hlc.ts';
import type { Run } from '../assertion/model.ts';
import { bytesToHex } from '../base/bytes.ts';
import { isAverError, throwIfAborted } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { Clock, Ports, Store } from '../base/ports.ts';
import type { SpaceIdentity } from '../set/genesis.ts';
import * as keys from '../set/journal-keys.ts';
import { Replica } from '../set/replica.ts';
import { readCounters, storedRuns } from '../set/stored-runs.ts';
import { sturdyRange } from '../set/sturdy-range.ts';
import type { AuditStoreOptions } from './audit-store.ts';
import { Author } from './author.ts';
import type { Keyring } from './keyring.ts';
import { keyringRows } from './keyring-audit.ts';
import { keyringOf, keyringStore, spaceStore } from './store-layout.ts';

export interface RebuiltSpace {
  /** In hex. */
  readonly space: string;
  readonly name: string;
  /** Assertions that are in the new store. */
  readonly kept: number;
  /** Of those that were in the old one, where it still tells, how many are not. */
  readonly lost: number | undefined;
  /** In the new store now: a new author key says once whose it is. */
  readonly after: number;
  /** The author goes on under another key. */
  readonly newAuthor: boolean;
  /** Whether its key is admitted. */
  readonly mayWrite: boolean;
}

export interface RebuildOptions extends AuditStoreOptions {
  /** More may be lost than the store can tell: any author key may have written what is gone. */
  readonly isPartial: boolean;
}

/** `to` is empty. Throws what the stores throw, and `ABORTED`. */
export async function rebuildStore(
  from: Store,
  to: Store,
  ports: Ports,
  options: RebuildOptions,
): Promise<RebuiltSpace[]> {
  const keyring = keyringStore(to);
  const spaces: SpaceIdentity[] = [];
  let { isPartial } = options;
  for await (const { name, key, value, saved, error } of keyringRows(keyringStore(from))) {
    // Without its key of a space the author would go on under one that it gave up there.
    if (error !== undefined && (name === 'author' || key.length === 0)) isPartial = true;
    if (error !== undefined) continue;
    await keyring.write([{ key, value }], { durable: true });
    if (saved !== undefined) spaces.push(saved.space);
  }
  const rebuilt: RebuiltSpace[] = [];
  for (const space of spaces)
    rebuilt.push(await new Rebuild(space, from, to, ports, { ...options, isPartial }).run());
  return rebuilt;
}

/** Stands for a mark in a row that is damaged. */
const UNREADABLE = Uint8Array.of(0);

class Rebuild {
  readonly #space: SpaceIdentity;
  readonly #from: Store;
  readonly #to: Store;
  readonly #ports: Ports;
  readonly #options: RebuildOptions;
  readonly #keyringStore: Store;

  constructor(space: SpaceIdentity, from: Store, to: Store, ports: Ports, options: RebuildOptions) {
    this.#space = space;
    this.#from = spaceStore(from, space.id);
    this.#to = spaceStore(to, space.id);
    this.#keyringStore = to;
    this.#ports = ports;
    this.#options = options;
  }

  async run(): Promise<RebuiltSpace> {
    const { clock } = this.#ports;
    // What was taken in once is not held for its time again, however wrong the clock is now.
    const replica = await Replica.open(this.#space, this.#to, this.#ports, new HlcClock(endOfTime(clock)));
    try {
      await this.#copyErased(replica);
      const counters = await readCounters(this.#from);
      await this.#copy(replica, counters?.arrivals);
      const kept = replica.count;
      const newAuthor = await this.#keepFromForking(replica);
      const { admit } = await this.#keyring().authorOf(this.#space.id);
      return {
        space: bytesToHex(this.#space.id),
        name: this.#space.genesis.name,
        kept,
        lost: counters === undefined ? undefined : Math.max(0, counters.assertions - kept),
        after: replica.count,
        newAuthor,
        mayWrite: this.#space.genesis.write === 'open' || admit !== null,
      };
    } finally {
      await replica.close();
    }
  }

  async #copy(replica: Replica, arrivals: number | undefined): Promise<void> {
    const { signal, onProgress } = this.#options;
    let batch: Run[] = [];
    const flush = async () => {
      throwIfAborted(signal, 'The repair');
      await replica.ingest(batch, { from: 'store', via: 'pull' });
      await this.#keepErased(batch, replica);
      batch = [];
    };
    for await (const found of storedRuns(this.#from, this.#space.id, arrivals)) {
      if (found.type === 'lost') continue;
      batch.push(found.run);
      if (batch.length < limits.auditRunsMax) continue;
      await flush();
      onProgress?.({ space: this.#space.genesis.name, runs: found.arrival + 1, all: arrivals });
    }
    await flush();
  }

  /** Before any run comes: so none that is lost, or that an older row still has whole, brings back what was erased. */
  async #copyErased(replica: Replica): Promise<void> {
    let ids: Uint8Array[] = [];
    for await (const [key] of sturdyRange(this.#from, keys.allErased, () => undefined)) {
      ids.push(key.slice(1));
      if (ids.length < limits.storePageRowsMax) continue;
      await replica.journal.writeErased(ids);
      ids = [];
    }
    await replica.journal.writeErased(ids);
  }

  /** What came without a payload, and wants none, was erased here, whether the row that remembers it is still there or not. */
  async #keepErased(runs: readonly Run[], replica: Replica): Promise<void> {
    const without = runs.flatMap(({ assertions }) =>
      assertions.filter(({ payload }) => payload === undefined),
    );
    for (const { id } of without) {
      const key = keys.wantedKey(id);
      // A mark that cannot be read may say that the payload never came: it is asked for again.
      const mark = await unlessDamaged(() => this.#from.get(key), UNREADABLE);
      if (mark !== undefined) continue;
      await replica.journal.writeErased([id]);
      await replica.journal.write([{ key, value: undefined }], false);
    }
  }

  /** Returns whether there is a new author key. */
  async #keepFromForking(replica: Replica): Promise<boolean> {
    const { clock } = this.#ports;
    const keyring = this.#keyring();
    const { publicKey } = await keyring.authorOf(this.#space.id);
    const wrote = await this.#highestSeq(publicKey);
    if (!this.#options.isPartial && wrote <= replica.frontier.highestSeq(publicKey)) return false;
    const author = await Author.open(replica, keyring, this.#ports, new HlcClock(clock));
    await author.renew();
    await author.writer.close();
    return true;
  }

  #keyring(): Keyring {
    return keyringOf(this.#keyringStore, this.#ports);
  }

  /** The last seq of an author that any index of the old store tells of. */
  async #highestSeq(author: Uint8Array): Promise<number> {
    let highest = 0;
    const onDamage = (key: Uint8Array | undefined) => {
      // Where the store cannot read on there may be any.
      if (key === undefined) highest = Number.POSITIVE_INFINITY;
    };
    const chain = keys.chainRange(author, 0, Number.MAX_SAFE_INTEGER - 1);
    for await (const [key] of sturdyRange(this.#from, chain, onDamage))
      highest = Math.max(highest, keys.chainSeq(key));
    for await (const [key, value] of sturdyRange(this.#from, keys.tipsOf(author), onDamage))
      highest = Math.max(highest, keys.decodeTip(key, value).seq);
    return highest;
  }
}

async function unlessDamaged<T>(action: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (isAverError(error, 'STORE_CORRUPT')) return otherwise;
    throw error;
  }
}

function endOfTime(clock: Clock): Clock {
  return {
    nowMs: () => Number.MAX_SAFE_INTEGER / 1000,
    setTimer: (delayMs, action) => clock.setTimer(delayMs, action),
  };
}
