/** The limit of whatever checks signatures: bare node:crypto on one message, one key. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { cpuMs } from './clock.ts';

const MESSAGE = new Uint8Array(42).fill(7);

export interface VerifyRates {
  /** Per second on one core, one after the other. */
  readonly oneCore: number;
  /** Per second in libuv's pool, which is what all cores give. */
  readonly allCores: number;
  /** CPU time of one. */
  readonly cpuUsEach: number;
}

export async function measureVerify(count: number): Promise<VerifyRates> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signature = sign(null, MESSAGE, privateKey);
  const cpuBeforeMs = cpuMs();
  const startedMs = performance.now();
  for (let i = 0; i < count; i++) verify(null, MESSAGE, publicKey, signature);
  const oneCore = count / seconds(startedMs);
  const cpuUsEach = (1000 * (cpuMs() - cpuBeforeMs)) / count;
  const pooledMs = performance.now();
  const one = () =>
    new Promise<void>((resolve, reject) => {
      verify(null, MESSAGE, publicKey, signature, (error) => (error ? reject(error) : resolve()));
    });
  await Promise.all(Array.from({ length: count }, one));
  return { oneCore, allCores: count / seconds(pooledMs), cpuUsEach };
}

function seconds(sinceMs: number): number {
  return (performance.now() - sinceMs) / 1000;
}
