import { pureJsCrypto } from '@chainsafe/libp2p-noise';
import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../base/bytes.ts';
import { systemRandom } from '../base/system-random.ts';
import { nodeCrypto } from '../crypto/crypto-node.ts';
import { noiseKeys } from './noise-keys.ts';

describe('the keys of Noise handshakes', () => {
  test('are pairs of X25519, and none is used for a second handshake', async () => {
    const { crypto, staticNoiseKey } = await noiseKeys({ crypto: nodeCrypto(), random: systemRandom });
    // More at once than are kept ready.
    const pairs = Array.from({ length: 7 }, () => crypto?.generateX25519KeyPair());
    await new Promise((resolve) => setTimeout(resolve, 20));
    pairs.push(crypto?.generateX25519KeyPair());
    pairs.push(crypto?.generateX25519KeyPairFromSeed(staticNoiseKey as Uint8Array));
    for (const pair of pairs) {
      const { publicKey } = pureJsCrypto.generateX25519KeyPairFromSeed(pair?.privateKey as Uint8Array);
      expect(bytesToHex(pair?.publicKey as Uint8Array)).toBe(bytesToHex(publicKey));
    }
    expect(new Set(pairs.map((pair) => bytesToHex(pair?.privateKey as Uint8Array))).size).toBe(pairs.length);
  });

  test.each([
    ['has no X25519', undefined],
    ['refuses it', async () => undefined],
  ])('are left to libp2p where the engine %s', async (_, x25519) => {
    const { x25519: native, ...rest } = nodeCrypto();
    expect(native).toBeDefined();
    const crypto = x25519 === undefined ? rest : { ...rest, x25519 };
    expect(await noiseKeys({ crypto, random: systemRandom })).toEqual({});
  });
});
