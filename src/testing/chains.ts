/** Authors whose keys the test holds: chains, forks, and runs cut and signed at will. */
import { hashPayload, identify, signedMessage } from '../assertion/codec.ts';
import type { Assertion, Header, Hlc, Proof, Run } from '../assertion/model.ts';
import { decodeRun, encodeRun } from '../assertion/run-codec.ts';
import { compareBytes, utf8 } from '../base/bytes.ts';
import type { Crypto } from '../base/ports.ts';
import { encodeGenesis, type Genesis, identifySpace, type SpaceIdentity } from '../set/genesis.ts';

/** Where virtual clocks start: test assertions are a little older. */
export const TEST_NOW_MS = 1_700_000_000_000;

/** A space without proof of work, open to all; the given parts of its genesis replaced. */
export function testSpace(parts: Partial<Genesis> = {}, secret?: Uint8Array): SpaceIdentity {
  const genesis: Genesis = {
    name: 'test',
    write: 'open',
    read: 'open',
    pow: [],
    payloadBytesMax: 61_440,
    admitters: [],
    secretHash: null,
    createdMs: TEST_NOW_MS,
    nonce: new Uint8Array(16),
    ...parts,
  };
  return identifySpace(encodeGenesis(genesis), secret);
}

export interface TestDraft {
  readonly kind?: number;
  readonly payload?: Uint8Array;
  /** The assertions that this one builds on. */
  readonly parents?: readonly Pick<Assertion, 'id' | 'hlc'>[];
  /** One nanosecond after the latest that it builds on, unless given. */
  readonly hlc?: Hlc;
  readonly proof?: Proof | null;
  readonly erased?: boolean;
}

export class TestAuthor {
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #crypto: Crypto;
  readonly #space: SpaceIdentity;

  private constructor(space: SpaceIdentity, crypto: Crypto, seed: Uint8Array, publicKey: Uint8Array) {
    this.#space = space;
    this.#crypto = crypto;
    this.#seed = seed;
    this.publicKey = publicKey;
  }

  static async create(space: SpaceIdentity, crypto: Crypto, number: number): Promise<TestAuthor> {
    // Below 2^16 as ever: fixed vectors were made with these keys.
    const seed = new Uint8Array(32).fill(number);
    seed[0] = number >> 8;
    seed[2] = number ^ (number >> 16);
    seed[3] = number ^ (number >>> 24);
    return new TestAuthor(space, crypto, seed, await crypto.publicKey(seed));
  }

  /** The assertion after `before`, the first of the chain where that is undefined. */
  next(before: Assertion | undefined, draft: TestDraft = {}): Assertion {
    const payload = draft.payload ?? utf8(`${before?.seq ?? 0}`);
    const parents = [...(draft.parents ?? [])].sort((a, b) => compareBytes(a.id, b.id));
    const header: Header = {
      space: this.#space.id,
      kind: draft.kind ?? 7,
      author: this.publicKey,
      seq: (before?.seq ?? 0) + 1,
      prev: before?.id ?? null,
      parents: parents.map(({ id }) => id),
      hlc: draft.hlc ?? later([...(before === undefined ? [] : [before]), ...parents]),
      payloadHash: hashPayload(payload),
      payloadSize: payload.length,
      basis: null,
      proof: draft.proof ?? null,
    };
    return identify(header, draft.erased ? undefined : payload);
  }

  /** `count` assertions after `before`. */
  chain(count: number, before?: Assertion, draft?: (index: number) => TestDraft): Assertion[] {
    const assertions: Assertion[] = [];
    for (let i = 0; i < count; i++) assertions.push(this.next(assertions.at(-1) ?? before, draft?.(i)));
    return assertions;
  }

  /** The assertions as one run, signed and as it comes off the wire. */
  async run(assertions: readonly Assertion[]): Promise<Run> {
    const last = assertions.at(-1) as Assertion;
    const signature = await this.#crypto.sign(this.#seed, signedMessage(last.id));
    return onWire({ author: this.publicKey, assertions, signature }, this.#space);
  }

  /** The key, for a writer. */
  get key(): { seed: Uint8Array; publicKey: Uint8Array; admit: null } {
    return { seed: this.#seed, publicKey: this.publicKey, admit: null };
  }
}

/** The run as another peer decodes it. */
export function onWire(run: Run, space: SpaceIdentity): Run {
  return decodeRun(encodeRun(run), space.id);
}

function later(past: readonly Pick<Assertion, 'hlc'>[]): Hlc {
  let time = BigInt(TEST_NOW_MS - 60_000) * 1_000_000n;
  for (const { hlc } of past) if (hlc.time >= time) time = hlc.time + 1n;
  return { time, counter: 0 };
}
