/**
 * The one acceptance rule of Ed25519 signatures (docs/protocol.md, "Signatures").
 *
 * Engines disagree about degenerate keys and signatures (“Taming the many EdDSAs”, 2020), and a
 * replica that accepts what another refuses differs from it for ever. So everything on which they
 * disagree is refused here, before an engine is asked: S, A and R that are not canonical, A and R
 * of small order, and A with a component of small order. What is left, every engine that verifies
 * without cofactor decides alike. Nothing is refused that an honest signer makes.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { LRUCache } from 'lru-cache';
import { equalBytes, hexToBytes, mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Crypto } from '../base/ports.ts';

/** Order of the prime group, little-endian: S must be below it. */
const ORDER = hexToBytes('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/** The y coordinates of the eight points of small order, little-endian; the sign bit is free. */
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => hexToBytes(hex));

/**
 * Two scalars as X25519 clamps them, little-endian: both are multiples of 8, and their product is
 * 1 modulo the order of the prime group (modulo that of the twist it is neither 1 nor −1).
 */
const SCALARS = [
  '2800000000000000000000000000000000000000000000000000000000000040',
  '30538e95b4d91533ea0f6d695087dd6c3938384a990900670af7f0e1bf3ec443',
].map((hex) => hexToBytes(hex)) as [Uint8Array, Uint8Array];

/** Author keys that were looked at, with the outcome; a promise while it is under way. */
const verdictByKey = new LRUCache<string, boolean | Promise<boolean>>({ max: limits.authorKeysCachedMax });

/**
 * Whether `signature` (64 bytes) of `message` by `publicKey` (32 bytes) is valid: a function of
 * the bytes alone, equal in every engine. Rejects only when the engine itself breaks.
 */
export async function verifyStrict(
  crypto: Crypto,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!isSignatureCanonical(signature)) return false;
  // A key that is known costs no turn of the microtasks: what is checked together stays together.
  if (!(knownVerdict(publicKey) ?? (await isAuthorKey(crypto, publicKey)))) return false;
  return crypto.verify(publicKey, message, signature);
}

/** Whether the bytes can be an author's key: canonical, on the curve, in the group of prime order. */
export async function isAuthorKey(crypto: Crypto, publicKey: Uint8Array): Promise<boolean> {
  if (publicKey.length !== 32 || !isPointPlausible(publicKey)) return false;
  const name = mapKey(publicKey);
  const known = verdictByKey.get(name);
  if (known !== undefined) return known;
  const { x25519 } = crypto;
  if (x25519 === undefined) {
    const verdict = isTorsionFree(publicKey);
    verdictByKey.set(name, verdict);
    return verdict;
  }
  const checking = isSameAfter(x25519, publicKey);
  verdictByKey.set(name, checking);
  checking.then(
    (verdict) => verdictByKey.set(name, verdict),
    () => verdictByKey.delete(name),
  );
  return checking;
}

/** Whether `isAuthorKey` has yet to look at this key, which takes a part of a millisecond. */
export function isNewAuthorKey(publicKey: Uint8Array): boolean {
  return !verdictByKey.has(mapKey(publicKey));
}

function knownVerdict(publicKey: Uint8Array): boolean | undefined {
  if (publicKey.length !== 32) return false;
  const known = verdictByKey.get(mapKey(publicKey));
  return typeof known === 'boolean' ? known : undefined;
}

function isSignatureCanonical(signature: Uint8Array): boolean {
  return (
    signature.length === 64 && isScalarCanonical(signature) && isPointPlausible(signature.subarray(0, 32))
  );
}

/** S < L, compared from the most significant byte. */
function isScalarCanonical(signature: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (signature[32 + i] as number) - (ORDER[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * y < p, and not a point of small order. The encodings of “−0” (x = 0 with the sign bit set) have
 * y = ±1 and fall under the second test.
 */
function isPointPlausible(point: Uint8Array): boolean {
  return isBelowPrime(point) && !SMALL_ORDER_Y.some((y) => isSameY(point, y));
}

/** p = 2^255 − 19 is 0xed, 30 times 0xff, 0x7f. */
function isBelowPrime(point: Uint8Array): boolean {
  if (((point[31] as number) & 0x7f) !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (point[i] !== 0xff) return true;
  return (point[0] as number) < 0xed;
}

function isSameY(point: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i++) if (point[i] !== y[i]) return false;
  return ((point[31] as number) & 0x7f) === y[31];
}

function isTorsionFree(publicKey: Uint8Array): boolean {
  try {
    return ed25519.Point.fromBytes(publicKey, false).isTorsionFree();
  } catch {
    return false; // Not on the curve.
  }
}

/**
 * The same verdict by a native X25519, five times as fast. On the Montgomery curve (RFC 7748, 4.1)
 * the key's point has u = (1 + y) / (1 − y). Multiplied by both scalars, a point of the prime group
 * comes back, any other loses its component of small order, and what is not on the curve is on its
 * twist, where the product is another.
 */
async function isSameAfter(x25519: NonNullable<Crypto['x25519']>, publicKey: Uint8Array): Promise<boolean> {
  const { Fp } = ed25519.Point;
  const bytes = publicKey.slice();
  bytes[31] = (bytes[31] as number) & 0x7f;
  const y = Fp.fromBytes(bytes);
  const u = Fp.toBytes(Fp.div(Fp.add(Fp.ONE, y), Fp.sub(Fp.ONE, y)));
  const half = await x25519(SCALARS[0], u);
  const whole = half && (await x25519(SCALARS[1], half));
  return whole === undefined ? isTorsionFree(publicKey) : equalBytes(whole, u);
}
