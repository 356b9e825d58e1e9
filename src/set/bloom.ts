/**
 * The Bloom filter of a digest: a hint which recent assertions the sender has. Keyed by the
 * digest's nonce, so that a false positive of one round is none in the next.
 * Sizes and hashing are exact, so that every engine builds the same bytes (docs/protocol.md, 5).
 */
import { utf8 } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { blake3, blake3Keyed, domains } from '../base/hash.ts';
import { limits } from '../base/limits.ts';

export interface Bloom {
  /** Number of hash functions. */
  readonly hashes: number;
  /** Bits, least significant first in each byte. */
  readonly bits: Uint8Array;
}

/** [m bits, k hashes] for n entries. */
export function bloomSize(n: number): readonly [bits: number, hashes: number] {
  if (n === 0) return [limits.bloomBitsMin, 1];
  let bits: number = limits.bloomBitsMin;
  while (bits < 8 * n && bits < limits.bloomBitsMax) bits *= 2;
  return [bits, Math.min(limits.bloomHashesMax, Math.max(1, Math.round((bits / n) * Math.LN2)))];
}

export function bloomKey(topic: string, nonce: Uint8Array): Uint8Array {
  return blake3(domains.bloom, utf8(topic), nonce);
}

/** Calls `visit` with each bit of `id`, until it returns false. */
function everyBit(
  key: Uint8Array,
  id: Uint8Array,
  m: number,
  k: number,
  visit: (bit: number) => boolean,
): boolean {
  const hash = blake3Keyed(key, id);
  const view = new DataView(hash.buffer, hash.byteOffset);
  // m is a power of two of at most 2^16, so the low halves of h1 + i·h2 mod 2^64 are all that counts.
  const h1 = view.getUint32(4);
  const h2 = view.getUint32(12);
  for (let i = 0; i < k; i++) {
    const bit = (h1 + i * h2) % m;
    if (!visit(bit)) return false;
  }
  return true;
}

export function buildBloom(key: Uint8Array, ids: readonly Uint8Array[]): Bloom {
  const [m, k] = bloomSize(ids.length);
  const bits = new Uint8Array(m / 8);
  for (const id of ids) {
    everyBit(key, id, m, k, (bit) => {
      bits[bit >> 3] = (bits[bit >> 3] as number) | (1 << (bit & 7));
      return true;
    });
  }
  return { hashes: k, bits };
}

export function bloomHas(key: Uint8Array, bloom: Bloom, id: Uint8Array): boolean {
  return everyBit(
    key,
    id,
    bloom.bits.length * 8,
    bloom.hashes,
    (bit) => ((bloom.bits[bit >> 3] as number) & (1 << (bit & 7))) !== 0,
  );
}

/** Throws `BAD_ENCODING` unless the filter is well-formed and about as full as `hintCount` says. */
export function checkBloom(bloom: Bloom, hintCount: number): void {
  const m = bloom.bits.length * 8;
  const powerOfTwo = (m & (m - 1)) === 0;
  if (!powerOfTwo || m < limits.bloomBitsMin || m > limits.bloomBitsMax) {
    throw new AverError('BAD_ENCODING', `A filter of ${m} bits is not allowed.`);
  }
  if (bloom.hashes < 1 || bloom.hashes > limits.bloomHashesMax) {
    throw new AverError('BAD_ENCODING', `A filter with ${bloom.hashes} hashes is not allowed.`);
  }
  let set = 0;
  for (const byte of bloom.bits) set += popCount(byte);
  // At eight bits an id about half of them are set. One that is nearly full estimates nothing, and hides whatever its sender lacks.
  if (set > 0.95 * m) throw new AverError('BAD_ENCODING', 'The filter is nearly full.');
  const estimate = -(m / bloom.hashes) * Math.log(1 - set / m);
  // A few entries more or less are noise in a small filter.
  if (Math.abs(estimate - hintCount) > Math.max(8, Math.max(estimate, hintCount) / 2)) {
    throw new AverError(
      'BAD_ENCODING',
      `The filter holds about ${Math.round(estimate)} ids, not ${hintCount}.`,
    );
  }
}

function popCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
