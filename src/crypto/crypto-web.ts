/** Ed25519 by WebCrypto, which works off the calling thread; plain JavaScript where it is missing. */
import { base64UrlToBytes, concatBytes, hexToBytes } from '../base/bytes.ts';
import type { Crypto } from '../base/ports.ts';
import { pureCrypto } from './crypto-pure.ts';
import { keyCache } from './key-cache.ts';

/** What stands before 32 raw bytes in PKCS #8 (RFC 8410). */
const ED25519_HEAD = hexToBytes('302e020100300506032b657004220420');
const X25519_HEAD = hexToBytes('302e020100300506032b656e04220420');

/** The best engine that is here: native where a trial signature works, else plain JavaScript. */
export async function detectCrypto(): Promise<{ readonly crypto: Crypto; readonly native: boolean }> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return { crypto: pureCrypto(), native: false };
  try {
    const crypto = webCrypto(subtle);
    const seed = new Uint8Array(32).fill(1);
    const message = new Uint8Array(1);
    const signature = await crypto.sign(seed, message);
    if (await crypto.verify(await crypto.publicKey(seed), message, signature)) {
      return { crypto, native: true };
    }
  } catch {
    // The engine has no Ed25519.
  }
  return { crypto: pureCrypto(), native: false };
}

export function webCrypto(subtle: SubtleCrypto): Crypto {
  const importPrivate = (seed: Uint8Array, extractable: boolean) =>
    subtle.importKey('pkcs8', concatBytes(ED25519_HEAD, seed) as BufferSource, 'Ed25519', extractable, [
      'sign',
    ]);
  const privateKeyOf = keyCache((seed) => importPrivate(seed, false));
  const publicKeyOf = keyCache((publicKey) =>
    subtle.importKey('raw', publicKey as BufferSource, 'Ed25519', false, ['verify']),
  );

  const scalarOf = keyCache((scalar) =>
    subtle.importKey('pkcs8', concatBytes(X25519_HEAD, scalar) as BufferSource, 'X25519', false, [
      'deriveBits',
    ]),
  );

  return {
    async publicKey(seed) {
      const jwk = await subtle.exportKey('jwk', await importPrivate(seed, true));
      return base64UrlToBytes(jwk.x as string);
    },
    async sign(seed, message) {
      const key = await privateKeyOf(seed);
      return new Uint8Array(await subtle.sign('Ed25519', key, message as BufferSource));
    },
    async verify(publicKey, message, signature) {
      const key = await publicKeyOf(publicKey);
      return subtle.verify('Ed25519', key, signature as BufferSource, message as BufferSource);
    },
    async x25519(scalar, u) {
      try {
        const name = 'X25519';
        const key = await subtle.importKey('raw', u as BufferSource, name, false, []);
        return new Uint8Array(await subtle.deriveBits({ name, public: key }, await scalarOf(scalar), 256));
      } catch {
        return undefined; // A zero, or an engine that has Ed25519 alone.
      }
    },
  };
}
