/**
 * The writer: one author's chain in one space. What is written while a commit is under way becomes
 * one run: one signature to make, one batch to sync. Nothing is published before it is durable.
 */

import type { Admission } from '../assertion/admission.ts';
import { hashPayload, identify, signedMessage } from '../assertion/codec.ts';
import { compareHlc, type HlcClock } from '../assertion/hlc.ts';
import type { Assertion, Header, Hlc, Run } from '../assertion/model.ts';
import { powBits, withPow } from '../assertion/pow.ts';
import { bytesToHex, compareBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Crypto } from '../base/ports.ts';
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
  /** Ids that this builds on; sorted and bounded here. */
  readonly parents: readonly Uint8Array[];
  /** The latest HLC among the parents. */
  readonly after?: Hlc;
}

interface Queued {
  readonly draft: Draft;
  readonly resolve: (assertion: Assertion) => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes of a header with sixteen parents, proof and admission, rounded up. */
const HEADER_BYTES_MAX = 1400;

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

  /** Resolves when the assertion is durable and visible here. */
  write(draft: Draft, options: AbortOptions = {}): Promise<Assertion> {
    if (this.#retired)
      return Promise.reject(new AverError('AUTHOR_RETIRED', 'This author key is used elsewhere too.'));
    if (draft.payload.length + HEADER_BYTES_MAX > limits.assertionBytesMax) {
      return Promise.reject(
        new AverError('OVERSIZE', `The assertion is over ${limits.assertionBytesMax} bytes.`),
      );
    }
    if (this.#queue.length >= limits.writeQueueMax) {
      return Promise.reject(new AverError('BUSY', 'Too many writes wait for the disk.'));
    }
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted) return reject(new AverError('ABORTED', 'The write was cancelled.'));
      this.#queue.push({ draft, resolve, reject });
      this.#draining ??= this.#drain().finally(() => {
        this.#draining = undefined;
      });
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
    // One turn of the event loop lets writes made together travel together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        if (this.#retired) throw new AverError('AUTHOR_RETIRED', 'This author key is used elsewhere too.');
        const run = await this.#sign(group);
        await this.#commit(run);
        for (const [i, queued] of group.entries()) queued.resolve(run.assertions[i] as Assertion);
      } catch (error) {
        for (const queued of group) queued.reject(error);
      }
    }
  }

  #takeGroup(): Queued[] {
    const group: Queued[] = [];
    let bytes = 0;
    while (this.#queue.length > 0 && group.length < limits.runAssertionsMax) {
      bytes += (this.#queue[0] as Queued).draft.payload.length + HEADER_BYTES_MAX;
      if (group.length > 0 && bytes > limits.runBytesMax) break;
      group.push(this.#queue.shift() as Queued);
    }
    return group;
  }

  async #sign(group: readonly Queued[]): Promise<Run> {
    const { publicKey: author, seed } = this.key;
    const tips = this.#replica.frontier.tipsOf(author);
    // After a fork of our own the chain goes on from its highest tip until the key is retired.
    let before = tips.reduce<(typeof tips)[number] | undefined>(
      (best, tip) => (best === undefined || tip.seq > best.seq ? tip : best),
      undefined,
    );
    const assertions: Assertion[] = [];
    for (const { draft } of group) {
      const assertion = await this.#identify(draft, before);
      assertions.push(assertion);
      before = assertion;
    }
    const last = assertions[assertions.length - 1] as Assertion;
    return { author, assertions, signature: await this.#crypto.sign(seed, signedMessage(last.id)) };
  }

  async #identify(
    draft: Draft,
    before: { seq: number; id: Uint8Array; hlc: Hlc } | undefined,
  ): Promise<Assertion> {
    const seq = (before?.seq ?? 0) + 1;
    const floor = laterOf(draft.after, before?.hlc);
    const admit = seq === 1 ? this.key.admit : null;
    if (seq === 1 && admit === null && this.#replica.space.genesis.write === 'invited') {
      throw new AverError(
        'NOT_ADMITTED',
        `This author key is not admitted to "${this.#replica.space.genesis.name}".`,
      );
    }
    const header: Header = {
      space: this.#replica.space.id,
      kind: draft.kind,
      author: this.key.publicKey,
      seq,
      prev: before?.id ?? null,
      parents: sortedParents(draft.parents),
      hlc: this.#hlc.next(floor),
      payloadHash: hashPayload(draft.payload),
      payloadSize: draft.payload.length,
      basis: null,
      proof: admit === null ? null : { pow: null, admit },
    };
    const worked = await withPow(header, powBits(this.#replica.space.genesis.pow, seq));
    return identify(worked, draft.payload);
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
  const unique = new Map(parents.map((parent) => [bytesToHex(parent), parent]));
  return [...unique.values()].slice(0, limits.parentsMax).sort(compareBytes);
}
