/**
 * Ed25519 by node:crypto. What is to be verified together is checked off the main thread; what comes
 * alone, first in its turn of the event loop, where it stands: the way to a thread and back takes as
 * long as the check.
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, sign, verify } from 'node:crypto';
import { concatBytes, hexToBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { Crypto } from '../base/ports.ts';
import { keyCache } from './key-cache.ts';
import { type Check, verifyInThreads } from './verify-threads-node.ts';

/** What stands before 32 raw bytes in DER (RFC 8410). */
const HEADS = {
  ed25519Public: hexToBytes('302a300506032b6570032100'),
  ed25519Private: hexToBytes('302e020100300506032b657004220420'),
  x25519Public: hexToBytes('302a300506032b656e032100'),
  x25519Private: hexToBytes('302e020100300506032b656e04220420'),
};

export function nodeCrypto(): Crypto {
  const publicKeyOf = keyCache((bytes) => importPublic(HEADS.ed25519Public, bytes));
  const privateKeyOf = keyCache((bytes) => importPrivate(HEADS.ed25519Private, bytes));
  const scalarOf = keyCache((bytes) => importPrivate(HEADS.x25519Private, bytes));
  return {
    async publicKey(seed) {
      const der = createPublicKey(importPrivate(HEADS.ed25519Private, seed)).export(SPKI);
      return new Uint8Array(der.subarray(HEADS.ed25519Public.length));
    },
    // A group of writes has one signature, and the way into the pool and back takes longer than to make it.
    sign: async (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
    verify: verifier(publicKeyOf),
    async x25519(scalar, u) {
      try {
        const publicKey = importPublic(HEADS.x25519Public, u);
        return new Uint8Array(diffieHellman({ privateKey: scalarOf(scalar), publicKey }));
      } catch {
        return undefined;
      }
    },
  };
}

/** Gathers what is asked for in one go, which a microtask ends. */
function verifier(publicKeyOf: (bytes: Uint8Array) => KeyObject): Crypto['verify'] {
  let gathered: Check[] = [];
  let isFirstOfTurn = true;
  let sent = 0;
  const checkHere = ({ publicKey, message, signature, resolve, reject }: Check) => {
    try {
      resolve(verify(null, message, publicKeyOf(publicKey), signature));
    } catch (error) {
      reject(error);
    }
  };
  const checkInPool = (checks: readonly Check[]) => {
    for (const { publicKey, message, signature, resolve, reject } of checks) {
      verify(null, message, publicKeyOf(publicKey), signature, (error, valid) =>
        error ? reject(error) : resolve(valid),
      );
    }
  };
  const check = () => {
    const checks = gathered;
    gathered = [];
    if (isFirstOfTurn) {
      isFirstOfTurn = false;
      setImmediate(() => {
        isFirstOfTurn = true;
      });
      if (checks.length === 1) return checkHere(checks[0] as Check);
    }
    sent += checks.length;
    if (sent < limits.verifyThreadsFrom || !verifyInThreads(checks, checkInPool)) checkInPool(checks);
  };
  return (publicKey, message, signature) =>
    new Promise((resolve, reject) => {
      if (gathered.push({ publicKey, message, signature, resolve, reject }) === 1) queueMicrotask(check);
    });
}

const SPKI = { format: 'der', type: 'spki' } as const;
const PKCS8 = { format: 'der', type: 'pkcs8' } as const;

function importPublic(head: Uint8Array, bytes: Uint8Array): KeyObject {
  return createPublicKey({ ...SPKI, key: Buffer.from(concatBytes(head, bytes)) });
}

function importPrivate(head: Uint8Array, bytes: Uint8Array): KeyObject {
  return createPrivateKey({ ...PKCS8, key: Buffer.from(concatBytes(head, bytes)) });
}
