/**
 * Ed25519 by node:crypto. What is to be verified together runs in the libuv pool, so it uses more than
 * one core; the first of each turn of the event loop is verified where it stands, because the way into
 * the pool and back takes as long as the check.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { concatBytes, hexToBytes } from '../base/bytes.ts';
import type { Crypto } from '../base/ports.ts';
import { keyCache } from './key-cache.ts';

/** What stands before 32 raw bytes in DER (RFC 8410). */
const SPKI_HEAD = hexToBytes('302a300506032b6570032100');
const PKCS8_HEAD = hexToBytes('302e020100300506032b657004220420');

export function nodeCrypto(): Crypto {
  const publicKeyOf = keyCache(importPublic);
  const privateKeyOf = keyCache(importPrivate);
  let isFirstOfTurn = true;
  const nextTurn = () => {
    isFirstOfTurn = true;
  };
  return {
    async publicKey(seed) {
      const der = createPublicKey(importPrivate(seed)).export({ format: 'der', type: 'spki' });
      return new Uint8Array(der.subarray(SPKI_HEAD.length));
    },
    // A group of writes has one signature, and the way into the pool and back takes longer than to make it.
    sign: async (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
    verify: async (publicKey, message, signature) => {
      const key = publicKeyOf(publicKey);
      if (isFirstOfTurn) {
        isFirstOfTurn = false;
        setImmediate(nextTurn);
        return verify(null, message, key, signature);
      }
      return new Promise((resolve, reject) => {
        verify(null, message, key, signature, (error, valid) => (error ? reject(error) : resolve(valid)));
      });
    },
  };
}

function importPublic(publicKey: Uint8Array): KeyObject {
  return createPublicKey({
    key: Buffer.from(concatBytes(SPKI_HEAD, publicKey)),
    format: 'der',
    type: 'spki',
  });
}

function importPrivate(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(concatBytes(PKCS8_HEAD, seed)), format: 'der', type: 'pkcs8' });
}
