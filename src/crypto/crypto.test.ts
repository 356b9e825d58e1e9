import { execFile } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Crypto } from '../base/ports.ts';
import { cryptoSuite } from './crypto.suite.ts';
import { nodeCrypto } from './crypto-node.ts';
import { pureCrypto } from './crypto-pure.ts';
import { detectCrypto, webCrypto } from './crypto-web.ts';

cryptoSuite('crypto over node:crypto', async () => nodeCrypto());
cryptoSuite('crypto over WebCrypto in Node', async () => webCrypto(webcrypto.subtle as SubtleCrypto));
cryptoSuite('crypto in plain JavaScript', async () => pureCrypto());

describe('many signatures at once', () => {
  test('are each decided by themselves, in the pool, and in threads once there are many', async () => {
    const crypto = nodeCrypto();
    const seed = new Uint8Array(32).fill(5);
    const publicKey = await crypto.publicKey(seed);
    for (let round = 0; round < 20; round++) {
      const messages = Array.from({ length: 60 }, (_, i) => new Uint8Array(i + 1).fill(round));
      const signatures = await Promise.all(messages.map((message) => crypto.sign(seed, message)));
      const verdicts = await Promise.all(
        messages.map((message, i) =>
          crypto.verify(publicKey, message, signatures[i - (i % 3 === 2 ? 1 : 0)] as Uint8Array),
        ),
      );
      expect(verdicts).toEqual(messages.map((_, i) => i % 3 !== 2));
      await new Promise((resolve) => setTimeout(resolve, 10)); // Threads start meanwhile.
    }
  });
});

test('threads that check signatures do not keep their process alive', async () => {
  const program = `
    const { nodeCrypto } = await import(${JSON.stringify(new URL('crypto-node.ts', import.meta.url).href)});
    const { setTimeout } = await import('node:timers/promises');
    const crypto = nodeCrypto();
    const seed = new Uint8Array(32);
    const [publicKey, signature] = [await crypto.publicKey(seed), await crypto.sign(seed, seed)];
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 50 }, () => crypto.verify(publicKey, seed, signature)));
      await setTimeout(20);
    }
    console.log('done');`;
  const args = ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  expect(stdout).toBe('done\n');
});

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
