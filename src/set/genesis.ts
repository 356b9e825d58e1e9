/** The genesis of a space: its name, limits and who may write and read, fixed for ever. Its hash is the space id. */

import type { PowLevels } from '../assertion/pow.ts';
import { bytesToHex, compareBytes, equalBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { blake3, blake3Keyed, domains } from '../base/hash.ts';
import { limits } from '../base/limits.ts';

const VERSION = 1;
const NAME_BYTES_MAX = 256;
const POW_LEVELS_MAX = 8;

/** semantics: 16 bits for the first ten assertions, then less and less. */
export const DEFAULT_POW: PowLevels = [
  [10, 16],
  [25, 12],
  [49, 8],
];

export interface Genesis {
  readonly name: string;
  readonly write: 'open' | 'invited';
  readonly read: 'open' | 'secret';
  /** Work that an author's first assertions carry; empty in an invited space. */
  readonly pow: PowLevels;
  /** Bytes of one assertion's payload: nobody's set holds a larger one. */
  readonly payloadBytesMax: number;
  /** Keys that may admit authors to an invited space, sorted; empty in an open one. */
  readonly admitters: readonly Uint8Array[];
  /** Hash of the read secret, so that an invite can be checked; null when read is open. */
  readonly secretHash: Uint8Array | null;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** 16 random bytes: two spaces of one name differ. */
  readonly nonce: Uint8Array;
}

/** A space as its members know it. */
export interface SpaceIdentity {
  readonly genesis: Genesis;
  readonly genesisBytes: Uint8Array;
  readonly id: Uint8Array;
  /** 32 bytes; undefined when read is open. */
  readonly secret: Uint8Array | undefined;
  /** Name of the space on the wire: for a secret space it tells nothing to whom lacks the secret. */
  readonly tag: Uint8Array;
  /** The gossipsub topic. */
  readonly topic: string;
}

export function encodeGenesis(genesis: Genesis): Uint8Array {
  const writer = new CborWriter().array(10).uint(VERSION).text(genesis.name);
  writer
    .bool(genesis.write === 'invited')
    .bool(genesis.read === 'secret')
    .array(genesis.pow.length);
  for (const [seq, bits] of genesis.pow) writer.array(2).uint(seq).uint(bits);
  writer.uint(genesis.payloadBytesMax).array(genesis.admitters.length);
  for (const key of genesis.admitters) writer.bytes(key);
  if (genesis.secretHash === null) writer.null();
  else writer.bytes(genesis.secretHash);
  return writer.uint(genesis.createdMs).bytes(genesis.nonce).finish();
}

/** Throws `BAD_GENESIS` for anything but one canonical, consistent genesis. */
export function decodeGenesis(bytes: Uint8Array): Genesis {
  if (bytes.length > limits.genesisBytesMax) throw new AverError('BAD_GENESIS', 'The genesis is too large.');
  try {
    return checked(readGenesis(new CborReader(bytes)));
  } catch (error) {
    if (isAverError(error, 'BAD_ENCODING'))
      throw new AverError('BAD_GENESIS', error.message, { cause: error });
    throw error;
  }
}

function readGenesis(reader: CborReader): Genesis {
  reader.array(10, 10);
  if (reader.uint() !== VERSION)
    throw new AverError('INVITE_VERSION', 'The space was made by a newer version.');
  const name = reader.text(NAME_BYTES_MAX);
  const write = reader.bool() ? 'invited' : 'open';
  const read = reader.bool() ? 'secret' : 'open';
  const pow = Array.from({ length: reader.array(POW_LEVELS_MAX) }, () => {
    reader.array(2, 2);
    return [reader.uint(), reader.uint(limits.powBitsMax)] as const;
  });
  const payloadBytesMax = reader.uint(limits.assertionBytesMax);
  const admitters = Array.from({ length: reader.array(limits.admittersMax) }, () => reader.hash().slice());
  const secretHash = reader.hashOrNull()?.slice() ?? null;
  const createdMs = reader.uint();
  const nonce = reader.bytes(16, 16).slice();
  reader.end();
  return { name, write, read, pow, payloadBytesMax, admitters, secretHash, createdMs, nonce };
}

function checked(genesis: Genesis): Genesis {
  const { write, read, admitters, pow } = genesis;
  const ok =
    genesis.name !== '' &&
    genesis.payloadBytesMax > 0 &&
    (write === 'invited') === admitters.length > 0 &&
    (write === 'open' || pow.length === 0) &&
    (read === 'secret') === (genesis.secretHash !== null) &&
    admitters.every((key, i) => i === 0 || compareBytes(admitters[i - 1] as Uint8Array, key) < 0) &&
    pow.every(([seq], i) => seq > (pow[i - 1]?.[0] ?? 0));
  if (!ok) throw new AverError('BAD_GENESIS', 'The genesis contradicts itself.');
  return genesis;
}

export function hashSecret(secret: Uint8Array): Uint8Array {
  return blake3(domains.secret, secret);
}

/** Throws `BAD_GENESIS`, `SECRET_NEEDED`, or `BAD_INVITE` when the secret is not this space's. */
export function identifySpace(bytes: Uint8Array, secret?: Uint8Array): SpaceIdentity {
  const genesis = decodeGenesis(bytes);
  const genesisBytes = new Uint8Array(bytes);
  const id = blake3(domains.genesis, genesisBytes);
  if (genesis.secretHash === null) {
    const tag = blake3(domains.topic, id);
    return { genesis, genesisBytes, id, secret: undefined, tag, topic: topicOf(tag) };
  }
  if (secret === undefined) throw new AverError('SECRET_NEEDED', `The space "${genesis.name}" is secret.`);
  if (secret.length !== 32 || !equalBytes(hashSecret(secret), genesis.secretHash)) {
    throw new AverError('BAD_INVITE', 'The invite’s secret is not that of its space.');
  }
  const tag = blake3Keyed(secret, domains.topic, id);
  return { genesis, genesisBytes, id, secret, tag, topic: topicOf(tag) };
}

function topicOf(tag: Uint8Array): string {
  return `/aver/1/${bytesToHex(tag)}`;
}

/** The message that an admitter signs to let an author write. */
export function admitMessage(space: Uint8Array, author: Uint8Array): Uint8Array {
  const message = new Uint8Array(domains.admit.length + 64);
  message.set(domains.admit);
  message.set(space, domains.admit.length);
  message.set(author, domains.admit.length + 32);
  return message;
}
