/** What every adapter of the Crypto port must do. */

import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { isAuthorKey, verifyStrict } from '../assertion/ed25519.ts';
import vectors from '../assertion/ed25519-vectors.json' with { type: 'json' };
import { bytesToHex, hexToBytes, utf8 } from '../base/bytes.ts';
import { blake3 } from '../base/hash.ts';
import type { Crypto } from '../base/ports.ts';

/** RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature. */
const RFC_8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
].map((row) => row.map((hex) => hexToBytes(hex)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]);

export function cryptoSuite(name: string, open: () => Promise<Crypto>): void {
  describe(name, () => {
    test('makes the keys and signatures of RFC 8032 and accepts them', async () => {
      const crypto = await open();
      for (const [seed, publicKey, message, signature] of RFC_8032) {
        expect(bytesToHex(await crypto.publicKey(seed))).toBe(bytesToHex(publicKey));
        expect(bytesToHex(await crypto.sign(seed, message))).toBe(bytesToHex(signature));
        expect(await crypto.verify(publicKey, message, signature)).toBe(true);
        expect(await verifyStrict(crypto, publicKey, message, signature)).toBe(true);
      }
    });

    test('answers with plain byte arrays that share no memory with its input', async () => {
      const crypto = await open();
      const seed = new Uint8Array(32).fill(7);
      const publicKey = await crypto.publicKey(seed);
      const signature = await crypto.sign(seed, utf8('message'));
      expect([publicKey.constructor, publicKey.length]).toEqual([Uint8Array, 32]);
      expect([signature.constructor, signature.length]).toEqual([Uint8Array, 64]);
    });

    test('refuses a signature after a change of any part', async () => {
      const crypto = await open();
      const seed = new Uint8Array(32).fill(9);
      const publicKey = await crypto.publicKey(seed);
      const message = utf8('every bit counts');
      const signature = await crypto.sign(seed, message);
      const other = await crypto.publicKey(new Uint8Array(32).fill(10));
      expect(await verifyStrict(crypto, publicKey, message, signature)).toBe(true);
      expect(await verifyStrict(crypto, other, message, signature)).toBe(false);
      for (const at of [0, 20, 31, 32, 50, 63]) {
        const changed = signature.slice();
        changed[at] = (changed[at] as number) ^ 1;
        expect(await verifyStrict(crypto, publicKey, message, changed), `byte ${at}`).toBe(false);
      }
      expect(await verifyStrict(crypto, publicKey, message.subarray(1), signature)).toBe(false);
      expect(await verifyStrict(crypto, publicKey, message, signature.subarray(1))).toBe(false);
      expect(await verifyStrict(crypto, publicKey.subarray(1), message, signature)).toBe(false);
    });

    test('verifies many keys at the same time, each with its own', async () => {
      const crypto = await open();
      const message = utf8('shared');
      const seeds = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i + 1));
      const signed = await Promise.all(
        seeds.map(async (seed) => [await crypto.publicKey(seed), await crypto.sign(seed, message)] as const),
      );
      const verdicts = await Promise.all(
        signed.map(([key], i) => {
          const signature = signed[i % 2 === 0 ? i : i - 1]?.[1] as Uint8Array;
          return verifyStrict(crypto, key, message, signature);
        }),
      );
      expect(verdicts).toEqual(seeds.map((_, i) => i % 2 === 0));
    });

    test('tells keys of the prime group from all others, as plain arithmetic does', async () => {
      const crypto = await open();
      const { Point } = ed25519;
      const eighth = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
      for (let i = 0; i < 24; i++) {
        // Each engine gets keys of its own, for verdicts are remembered by key.
        const seed = blake3(utf8(`${name} ${i}`));
        const key = Point.fromBytes(ed25519.getPublicKey(seed));
        expect(await isAuthorKey(crypto, key.toBytes()), 'of the prime group').toBe(true);
        expect(await isAuthorKey(crypto, key.negate().toBytes()), 'its negative').toBe(true);
        const torsion = eighth.multiplyUnsafe(BigInt((i % 7) + 1));
        expect(await isAuthorKey(crypto, key.add(torsion).toBytes()), 'with torsion').toBe(false);
        expect(await isAuthorKey(crypto, seed), 'any bytes').toBe(isInPrimeGroup(seed));
      }
    });

    test.each(vectors)('gives the verdict of the one rule: $kind', async (vector) => {
      const crypto = await open();
      const [key, message, signature] = [vector.publicKey, vector.message, vector.signature].map((hex) =>
        hexToBytes(hex),
      ) as [Uint8Array, Uint8Array, Uint8Array];
      expect(await verifyStrict(crypto, key, message, signature)).toBe(vector.valid);
    });
  });
}

function isInPrimeGroup(bytes: Uint8Array): boolean {
  try {
    return ed25519.Point.fromBytes(bytes, false).isTorsionFree();
  } catch {
    return false; // Not on the curve, or y is not below the prime.
  }
}
