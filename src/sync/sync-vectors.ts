/**
 * Makes `sync-vectors.json`: every message of the sync protocol, digests, hello proofs and pushes, for
 * other implementations and against silent change. Bytes are in hex. Made again by
 * `node src/sync/sync-vectors.ts`.
 */
import { bytesToHex } from '../base/bytes.ts';
import { bloomKey, buildBloom } from '../set/bloom.ts';
import { encodeGenesis, hashSecret, identifySpace } from '../set/genesis.ts';
import { type Cells, Sketch } from '../set/sketch.ts';
import { Trie } from '../set/trie.ts';
import type { Tip } from '../set/trie-entry.ts';
import { encodeAnswer } from './answers.ts';
import { nodeViews } from './descent.ts';
import { type Digest, encodeDigest } from './digest.ts';
import type { Answer, Request } from './messages.ts';
import { encodePush } from './push.ts';
import { encodeRequest } from './requests.ts';
import { helloProof, Seal } from './seal.ts';

const fill = (byte: number, length = 32) => new Uint8Array(length).fill(byte);
const tag = fill(1);
const secret = fill(7);
const genesis = {
  name: 'secret',
  write: 'open',
  read: 'secret',
  pow: [],
  payloadBytesMax: 61_440,
  admitters: [],
  secretHash: hashSecret(secret),
  createdMs: 1_700_000_000_000,
  nonce: fill(9, 16),
} as const;
const space = identifySpace(encodeGenesis(genesis), secret);
const peerLimits = {
  chunkBytes: 786_432,
  fetchIds: 1000,
  pullRanges: 1000,
  nodePrefixes: 256,
  requestsOpen: 32,
};
const clockMs = 1_700_000_000_000;
const tip: Tip = { author: fill(2), seq: 3, id: fill(4) };
const cursor = { hlc: { time: 1_700_000_000_000_000_000n, counter: 5 }, id: fill(6) };
const salt = fill(8, 16);

function sketchOf(...numbers: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const n of numbers) sketch.add(fill(n));
  return sketch;
}

/** Four cells of a sketch of these entries. */
function cellsOf(...numbers: readonly number[]): Cells {
  return sketchOf(...numbers).cells(4);
}

const short = { high: 0x09090909, low: 0x01020304 };
const sketchHead = { cells: cellsOf(1, 2), counts: sketchOf(1, 2).cells(64).counts };

const requests: readonly Request[] = [
  { type: 'hello', tag, proof: null, clockMs, limits: peerLimits },
  { type: 'hello', tag, proof: helloProof(space, 'alice', 'bob'), clockMs, limits: peerLimits },
  { type: 'ping', tag: null, clockMs },
  { type: 'roots', tag, root: fill(3), count: 2 ** 53 - 1 },
  { type: 'nodes', tag, root: fill(3), salt, prefixes: [fill(0, 0), Uint8Array.of(15, 0, 7)] },
  { type: 'digest', tag, packed: false, body: fill(5, 3) },
  { type: 'pull', tag, ranges: [{ ...tip, have: [{ seq: 1, id: fill(5) }] }], maxBytes: 8_388_608, cursor },
  { type: 'pull', tag, ranges: [{ ...tip, have: [] }], maxBytes: 1, cursor: null },
  { type: 'fetch', tag, ids: [fill(4), fill(5)] },
  { type: 'flushed', tag, unlike: null, waitMs: 5000 },
  { type: 'flushed', tag, unlike: fill(3), waitMs: 0 },
  { type: 'more', chunks: 1 },
  { type: 'cancel' },
  { type: 'cells', tag, root: fill(3), cells: cellsOf(1, 2, 3), full: false },
  { type: 'diff', tag, root: fill(3), ids: [short] },
  { type: 'outline', tag, ranges: [{ ...tip, have: [] }], assertions: 1024, bytes: 524_288 },
];

const answers: readonly Answer[] = [
  { type: 'hello', proof: helloProof(space, 'bob', 'alice'), clockMs, limits: peerLimits },
  { type: 'ping', clockMs, count: null },
  { type: 'ping', clockMs, count: 7 },
  { type: 'roots', root: fill(3), count: 2, flushed: fill(0), sketch: null },
  { type: 'roots', root: fill(3), count: 2, flushed: fill(3), sketch: sketchHead },
  { type: 'diff', difference: null },
  { type: 'diff', difference: { tips: [tip, { ...tip, author: fill(2, 4) }], lacks: [short] } },
  { type: 'ok' },
  { type: 'runs', runs: [fill(1, 4), fill(2, 5)], open: true, cursor: null },
  { type: 'runs', runs: [], open: false, cursor },
  { type: 'flushed', root: fill(3) },
  { type: 'busy', retryAfterMs: 250 },
  { type: 'denied', code: 'UNKNOWN_SPACE' },
  { type: 'stale' },
  { type: 'error', code: 'BAD_ENCODING', message: 'why' },
  { type: 'outline', cuts: [[{ range: 0, seq: 2, id: fill(5) }], [{ range: 0, seq: 3, id: fill(4) }]] },
];

/** Forty authors with one tip each: an inner root over leaves. */
function nodesAnswer(): { root: Uint8Array; answer: Answer } {
  const trie = Trie.of(
    Array.from({ length: 40 }, (_, i) => ({ author: fill(i), seq: i + 1, id: fill(100 + i) })),
  );
  const prefixes = [[], [0], [15], [1, 2, 3]].map((digits) => Uint8Array.from(digits));
  return { root: trie.root, answer: { type: 'nodes', nodes: nodeViews(trie, salt, prefixes) } };
}

function digests(): Digest[] {
  const nonce = fill(3, 16);
  const bloom = buildBloom(bloomKey(space.topic, nonce), [fill(1), fill(2), fill(3)]);
  const clock = [{ author: fill(2), seq: 9 }];
  return [
    { root: fill(3), nonce, hintCount: 3, clock, bloom },
    { root: fill(3), nonce, hintCount: 0, clock: [], bloom: null },
  ];
}

/** What `sync-vectors.json` holds. Request ids count up from 1. */
export function makeSyncVectors() {
  const { root, answer } = nodesAnswer();
  const push = encodePush(space.id, [fill(1, 4), fill(2, 30)]);
  const seal = new Seal(space, { bytes: (length) => fill(0x24, length), number: () => 0 });
  return {
    requests: requests.map((each, i) => ({ type: each.type, bytes: bytesToHex(encodeRequest(i + 1, each)) })),
    answers: answers.map((each, i) => ({ type: each.type, bytes: bytesToHex(encodeAnswer(i + 1, each)) })),
    nodes: { root: bytesToHex(root), salt: bytesToHex(salt), bytes: bytesToHex(encodeAnswer(1, answer)) },
    digests: digests().map((each) => bytesToHex(encodeDigest(each))),
    secretSpace: {
      genesis: bytesToHex(space.genesisBytes),
      secret: bytesToHex(secret),
      topic: space.topic,
      helloProofOfAliceToBob: bytesToHex(helloProof(space, 'alice', 'bob') as Uint8Array),
      push: bytesToHex(push),
      sealNonce: bytesToHex(fill(0x24, 24)),
      sealed: bytesToHex(seal.seal(push)),
    },
  };
}

if (import.meta.main) console.log(JSON.stringify(makeSyncVectors(), null, 2));
