/**
 * The writer: one author's chain in one space. What is written while a commit is under way becomes
 * one run: one signature to make, one batch to sync. Nothing is published before it is durable.
 */

import type { Admission } from '../assertion/admission.ts';
import { hashPayload, identify, signedMessage } from '../assertion/codec.ts';
import { compareHlc, type HlcClock } from '../assertion/hlc.ts';
import type { Assertion, Header, Hlc, Run } from '../assertion/model.ts';
import { powBits, withPow } from '../assertion/pow.ts';
import { RUN_WEIGHT_MAX, weightBound } from '../assertion/run-codec.ts';
import { bytesToHex, compareBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Crypto } from '../base/ports.ts';
import type { Place } from './journal-keys.ts';
import { checkSize } from './membership.ts';
import type { Replica } from './replica.ts';

export interface AuthorKey {
  /** 32-byte Ed25519 seed. */
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  /** What seq 1 carries in an invited space. */
  readonly admit: Admission | null;
}

/** What an application wants to say. */
export interface Draft {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** Ids that this builds on, all visible here; of more than `limits.parentsMax` the first ones count. */
  readonly parents: readonly Uint8Array[];
}

interface Queued {
  readonly draft: Draft;
  /** Sorted and unique. */
  readonly parents: readonly Uint8Array[];
  /** Header and payload, at most. */
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (assertion: Assertion) => void;
  readonly reject: (error: unknown) => void;
}

/** A draft whose parents were found. */
interface Ready extends Queued {
  /** The latest reading among the parents. */
  readonly after: Hlc | undefined;
}

export class Writer {
  readonly key: AuthorKey;
  readonly #replica: Replica;
  readonly #crypto: Crypto;
  readonly #hlc: HlcClock;
  readonly #queue: Queued[] = [];
  #draining: Promise<void> | undefined;
  #retired = false;

  constructor(replica: Replica, key: AuthorKey, crypto: Crypto, hlc: HlcClock) {
    this.#replica = replica;
    this.key = key;
    this.#crypto = crypto;
    this.#hlc = hlc;
  }

  /**
   * Resolves when the assertion is durable and visible here. Throws `NOT_FOUND` for a parent that is
   * not visible; an abort counts until the assertion is being signed.
   */
  write(draft: Draft, options: AbortOptions = {}): Promise<Assertion> {
    return new Promise((resolve, reject) => {
      if (this.#retired) throw retiredError();
      if (this.#queue.length >= limits.writeQueueMax) {
        throw new AverError('BUSY', 'Too many writes wait for the disk.');
      }
      const parents = sortedParents(draft.parents);
      const { admit: proof } = this.key;
      const bytes = weightBound({ payloadSize: draft.payload.length, parents, basis: null, proof });
      checkSize(draft.payload.length, this.#replica.space);
      if (bytes > limits.assertionBytesMax) {
        throw new AverError('OVERSIZE', `The assertion is over ${limits.assertionBytesMax} bytes.`);
      }
      this.#queue.push({ draft, parents, bytes, signal: options.signal, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** No more is written under this key; what waits is refused. */
  retire(): void {
    this.#retired = true;
  }

  async close(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // Writes that are made in one turn travel together.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#writeGroup(this.#takeGroup());
    // In the same turn as the last look at the queue: who writes next starts anew.
    this.#draining = undefined;
  }

  #takeGroup(): Queued[] {
    const group: Queued[] = [];
    let bytes = 0;
    for (const queued of this.#queue) {
      bytes += queued.bytes;
      if (group.length > 0 && bytes > RUN_WEIGHT_MAX) break;
      group.push(queued);
      if (group.length >= limits.runAssertionsMax) break;
    }
    this.#queue.splice(0, group.length);
    return group;
  }

  /** One run, one signature, one batch. Never rejects. */
  async #writeGroup(group: readonly Queued[]): Promise<void> {
    let ready: readonly Ready[] = [];
    try {
      const places = await this.#replica.journal.places(group.flatMap(({ parents }) => parents));
      ready = group
        .map((queued) => this.#prepare(queued, places.splice(0, queued.parents.length)))
        .filter((each) => each !== undefined);
      if (ready.length === 0) return;
      const run = await this.#sign(ready);
      await this.#commit(run);
      for (const [i, queued] of ready.entries()) queued.resolve(run.assertions[i] as Assertion);
    } catch (error) {
      for (const queued of group) queued.reject(error);
    }
  }

  /** Undefined, and rejected by itself, when it cannot be written: the rest of the group can. */
  #prepare(queued: Queued, places: readonly (Place | undefined)[]): Ready | undefined {
    if (this.#retired) queued.reject(retiredError());
    else if (queued.signal?.aborted) queued.reject(new AverError('ABORTED', 'The write was cancelled.'));
    else if (places.includes(undefined))
      queued.reject(new AverError('NOT_FOUND', 'What the assertion builds on is not here.'));
    else
      return {
        ...queued,
        after: places.reduce<Hlc | undefined>((after, place) => laterOf(after, place?.hlc), undefined),
      };
    return undefined;
  }

  async #sign(group: readonly Ready[]): Promise<Run> {
    const { publicKey: author, seed } = this.key;
    const tips = this.#replica.frontier.tipsOf(author);
    // After a fork of our own the chain goes on from its highest tip until the key is retired.
    let before = tips.reduce<(typeof tips)[number] | undefined>(
      (best, tip) => (best === undefined || tip.seq > best.seq ? tip : best),
      undefined,
    );
    const assertions: Assertion[] = [];
    for (const ready of group) {
      const header = this.#header(ready, before);
      const bits = powBits(this.#replica.space.genesis.pow, header.seq);
      const worked = bits === 0 ? header : await withPow(header, bits);
      const assertion = identify(worked, ready.draft.payload);
      assertions.push(assertion);
      before = assertion;
    }
    const last = assertions[assertions.length - 1] as Assertion;
    return { author, assertions, signature: await this.#crypto.sign(seed, signedMessage(last.id)) };
  }

  #header(
    { draft, parents, after }: Ready,
    before: { seq: number; id: Uint8Array; hlc: Hlc } | undefined,
  ): Header {
    const seq = (before?.seq ?? 0) + 1;
    const floor = laterOf(after, before?.hlc);
    const admit = seq === 1 ? this.key.admit : null;
    if (seq === 1 && admit === null && this.#replica.space.genesis.write === 'invited') {
      throw new AverError(
        'NOT_ADMITTED',
        `This author key is not admitted to "${this.#replica.space.genesis.name}".`,
      );
    }
    return {
      space: this.#replica.space.id,
      kind: draft.kind,
      author: this.key.publicKey,
      seq,
      prev: before?.id ?? null,
      parents,
      hlc: this.#hlc.next(floor),
      payloadHash: hashPayload(draft.payload),
      payloadSize: draft.payload.length,
      basis: null,
      proof: admit === null ? null : { pow: null, admit },
    };
  }

  async #commit(run: Run): Promise<void> {
    const report = await this.#replica.ingest([run], { from: 'self', via: 'own' });
    if (report.accepted !== run.assertions.length) {
      const why = report.refusals[0];
      throw new AverError(why?.code ?? 'INTERNAL', why?.message ?? 'The own run was not accepted.');
    }
  }
}

function laterOf(a: Hlc | undefined, b: Hlc | undefined): Hlc | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareHlc(a, b) > 0 ? a : b;
}

function sortedParents(parents: readonly Uint8Array[]): Uint8Array[] {
  const unique = new Map<string, Uint8Array>();
  for (const parent of parents) {
    if (parent.length !== 32) throw new AverError('BAD_INPUT', 'An id has 32 bytes.');
    unique.set(bytesToHex(parent), parent);
  }
  return [...unique.values()].slice(0, limits.parentsMax).sort(compareBytes);
}

function retiredError(): AverError {
  return new AverError('AUTHOR_RETIRED', 'This author key is used elsewhere too.');
}
