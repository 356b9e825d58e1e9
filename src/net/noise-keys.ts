/**
 * Key pairs for Noise handshakes, made beforehand by the engine's own X25519. In JavaScript the first one of a page
 * takes tens of milliseconds at a stretch, in which no frame is shown.
 */
import { type KeyPair, type NoiseInit, pureJsCrypto } from '@chainsafe/libp2p-noise';
import { breath } from '../base/breath.ts';
import type { NetworkPorts } from './libp2p-options.ts';

/** Handshakes that may begin at about the same time without one of them making its own pair. */
const SPARE_MAX = 4;

const BASE_POINT = new Uint8Array(32);
BASE_POINT[0] = 9;

/** The options of `noise()`; none for an engine that cannot make such keys off the thread. */
export async function noiseKeys(ports: Pick<NetworkPorts, 'crypto' | 'random'>): Promise<NoiseInit> {
  const own = await nativePair(ports);
  await rehearse(own ?? pureJsCrypto.generateX25519KeyPair());
  if (own === undefined) return {};
  const spare: KeyPair[] = [];
  const refill = async (): Promise<void> => {
    const made = await nativePair(ports);
    if (made !== undefined && spare.length < SPARE_MAX) spare.push(made);
  };
  await Promise.all(Array.from({ length: SPARE_MAX }, refill));
  return {
    staticNoiseKey: own.privateKey,
    crypto: {
      ...pureJsCrypto,
      // Asked for the static key alone.
      generateX25519KeyPairFromSeed: () => own,
      generateX25519KeyPair: () => {
        refill().catch(() => undefined);
        return spare.pop() ?? pureJsCrypto.generateX25519KeyPair();
      },
    },
  };
}

/** Does by turns what a handshake does in one go, for the first time it is slow. */
async function rehearse({ privateKey, publicKey }: KeyPair): Promise<void> {
  await breath();
  const shared = pureJsCrypto.generateX25519SharedKey(privateKey, publicKey);
  await breath();
  const [key] = pureJsCrypto.getHKDF(pureJsCrypto.hashSHA256(shared), shared);
  await breath();
  const [nonce, nothing] = [new Uint8Array(12), new Uint8Array(0)];
  const sealed = pureJsCrypto.chaCha20Poly1305Encrypt(shared, nonce, nothing, key);
  pureJsCrypto.chaCha20Poly1305Decrypt(sealed, nonce, nothing, key);
}

/** Undefined where the engine has no X25519. */
async function nativePair({ crypto, random }: Pick<NetworkPorts, 'crypto' | 'random'>) {
  const privateKey = random.bytes(32);
  // Clamped, as RFC 7748 has it.
  privateKey[0] = (privateKey[0] as number) & 248;
  privateKey[31] = ((privateKey[31] as number) & 127) | 64;
  const publicKey = await crypto.x25519?.(privateKey, BASE_POINT);
  return publicKey === undefined ? undefined : { publicKey, privateKey };
}
