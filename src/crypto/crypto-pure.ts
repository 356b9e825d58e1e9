/**
 * Ed25519 in plain JavaScript, for engines without a native one (about 600 verifications a second).
 *
 * It verifies without cofactor, as native engines do: noble's own `verify` multiplies by the
 * cofactor and would accept signatures that they refuse.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import type { Crypto } from '../base/ports.ts';

const { Point } = ed25519;

/** Verification runs on the calling thread, so it lets other work in after this long: half a frame. */
const YIELD_AFTER_MS = 8;

/** With `yieldAfterMs: Infinity` it only ever waits for microtasks, as virtual time needs it. */
export function pureCrypto(options: { readonly yieldAfterMs?: number } = {}): Crypto {
  const { yieldAfterMs = YIELD_AFTER_MS } = options;
  let workedMs = 0;
  return {
    publicKey: async (seed) => ed25519.getPublicKey(seed),
    sign: async (seed, message) => ed25519.sign(message, seed),
    async verify(publicKey, message, signature) {
      if (workedMs > yieldAfterMs) {
        workedMs = 0;
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      const startMs = performance.now();
      const valid = verifyCofactorless(publicKey, message, signature);
      workedMs += performance.now() - startMs;
      return valid;
    },
  };
}

/** Whether encode(S·B − k·A) is R, byte for byte. */
function verifyCofactorless(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= Point.Fn.ORDER) return false;
  let key: InstanceType<typeof Point>;
  try {
    key = Point.fromBytes(publicKey, false);
  } catch {
    return false; // Not on the curve.
  }
  const k = littleEndian(sha512(concatBytes(r, publicKey, message))) % Point.Fn.ORDER;
  const expected = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = '';
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] as number).toString(16).padStart(2, '0');
  return BigInt(`0x${hex}`);
}
