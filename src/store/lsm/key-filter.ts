/** A Bloom filter over the keys of a part of a table: most keys that are not in it cost no read. */
import { hash32 } from '../../base/checksum.ts';

/** With seven probes one absent key in 120 is looked for in vain. */
const BITS_PER_KEY = 10;
const PROBES = 7;

export function makeFilter(hashes: readonly number[]): Uint8Array {
  const filter = new Uint8Array(Math.ceil((hashes.length * BITS_PER_KEY) / 8));
  for (const hash of hashes) {
    for (let i = 0; i < PROBES; i++) {
      const bit = probe(hash, i, filter);
      filter[bit >>> 3] = (filter[bit >>> 3] as number) | (1 << (bit & 7));
    }
  }
  return filter;
}

/** False only for a key that is not among them. */
export function mayHold(filter: Uint8Array, hash: number): boolean {
  for (let i = 0; i < PROBES; i++) {
    const bit = probe(hash, i, filter);
    if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

export const keyHash = (key: Uint8Array): number => hash32(key);

/** One hash and a rotation of it stand for seven (Kirsch and Mitzenmacher 2006). */
function probe(hash: number, i: number, filter: Uint8Array): number {
  const step = ((hash >>> 17) | (hash << 15)) >>> 0;
  return ((hash + i * step) >>> 0) % (filter.length * 8);
}
