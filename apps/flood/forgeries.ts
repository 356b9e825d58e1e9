/** Runs as a hostile author makes them: each right in every respect but one. */
import { encodeClaims } from '../../src/assertion/claims.ts';
import { hashPayload, identify, signedMessage } from '../../src/assertion/codec.ts';
import { type AdmitSignature, type Assertion, type Header, kinds } from '../../src/assertion/model.ts';
import { powBits, withPow } from '../../src/assertion/pow.ts';
import { encodeRun } from '../../src/assertion/run-codec.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import { admitMessage, encodeGenesis, identifySpace, type SpaceIdentity } from '../../src/set/genesis.ts';

const crypto = nodeCrypto();

/** What a forgery is about: its subject begins so, that a test can look for any of them. */
export const FORGED = 'forged';

export interface Forged {
  readonly run: Uint8Array;
  /** Its last assertion: what a hostile peer would call its tip. */
  readonly last: Assertion;
}

export interface Key {
  readonly seed: Uint8Array;
  readonly author: Uint8Array;
}

export async function newKey(): Promise<Key> {
  const seed = systemRandom.bytes(32);
  return { seed, author: await crypto.publicKey(seed) };
}

export interface Draft {
  readonly name: string;
  /** This clock is so far ahead, or behind. */
  readonly aheadMs?: number;
  readonly counter?: number;
  readonly parents?: readonly Uint8Array[];
  readonly before?: Assertion;
  readonly pow?: boolean;
  readonly admit?: readonly AdmitSignature[];
}

export async function assertion(space: SpaceIdentity, { author }: Key, draft: Draft): Promise<Assertion> {
  const claim = {
    subject: `${FORGED} ${draft.name}`,
    predicate: 'is',
    object: 'here',
    confidence: 1_000_000,
  };
  const payload = encodeClaims([claim]);
  const seq = (draft.before?.seq ?? 0) + 1;
  const header: Header = {
    space: space.id,
    kind: kinds.claim,
    author,
    seq,
    prev: draft.before?.id ?? null,
    parents: draft.parents ?? [],
    hlc: {
      time: BigInt(Date.now() + (draft.aheadMs ?? 0)) * 1_000_000n,
      counter: draft.counter ?? seq,
    },
    payloadHash: hashPayload(payload),
    payloadSize: payload.length,
    basis: null,
    proof: draft.admit === undefined ? null : { pow: null, admit: draft.admit },
  };
  const bits = draft.pow === false ? 0 : powBits(space.genesis.pow, seq);
  return identify(await withPow(header, bits), payload);
}

export async function run(
  assertions: readonly Assertion[],
  { seed, author }: Key,
  signed?: Assertion,
): Promise<Forged> {
  const last = assertions.at(-1) as Assertion;
  const signature = await crypto.sign(seed, signedMessage((signed ?? last).id));
  return { run: encodeRun({ author, assertions, signature }), last };
}

/** A space that only its name distinguishes. */
function anotherSpace({ genesis }: SpaceIdentity): SpaceIdentity {
  const open = { ...genesis, read: 'open', secretHash: null, nonce: systemRandom.bytes(16) } as const;
  return identifySpace(encodeGenesis(open));
}

/** By name, what is wrong with it. */
export const forgeries: Readonly<Record<string, (space: SpaceIdentity) => Promise<Forged>>> = {
  /** Signed by somebody else. */
  signature: async (space) => {
    const made = await assertion(space, await newKey(), { name: 'signature' });
    const { seed } = await newKey();
    return run([made], { seed, author: made.author });
  },
  /** Another payload under an honest header. */
  payload: async (space) => {
    const key = await newKey();
    const honest = await assertion(space, key, { name: 'honest' });
    const other = encodeClaims([
      { subject: `${FORGED} payload`, predicate: 'is', object: 'here', confidence: 1_000_000 },
    ]);
    const { run: bytes } = await run([{ ...honest, payload: other }], key, honest);
    return { run: bytes, last: honest };
  },
  /** Honest in a space of its own. */
  space: async (space) => {
    const key = await newKey();
    return run([await assertion(anotherSpace(space), key, { name: 'space' })], key);
  },
  /** Without the work that the space demands. */
  work: async (space) => {
    const key = await newKey();
    return run([await assertion(space, key, { name: 'work', pow: false })], key);
  },
  /** The signature covers the first of two. */
  tail: async (space) => {
    const key = await newKey();
    const first = await assertion(space, key, { name: 'tail' });
    const second = await assertion(space, key, { name: 'tail', before: first });
    return run([first, second], key, first);
  },
  /** In an invited space: nobody admitted the author. */
  unadmitted: async (space) => {
    const key = await newKey();
    return run([await assertion(space, key, { name: 'unadmitted' })], key);
  },
  /** In an invited space: the author admitted itself. */
  selfAdmitted: async (space) => {
    const key = await newKey();
    const signature = await crypto.sign(key.seed, admitMessage(space.id, key.author));
    return run(
      [await assertion(space, key, { name: 'selfAdmitted', admit: [{ admitter: 0, signature }] })],
      key,
    );
  },
  /** Nothing is wrong: what a stranger would like to bring into a secret space. */
  honest: async (space) => {
    const key = await newKey();
    return run([await assertion(space, key, { name: 'honest' })], key);
  },
};
