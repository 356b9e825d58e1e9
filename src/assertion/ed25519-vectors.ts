/**
 * Makes `ed25519-vectors.json`: keys and signatures on which Ed25519 verifiers disagree, of the
 * kinds that “Taming the many EdDSAs” (2020) lists, and what our rule says of each.
 *
 * Made from a fixed seed, so that a test can make them again: `node src/assertion/ed25519-vectors.ts`.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8 } from '../base/bytes.ts';

export interface Ed25519Vector {
  readonly kind: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  /** What a lenient verifier with cofactor (ZIP 215) says. */
  readonly lenient: boolean;
  /** What our rule says. */
  readonly valid: boolean;
}

const { Point } = ed25519;
type Point = InstanceType<typeof Point>;
const L = Point.Fn.ORDER;

/** A point of order eight. */
const TORSION = Point.fromBytes(
  hexToBytes('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
);
/** Encodings that decoders reduce to a point of small order: y = p, y = p + 1, and x = “−0”. */
const P_AS_ZERO = hexToBytes('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
const P_PLUS_ONE = hexToBytes('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
const MINUS_ZERO = hexToBytes('0100000000000000000000000000000000000000000000000000000000000080');
/** y = p + 3, on the curve and not of small order. */
const P_PLUS_THREE = hexToBytes('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.slice().reverse())}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(64, '0')).reverse();
}

/** A scalar in [1, L) that the name alone determines. */
function scalar(name: string): bigint {
  return (fromLittleEndian(sha512(utf8(`aver ed25519 vectors: ${name}`))) % (L - 1n)) + 1n;
}

interface Recipe {
  readonly kind: string;
  readonly valid?: boolean;
  /** Secret scalar of A (0: none) and what is added to A. */
  readonly a?: bigint;
  readonly aTorsion?: Point;
  readonly r?: bigint;
  readonly rTorsion?: Point;
  /** Bytes to use instead of the canonical encodings. */
  readonly aBytes?: Uint8Array;
  readonly rBytes?: Uint8Array;
  readonly addToS?: bigint;
  /** Chooses the message by k, the hash that binds R, A and message. */
  readonly when?: (k: bigint) => boolean;
}

const a = scalar('a');
const r = scalar('r');

const recipes: readonly Recipe[] = [
  { kind: 'an ordinary signature', a, r, valid: true },
  {
    kind: 'small-order A, small-order R, S = 0',
    aTorsion: TORSION,
    rTorsion: TORSION.negate(),
    when: (k) => k % 8n === 1n,
  },
  {
    kind: 'small-order A, mixed-order R',
    aTorsion: TORSION,
    r,
    rTorsion: TORSION.negate(),
    when: (k) => k % 8n === 1n,
  },
  {
    kind: 'mixed-order A, small-order R',
    a,
    aTorsion: TORSION,
    rTorsion: TORSION.negate(),
    when: (k) => k % 8n === 1n,
  },
  {
    kind: 'mixed-order A and R, valid without cofactor too',
    a,
    aTorsion: TORSION,
    r,
    rTorsion: TORSION.negate(),
    when: (k) => k % 8n === 1n,
  },
  {
    kind: 'mixed-order A, torsion-free R, valid without cofactor too',
    a,
    aTorsion: TORSION,
    r,
    when: (k) => k % 8n === 0n,
  },
  {
    kind: 'mixed-order A and R, valid with cofactor only',
    a,
    aTorsion: TORSION,
    r,
    rTorsion: TORSION,
    when: (k) => k % 8n === 0n,
  },
  {
    kind: 'mixed-order A, torsion-free R, valid with cofactor only',
    a,
    aTorsion: TORSION,
    r,
    when: (k) => k % 8n !== 0n,
  },
  { kind: 'torsion-free A, mixed-order R, valid with cofactor only', a, r, rTorsion: TORSION },
  { kind: 'torsion-free A, small-order R', a, rTorsion: TORSION },
  { kind: 'R is the identity', a },
  { kind: 'A is the identity', r },
  { kind: 'S not below L', a, r, addToS: L },
  { kind: 'S far above L', a, r, addToS: L * 14n },
  { kind: 'R not canonical: y = p', a, rBytes: P_AS_ZERO },
  { kind: 'R not canonical: y = p + 1', a, rBytes: P_PLUS_ONE },
  { kind: 'R not canonical: minus zero', a, rBytes: MINUS_ZERO },
  { kind: 'A not canonical: y = p', r, aBytes: P_AS_ZERO },
  { kind: 'A not canonical: y = p + 1', r, aBytes: P_PLUS_ONE },
  { kind: 'A not canonical: minus zero', r, aBytes: MINUS_ZERO },
  { kind: 'A not canonical and of large order', r, aBytes: P_PLUS_THREE },
  { kind: 'A not on the curve', r, aBytes: toLittleEndian(2n) },
];

function make(recipe: Recipe): Ed25519Vector {
  const keyPoint = Point.BASE.multiplyUnsafe(recipe.a ?? 0n).add(recipe.aTorsion ?? Point.ZERO);
  const noncePoint = Point.BASE.multiplyUnsafe(recipe.r ?? 0n).add(recipe.rTorsion ?? Point.ZERO);
  const publicKey = recipe.aBytes ?? keyPoint.toBytes();
  const nonce = recipe.rBytes ?? noncePoint.toBytes();
  for (let attempt = 0; ; attempt++) {
    const message = utf8(`${recipe.kind}, ${attempt}`);
    const k = fromLittleEndian(sha512(concatBytes(nonce, publicKey, message))) % L;
    if (recipe.when !== undefined && !recipe.when(k)) continue;
    const s = (((recipe.r ?? 0n) + k * (recipe.a ?? 0n)) % L) + (recipe.addToS ?? 0n);
    const signature = concatBytes(nonce, toLittleEndian(s));
    return {
      kind: recipe.kind,
      publicKey: bytesToHex(publicKey),
      message: bytesToHex(message),
      signature: bytesToHex(signature),
      lenient: ed25519.verify(signature, message, publicKey, { zip215: true }),
      valid: recipe.valid ?? false,
    };
  }
}

export function makeEd25519Vectors(): readonly Ed25519Vector[] {
  return recipes.map(make);
}

if (import.meta.main) console.log(JSON.stringify(makeEd25519Vectors(), null, 2));
