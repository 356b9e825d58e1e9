/**
 * BLAKE3-256. hash-wasm is about ten times as fast as noble on short inputs, but must be loaded;
 * until `loadFastHash` has resolved, noble answers. Both give the same bytes, by test.
 */
import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js';
import { createBLAKE3 } from 'hash-wasm';
import { concatBytes, utf8 } from './bytes.ts';
import { AverError } from './errors.ts';

interface Hasher {
  init(): Hasher;
  update(bytes: Uint8Array): Hasher;
  digest(format: 'binary'): Uint8Array;
}

let fast: Hasher | undefined;
let fastKeyed: Hasher | undefined;
let loading: Promise<void> | undefined;

/** The keyed hasher takes its key from here each time it starts: one instance serves all keys. */
const keySlot = new Uint8Array(32);

/** Loads the WebAssembly hasher once; later calls return the same promise. Never rejects. */
export function loadFastHash(): Promise<void> {
  loading ??= Promise.all([createBLAKE3(), createBLAKE3(256, keySlot)]).then(
    ([hasher, keyed]) => {
      fast = hasher as Hasher;
      fastKeyed = keyed as Hasher;
    },
    () => undefined, // No WebAssembly (a strict content policy): noble goes on answering.
  );
  return loading;
}

/** 32 bytes: BLAKE3 of the parts one after the other. */
export function blake3(...parts: readonly Uint8Array[]): Uint8Array {
  if (fast === undefined) return nobleBlake3(joined(parts));
  return digest(fast, parts);
}

/** 32 bytes: BLAKE3 in keyed mode. Throws `BAD_INPUT` unless the key has 32 bytes. */
export function blake3Keyed(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  if (key.length !== keySlot.length) throw new AverError('BAD_INPUT', 'The key must have 32 bytes.');
  if (fastKeyed === undefined) return nobleBlake3(joined(parts), { key });
  keySlot.set(key);
  return digest(fastKeyed, parts);
}

/** Short parts are put together here: handing one over costs more than hashing it. */
const short = new Uint8Array(2048);

function digest(hasher: Hasher, parts: readonly Uint8Array[]): Uint8Array {
  hasher.init();
  let length = 0;
  for (const part of parts) length += part.length;
  if (parts.length === 1 || length > short.length) for (const part of parts) hasher.update(part);
  else {
    let at = 0;
    for (const part of parts) {
      short.set(part, at);
      at += part.length;
    }
    hasher.update(short.subarray(0, length));
  }
  return hasher.digest('binary');
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts);
}

/** Every domain separator of the protocol. Frozen: a change is a new version of what it separates. */
export const domains = {
  assertion: utf8('aver/assertion/1'),
  payload: utf8('aver/payload/1'),
  signature: utf8('aver/sig/1'),
  genesis: utf8('aver/genesis/1'),
  admit: utf8('aver/admit/1'),
  delegate: utf8('aver/delegate/1'),
  pow: utf8('aver/pow'),
  path: utf8('aver/path'),
  entry: utf8('aver/entry'),
  leaf: utf8('aver/leaf'),
  node: utf8('aver/node'),
  topic: utf8('aver/topic/1'),
  secret: utf8('aver/secret/1'),
  hello: utf8('aver/hello/1'),
  seal: utf8('aver/seal/1'),
  bloom: utf8('aver/bloom/1'),
  salt: utf8('aver/salt/1'),
  cell: utf8('aver/cell/1'),
} as const;
