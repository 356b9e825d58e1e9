/**
 * Ed25519 replaced by something a thousand times as fast, with the same promise inside a simulation:
 * only who has the seed can sign. Public keys are true points of the curve, so that the acceptance
 * rule in front of the engine is the real one; a signature is a keyed hash under the seed, and the
 * verifier, which knows all seeds, makes it again.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, concatBytes, equalBytes, utf8 } from '../../base/bytes.ts';
import { blake3, blake3Keyed } from '../../base/hash.ts';
import type { Crypto } from '../../base/ports.ts';

/** Points are dear to make and to check: all simulations of a process share them. */
const POOL_MAX = 4000;
const pool = new Map<number, Uint8Array>();
const R = utf8('R');
const S = utf8('S');

export interface SimCrypto extends Crypto {
  /** What `verify` says, at once. */
  isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export function simCrypto(): SimCrypto {
  const keyBySeed = new Map<string, Uint8Array>();
  const seedByKey = new Map<string, Uint8Array>();

  const keyOf = (seed: Uint8Array): Uint8Array => {
    const name = bytesToHex(seed);
    const known = keyBySeed.get(name);
    if (known !== undefined) return known;
    const hash = blake3(seed);
    let number = ((hash[0] as number) * 256 + (hash[1] as number)) % POOL_MAX;
    while (seedByKey.has(bytesToHex(point(number)))) number = (number + 1) % POOL_MAX;
    const key = point(number);
    keyBySeed.set(name, key);
    seedByKey.set(bytesToHex(key), seed.slice());
    return key;
  };

  const signWith = (seed: Uint8Array, message: Uint8Array): Uint8Array => {
    const signature = concatBytes(blake3Keyed(seed, R, message), blake3Keyed(seed, S, message));
    // S below the order of the group, R below the prime, as the acceptance rule wants them.
    signature[31] = (signature[31] as number) & 0x3f;
    signature[63] = (signature[63] as number) & 0x0f;
    return signature;
  };

  const isSigned: SimCrypto['isSigned'] = (publicKey, message, signature) => {
    const seed = seedByKey.get(bytesToHex(publicKey));
    return seed !== undefined && equalBytes(signWith(seed, message), signature);
  };

  return {
    isSigned,
    publicKey: async (seed) => keyOf(seed).slice(),
    sign: async (seed, message) => {
      keyOf(seed);
      return signWith(seed, message);
    },
    verify: async (publicKey, message, signature) => isSigned(publicKey, message, signature),
  };
}

function point(number: number): Uint8Array {
  let key = pool.get(number);
  if (key === undefined) {
    key = ed25519.Point.BASE.multiply(BigInt(number) + 2n).toBytes();
    pool.set(number, key);
  }
  return key;
}
