import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import type { Crypto } from '../base/ports.ts';
import { isAuthorKey, verifyStrict } from './ed25519.ts';
import vectors from './ed25519-vectors.json' with { type: 'json' };
import { makeEd25519Vectors } from './ed25519-vectors.ts';

const { Point } = ed25519;

/** An engine without any rule of its own: it shows what `verifyStrict` alone refuses. */
const credulous: Crypto = {
  publicKey: async () => new Uint8Array(32),
  sign: async () => new Uint8Array(64),
  verify: async () => true,
};

function strict(vector: { publicKey: string; message: string; signature: string }): Promise<boolean> {
  return verifyStrict(
    credulous,
    hexToBytes(vector.publicKey),
    hexToBytes(vector.message),
    hexToBytes(vector.signature),
  );
}

describe('ed25519-vectors.json', () => {
  test('is what its generator makes', () => {
    expect(vectors).toEqual(makeEd25519Vectors());
  });

  test('holds signatures on which a lenient verifier and our rule differ', () => {
    expect(vectors.filter((vector) => vector.lenient && !vector.valid).length).toBeGreaterThanOrEqual(10);
  });
});

describe('verifyStrict', () => {
  test('refuses without asking an engine what engines disagree about', async () => {
    // A mixed-order R is the one kind that is left to the engine: all without cofactor refuse it.
    const left = vectors.filter((vector) => vector.kind.includes('torsion-free A, mixed-order R'));
    expect(left).toHaveLength(1);
    for (const vector of vectors) {
      expect(await strict(vector), vector.kind).toBe(vector.valid || left.includes(vector));
    }
  });

  test('refuses S from L on and accepts L − 1', async () => {
    const vector = vectors[0] as (typeof vectors)[0];
    const withS = (s: bigint) => ({
      ...vector,
      signature:
        vector.signature.slice(0, 64) + bytesToHex(hexToBytes(s.toString(16).padStart(64, '0')).reverse()),
    });
    const order = Point.Fn.ORDER;
    expect(await strict(withS(order - 1n))).toBe(true);
    expect(await strict(withS(order - 256n))).toBe(true);
    for (const s of [order, order + 1n, order + 256n, 2n ** 253n, 2n ** 256n - 1n]) {
      expect(await strict(withS(s))).toBe(false);
    }
  });
});

describe('isAuthorKey', () => {
  test('refuses all eight points of small order, with either sign bit', async () => {
    const generator = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
    let point = Point.ZERO;
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const bytes = point.toBytes();
      seen.add(bytesToHex(bytes));
      expect(await isAuthorKey(credulous, bytes)).toBe(false);
      bytes[31] = (bytes[31] as number) ^ 0x80;
      expect(await isAuthorKey(credulous, bytes)).toBe(false);
      point = point.add(generator);
    }
    expect(seen.size).toBe(8);
  });

  test('refuses every y from p to 2^255 − 1', async () => {
    for (let low = 0xed; low <= 0xff; low++) {
      const bytes = new Uint8Array(32).fill(0xff);
      bytes[0] = low;
      bytes[31] = 0x7f;
      expect(await isAuthorKey(credulous, bytes)).toBe(false);
      bytes[31] = 0xff;
      expect(await isAuthorKey(credulous, bytes)).toBe(false);
    }
  });

  test('accepts honest keys, the first time and from the cache', async () => {
    for (let i = 1; i <= 20; i++) {
      const key = ed25519.getPublicKey(new Uint8Array(32).fill(i));
      expect(await isAuthorKey(credulous, key)).toBe(true);
      expect(await isAuthorKey(credulous, key)).toBe(true);
    }
  });
});
