/**
 * What a store holds, computed anew from the stored runs alone by code that shares nothing with Aver's:
 * docs/protocol.md is its source. Ids, signatures, chains, the frontier, its root and the claims.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { blake3 } from '@noble/hashes/blake3.js';
import { decode, encode } from 'cborg';
import type { Row } from './raw-rows.ts';

export interface RawAssertion {
  readonly id: string;
  readonly author: string;
  readonly seq: number;
  readonly prev: string | null;
  readonly parents: readonly string[];
  readonly time: bigint;
  readonly counter: number;
  /** Undefined where it was erased. */
  readonly payload: Uint8Array | undefined;
  readonly kind: number;
}

export interface RawSet {
  readonly byId: ReadonlyMap<string, RawAssertion>;
  readonly root: string;
  /** Of every claim that is readable; see `digestOf`. */
  readonly facts: string;
  /** What may not be, in words. */
  readonly faults: readonly string[];
}

type Item = [
  kind: number,
  step: number | bigint,
  counter: number,
  body: Uint8Array | [hash: Uint8Array, size: number],
  parents?: Uint8Array[],
  basis?: unknown,
  proof?: unknown,
];
type RawRun = [Uint8Array, number, Uint8Array | null, Item[], Uint8Array];

const CHECKSUM_BYTES = 4;
const SPACE_TABLE = 's'.charCodeAt(0);
const BLOCK_TABLE = 'b'.charCodeAt(0);
const CLAIM_KIND = 1;
/** An Ed25519 public key as DER is this and the key. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hash = (...parts: Uint8Array[]): Uint8Array => blake3(Buffer.concat(parts));

function u64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Runs that were checked before, by a hash of their bytes: most of a store stays as it was. */
export type Checked = Map<string, readonly RawAssertion[]>;

/** What the rows hold of one space, given its id in hex. */
export function rawSet(rows: readonly Row[], space: string, checked: Checked = new Map()): RawSet {
  const byId = new Map<string, RawAssertion>();
  const faults: string[] = [];
  const prefix = Buffer.concat([
    Uint8Array.of(SPACE_TABLE),
    Buffer.from(space, 'hex'),
    Uint8Array.of(BLOCK_TABLE),
  ]);
  for (const [key, value] of rows) {
    if (!Buffer.from(key).subarray(0, prefix.length).equals(prefix)) continue;
    try {
      const name = createHash('sha1').update(value).digest('hex');
      const run =
        checked.get(name) ??
        readRun(decode(value.subarray(0, value.length - CHECKSUM_BYTES)) as RawRun, space);
      checked.set(name, run);
      for (const assertion of run) {
        if (byId.has(assertion.id)) faults.push(`${nameOf(assertion)} is stored twice`);
        byId.set(assertion.id, assertion);
      }
    } catch (error) {
      faults.push(`run ${hex(key.subarray(prefix.length))}: ${error}`);
    }
  }
  faults.push(...orderFaults(byId));
  return { byId, root: rootOf(tipsOf(byId)), facts: digestOf(factsOf(byId)), faults };
}

/** Throws where an id, a hash or the signature is not right. */
function readRun([author, firstSeq, firstPrev, items, signature]: RawRun, space: string): RawAssertion[] {
  const run: RawAssertion[] = [];
  let [prev, time] = [firstPrev, 0n];
  for (const [i, item] of items.entries()) {
    const [kind, step, counter, body, parents = [], basis = null, proof = null] = item;
    time += BigInt(step);
    const payload = body instanceof Uint8Array ? body : undefined;
    const [payloadHash, size] =
      body instanceof Uint8Array ? [hash(text('aver/payload/1'), body), body.length] : body;
    const seq = firstSeq + i;
    const clock = time > BigInt(Number.MAX_SAFE_INTEGER) ? time : Number(time);
    const header = [1, Buffer.from(space, 'hex'), kind, author, seq, prev, parents, clock, counter];
    const id = hash(text('aver/assertion/1'), encode([...header, payloadHash, size, basis, proof]));
    run.push({
      id: hex(id),
      author: hex(author),
      seq,
      prev: prev === null ? null : hex(prev),
      parents: parents.map(hex),
      time,
      counter,
      payload,
      kind,
    });
    prev = id;
  }
  const key = createPublicKey({ key: Buffer.concat([SPKI, author]), format: 'der', type: 'spki' });
  const message = Buffer.concat([text('aver/sig/1'), prev as Uint8Array]);
  if (!verify(null, message, key, signature)) throw new Error('nobody signed it');
  return run;
}

function nameOf({ author, seq, id }: RawAssertion): string {
  return `${author.slice(0, 6)}/${seq} (${id.slice(0, 8)})`;
}

function orderFaults(byId: ReadonlyMap<string, RawAssertion>): string[] {
  const faults: string[] = [];
  const seqs = new Set<string>();
  for (const assertion of byId.values()) {
    const { author, seq, prev, parents } = assertion;
    if (seqs.has(`${author}/${seq}`)) faults.push(`${nameOf(assertion)}: the chain forks`);
    seqs.add(`${author}/${seq}`);
    for (const name of prev === null ? parents : [prev, ...parents]) {
      const earlier = byId.get(name);
      if (earlier === undefined) faults.push(`${nameOf(assertion)} is here without ${name.slice(0, 8)}`);
      else if (!isLater(assertion, earlier)) faults.push(`${nameOf(assertion)} is older than what it names`);
    }
    if (prev !== null && byId.get(prev) !== undefined && byId.get(prev)?.seq !== seq - 1)
      faults.push(`${nameOf(assertion)} does not continue its chain`);
  }
  return faults;
}

function isLater(a: RawAssertion, b: RawAssertion): boolean {
  return a.time === b.time ? a.counter > b.counter : a.time > b.time;
}

function tipsOf(byId: ReadonlyMap<string, RawAssertion>): RawAssertion[] {
  const continued = new Set([...byId.values()].map(({ prev }) => prev));
  return [...byId.values()].filter(({ id }) => !continued.has(id));
}

interface Entry {
  readonly hash: Uint8Array;
  /** 80 digits. */
  readonly path: string;
}

function rootOf(tips: readonly RawAssertion[]): string {
  const entries = tips.map(({ author, seq, id }): Entry => {
    const [authorBytes, idBytes] = [Buffer.from(author, 'hex'), Buffer.from(id, 'hex')];
    const path = hex(hash(text('aver/path'), authorBytes).subarray(0, 8)) + hex(hash(idBytes));
    return { hash: hash(text('aver/entry'), authorBytes, u64(seq), idBytes), path };
  });
  return hex(nodeOf(entries, 0));
}

function nodeOf(entries: readonly Entry[], depth: number): Uint8Array {
  if (entries.length === 0) return new Uint8Array(32);
  if (entries.length <= 32) {
    const hashes = entries.map((entry) => entry.hash).sort((a, b) => Buffer.compare(a, b));
    return hash(text('aver/leaf'), ...hashes);
  }
  const digits = [...'0123456789abcdef'];
  const below = (digit: string) => entries.filter(({ path }) => path[depth] === digit);
  return hash(text('aver/node'), ...digits.map((digit) => nodeOf(below(digit), depth + 1)));
}

export interface RawFact {
  readonly id: string;
  readonly index: number;
  readonly subject: string;
  readonly predicate: string;
  readonly object: unknown;
}

/** The claims of every payload that is here. */
export function factsOf(byId: ReadonlyMap<string, RawAssertion>): RawFact[] {
  return [...byId.values()].flatMap(({ id, kind, payload }) => {
    if (kind !== CLAIM_KIND || payload === undefined) return [];
    const claims = decode(payload) as [string, string, unknown][];
    return claims.map(([subject, predicate, object], index) => ({ id, index, subject, predicate, object }));
  });
}

/** One hash for all facts, in whatever order they come. */
export function digestOf(facts: readonly RawFact[]): string {
  const lines = facts.map(
    ({ id, index, subject, predicate, object }) =>
      `${id} ${index} ${subject} ${predicate} ${JSON.stringify(object)}`,
  );
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}
