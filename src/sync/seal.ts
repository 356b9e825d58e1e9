/**
 * What keeps a secret space to those who have its secret: gossip is sealed, and a peer proves the
 * secret before it is answered. Who guesses the topic or the tag learns nothing and cannot publish.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { blake3Keyed, domains } from '../base/hash.ts';
import type { Random } from '../base/ports.ts';
import type { SpaceIdentity } from '../set/genesis.ts';

const NONCE_BYTES = 24;
const AUTH_BYTES = 16;

/** Bytes that sealing adds. */
export const SEAL_BYTES = NONCE_BYTES + AUTH_BYTES;

export class Seal {
  readonly #key: Uint8Array | undefined;
  readonly #topic: Uint8Array;
  readonly #random: Random;

  constructor(space: SpaceIdentity, random: Random) {
    this.#key = space.secret === undefined ? undefined : blake3Keyed(space.secret, domains.seal, space.id);
    this.#topic = utf8(space.topic);
    this.#random = random;
  }

  seal(message: Uint8Array): Uint8Array {
    if (this.#key === undefined) return message;
    const nonce = this.#random.bytes(NONCE_BYTES);
    return concatBytes(nonce, xchacha20poly1305(this.#key, nonce, this.#topic).encrypt(message));
  }

  /** Throws `BAD_SIGNATURE` for what nobody with the secret sealed. */
  open(sealed: Uint8Array): Uint8Array {
    if (this.#key === undefined) return sealed;
    try {
      const nonce = sealed.subarray(0, NONCE_BYTES);
      return xchacha20poly1305(this.#key, nonce, this.#topic).decrypt(sealed.subarray(NONCE_BYTES));
    } catch (cause) {
      throw new AverError('BAD_SIGNATURE', 'The message was not sealed with the secret of the space.', {
        cause,
      });
    }
  }
}

/**
 * Shows to `verifier` that `prover` has the read secret. Bound to both peer ids, which the transport
 * has authenticated, so that nobody can pass it on. Null where read is open.
 */
export function helloProof(space: SpaceIdentity, prover: string, verifier: string): Uint8Array | null {
  if (space.secret === undefined) return null;
  const from = utf8(prover);
  return blake3Keyed(
    space.secret,
    domains.hello,
    space.tag,
    Uint8Array.of(from.length),
    from,
    utf8(verifier),
  );
}

export function isHelloProof(
  space: SpaceIdentity,
  prover: string,
  verifier: string,
  proof: Uint8Array | null,
): boolean {
  const right = helloProof(space, prover, verifier);
  if (right === null) return proof === null;
  return proof !== null && equalBytes(proof, right);
}
