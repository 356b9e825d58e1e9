/** The Random port over the engine's cryptographic generator (Node and browsers, plain HTTP too). */
import type { Random } from './ports.ts';

/** What one call of `getRandomValues` gives at most (Web Crypto, 10.1.1). */
const CALL_BYTES_MAX = 65_536;

export const systemRandom: Random = {
  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += CALL_BYTES_MAX) {
      crypto.getRandomValues(bytes.subarray(at, at + CALL_BYTES_MAX));
    }
    return bytes;
  },
  number: () => Math.random(),
};
