import { webcrypto } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Crypto } from '../base/ports.ts';
import { cryptoSuite } from './crypto.suite.ts';
import { nodeCrypto } from './crypto-node.ts';
import { pureCrypto } from './crypto-pure.ts';
import { detectCrypto, webCrypto } from './crypto-web.ts';

cryptoSuite('crypto over node:crypto', async () => nodeCrypto());
cryptoSuite('crypto over WebCrypto in Node', async () => webCrypto(webcrypto.subtle as SubtleCrypto));
cryptoSuite('crypto in plain JavaScript', async () => pureCrypto());

describe('detectCrypto', () => {
  test('takes the native engine where it works', async () => {
    expect((await detectCrypto()).native).toBe(true);
  });

  test('falls back to plain JavaScript where the engine knows no Ed25519', async () => {
    const crypto = await withoutEd25519(detectCrypto);
    expect(crypto.native).toBe(false);
    const seed = new Uint8Array(32).fill(3);
    const message = new Uint8Array([1, 2, 3]);
    const signature = await crypto.crypto.sign(seed, message);
    expect(
      await (nodeCrypto() as Crypto).verify(await crypto.crypto.publicKey(seed), message, signature),
    ).toBe(true);
  });
});

/** Runs `action` in a global scope without `crypto.subtle`, as on a page over plain HTTP. */
async function withoutEd25519<Result>(action: () => Promise<Result>): Promise<Result> {
  const original = Object.getOwnPropertyDescriptor(globalThis, 'crypto') as PropertyDescriptor;
  Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
  try {
    return await action();
  } finally {
    Object.defineProperty(globalThis, 'crypto', original);
  }
}
