/**
 * Digests: every ten seconds a peer hints to a few others what it has, by a vector clock (what the
 * receiver lacks) and a Bloom filter (what the sender lacks). Only a hint: it starts a sync, nothing else.
 */
import { Allowance, allowances } from '../base/allowance.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { CborWriter } from '../base/cbor.ts';
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type Bloom, bloomHas, bloomKey, buildBloom, checkBloom } from '../set/bloom.ts';
import type { Replica } from '../set/replica.ts';
import type { DigestRequest } from './messages.ts';
import { readList, writeList } from './requests.ts';

export const NONCE_BYTES = 16;

export interface ClockEntry {
  readonly author: Uint8Array;
  readonly seq: number;
}

export interface Digest {
  readonly root: Uint8Array;
  readonly nonce: Uint8Array;
  /** Ids in the filter. */
  readonly hintCount: number;
  /** Authors whose chains grew since the last digest to this peer, with their seq. */
  readonly clock: readonly ClockEntry[];
  /** Null where the sender believes that the roots are equal. */
  readonly bloom: Bloom | null;
}

/** A filter, and the set that it was made of. */
export interface DigestFilter extends Pick<Digest, 'root' | 'nonce'> {
  readonly bloom: Bloom;
}

export function encodeDigest(digest: Digest): Uint8Array {
  const writer = new CborWriter().array(5).bytes(digest.root).bytes(digest.nonce).uint(digest.hintCount);
  writeList(writer, digest.clock, ({ author, seq }) => writer.array(2).bytes(author).uint(seq));
  if (digest.bloom === null) writer.null();
  else writer.array(2).uint(digest.bloom.hashes).bytes(digest.bloom.bits);
  return writer.finish();
}

/** Throws `BAD_ENCODING`, also for a filter that cannot be what it says. */
export function decodeDigest(bytes: Uint8Array): Digest {
  const reader = new CborReader(bytes);
  reader.array(5, 5);
  const root = reader.hash();
  const nonce = reader.bytes(NONCE_BYTES, NONCE_BYTES);
  const hintCount = reader.uint(limits.recentIdsMax);
  const clock = readList(reader, limits.clockEntriesMax, () => {
    reader.array(2, 2);
    return { author: reader.hash(), seq: reader.uint() };
  });
  let bloom: Bloom | null = null;
  if (!reader.skipNull()) {
    reader.array(2, 2);
    bloom = { hashes: reader.uint(), bits: reader.bytes(limits.bloomBitsMax / 8) };
    checkBloom(bloom, hintCount);
  }
  reader.end();
  return { root, nonce, hintCount, clock, bloom };
}

export async function packDigest(tag: Uint8Array, digest: Digest): Promise<DigestRequest> {
  const plain = encodeDigest(digest);
  if (plain.length <= limits.digestCompressBytesMin) {
    return { type: 'digest', tag, packed: false, body: plain };
  }
  const stream = new Blob([plain as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('deflate-raw'));
  const body = await readBounded(stream, limits.digestBytesMax);
  return { type: 'digest', tag, packed: true, body };
}

/** Throws `BAD_ENCODING`, before more than `limits.digestBytesMax` are unpacked. */
export async function unpackDigest(request: DigestRequest): Promise<Digest> {
  if (!request.packed) return decodeDigest(request.body);
  const stream = new Blob([request.body as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  return decodeDigest(await readBounded(stream, limits.digestBytesMax));
}

async function readBounded(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > bytesMax) throw new AverError('BAD_ENCODING', 'The digest is too large.');
      parts.push(value);
    }
  } catch (cause) {
    await reader.cancel().catch(() => undefined);
    if (cause instanceof AverError) throw cause;
    throw new AverError('BAD_ENCODING', 'The digest cannot be unpacked.', { cause });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Authors in the order in which their chains grew: what a delta of the clock is taken from. */
export class RecentAuthors {
  /** Author in hex to the number of its last change, oldest first. */
  readonly #changes = new Map<string, number>();
  #change = 0;

  get change(): number {
    return this.#change;
  }

  note(author: Uint8Array): void {
    const key = bytesToHex(author);
    this.#changes.delete(key);
    this.#changes.set(key, ++this.#change);
    if (this.#changes.size > limits.clockEntriesMax) {
      for (const oldest of this.#changes.keys()) {
        this.#changes.delete(oldest);
        break;
      }
    }
  }

  since(change: number): string[] {
    return [...this.#changes].flatMap(([author, changed]) => (changed > change ? [author] : []));
  }
}

/** The digest for a peer that was sent one at `change` of the recent authors. */
export function buildDigest(
  replica: Replica,
  authors: readonly string[],
  nonce: Uint8Array,
  withBloom: boolean,
): Digest {
  const clock = authors.map((hex) => {
    const author = hexToBytes(hex);
    return { author, seq: replica.frontier.highestSeq(author) };
  });
  const ids = withBloom ? replica.recentIds().map((hex) => hexToBytes(hex)) : [];
  const bloom = withBloom ? buildBloom(bloomKey(replica.space.topic, nonce), ids) : null;
  return { root: replica.frontier.root(), nonce, hintCount: ids.length, clock, bloom };
}

/** Whether a digest shows that one side has what the other lacks. */
export function showsGap(replica: Replica, digest: Digest): boolean {
  for (const { author, seq } of digest.clock) {
    if (seq > replica.frontier.highestSeq(author) && !replica.isHeld(author)) return true;
  }
  if (digest.bloom === null) return false;
  const key = bloomKey(replica.space.topic, digest.nonce);
  for (const id of replica.recentIds()) if (!bloomHas(key, digest.bloom, hexToBytes(id))) return true;
  return false;
}

/** What is remembered of one peer's digests in one space, in both directions. */
export class DigestGate {
  /** Our recent authors' change that the last digest to this peer covered. */
  sentChange = 0;
  /** The filter of the last one of theirs, until a sync shows how right it was. */
  lastFilter: DigestFilter | undefined;
  #handledMs = Number.NEGATIVE_INFINITY;
  readonly #nonceMs = new Map<string, number>();
  readonly #early: Allowance;

  constructor(nowMs: number) {
    this.#early = new Allowance(allowances.earlyDigests, nowMs);
  }

  keep({ root, nonce, bloom }: Digest): void {
    if (bloom === null) return;
    // Copies: what was read is part of a much larger message.
    const copy = { hashes: bloom.hashes, bits: bloom.bits.slice() };
    this.lastFilter = { root: root.slice(), nonce: nonce.slice(), bloom: copy };
  }

  /** At most one digest in `limits.digestHandleMs` is handled. */
  isEarly(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#handledMs) < limits.digestHandleMs) return true;
    this.#handledMs = nowMs;
    return false;
  }

  /** Whether one that came too early is one of a flood. */
  isFlood(nowMs: number): boolean {
    return !this.#early.take(nowMs);
  }

  /** Whether this nonce was seen lately; it is from now on. */
  isRepeated(nonce: Uint8Array, nowMs: number): boolean {
    const key = bytesToHex(nonce);
    const seenMs = this.#nonceMs.get(key);
    if (seenMs !== undefined && nowMs - seenMs < limits.nonceTtlMs) return true;
    this.#nonceMs.delete(key);
    this.#nonceMs.set(key, nowMs);
    for (const [oldest, atMs] of this.#nonceMs) {
      if (this.#nonceMs.size <= limits.noncesPerPeerMax && nowMs - atMs < limits.nonceTtlMs) break;
      this.#nonceMs.delete(oldest);
    }
    return false;
  }
}
