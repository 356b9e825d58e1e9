/** Proof of work of an author's first assertions in an open space: bound to the id, so it cannot be reused. */
import { breath } from '../base/breath.ts';
import { concatBytes } from '../base/bytes.ts';
import { throwIfAborted } from '../base/errors.ts';
import { blake3, domains } from '../base/hash.ts';
import type { AbortOptions } from '../base/ports.ts';
import { hashHeader } from './codec.ts';
import type { Header } from './model.ts';

/** `[up to this seq, bits]`, ascending; beyond the last level no work is due. */
export type PowLevels = readonly (readonly [seq: number, bits: number])[];

export function powBits(levels: PowLevels, seq: number): number {
  return levels.find(([upTo]) => seq <= upTo)?.[1] ?? 0;
}

function leadingZeroBits(hash: Uint8Array): number {
  let bits = 0;
  for (const byte of hash) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}

/** The id that the header would have without the work: what the work is bound to. */
function idWithoutPow(header: Header): Uint8Array {
  const admit = header.proof?.admit ?? null;
  return hashHeader({ ...header, proof: admit === null ? null : { pow: null, admit } }).id;
}

export function hasPow(header: Header, bits: number): boolean {
  if (bits === 0) return true;
  const nonce = header.proof?.pow;
  if (nonce === null || nonce === undefined) return false;
  return leadingZeroBits(blake3(domains.pow, idWithoutPow(header), nonce)) >= bits;
}

const NONCE_BYTES = 8;
/** Hashes between two breaths: about 2 ms with the WebAssembly hasher, so that no frame is blocked. */
const SLICE = 4000;

/** The header with its work done. The search yields to the event loop; throws `ABORTED`. */
export async function withPow<H extends Header>(
  header: H,
  bits: number,
  options: AbortOptions = {},
): Promise<H> {
  if (bits === 0) return header;
  // One buffer for all tries: what is hashed is short, so allocation would be most of the work.
  const message = concatBytes(domains.pow, idWithoutPow(header), new Uint8Array(NONCE_BYTES));
  const nonceAt = message.length - NONCE_BYTES;
  const view = new DataView(message.buffer);
  for (let nonce = 0; ; nonce++) {
    if (nonce % SLICE === SLICE - 1) {
      throwIfAborted(options.signal, 'The proof of work');
      await breath();
    }
    view.setBigUint64(nonceAt, BigInt(nonce));
    if (leadingZeroBits(blake3(message)) >= bits) {
      return { ...header, proof: { pow: message.slice(nonceAt), admit: header.proof?.admit ?? null } };
    }
  }
}
