/** The assertion: the signed, immutable, content-addressed unit of replication (docs/protocol.md, 2). */

/** A hybrid logical clock reading: nanoseconds since 1970, and a counter among equal times. */
export interface Hlc {
  readonly time: bigint;
  readonly counter: number;
}

/** Kinds on the wire. An assertion of a kind that a peer does not know is in the set without effect. */
export const kinds = { claim: 1, delegate: 16 } as const;

/** What an author's first assertions carry to be let in. */
export interface Proof {
  /** 8-byte nonce of the proof of work. */
  readonly pow: Uint8Array | null;
  readonly admit: readonly AdmitSignature[] | null;
}

/** Signature of an admitter named in the genesis over an author key. */
export interface AdmitSignature {
  /** Place of the admitter in the genesis. */
  readonly admitter: number;
  readonly signature: Uint8Array;
}

export interface Header {
  readonly space: Uint8Array;
  readonly kind: number;
  readonly author: Uint8Array;
  /** 1, 2, 3 … in the author's chain. */
  readonly seq: number;
  /** Id of the assertion before; null at seq 1. */
  readonly prev: Uint8Array | null;
  /** Ids that this one builds on, sorted, unique, at most `limits.parentsMax`. */
  readonly parents: readonly Uint8Array[];
  readonly hlc: Hlc;
  readonly payloadHash: Uint8Array;
  readonly payloadSize: number;
  readonly basis: Uint8Array | null;
  readonly proof: Proof | null;
}

export interface Assertion extends Header {
  readonly id: Uint8Array;
  /** Undefined once erased. */
  readonly payload: Uint8Array | undefined;
}

/** Consecutive assertions of one chain, closed by a signature on the last. */
export interface Run {
  readonly author: Uint8Array;
  /** At least one. */
  readonly assertions: readonly Assertion[];
  /** Ed25519 over the last assertion's id. */
  readonly signature: Uint8Array;
}

export function firstOf(run: Run): Assertion {
  return run.assertions[0] as Assertion;
}

export function lastOf(run: Run): Assertion {
  return run.assertions[run.assertions.length - 1] as Assertion;
}
