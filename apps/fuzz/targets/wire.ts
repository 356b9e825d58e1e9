/** What comes on streams and by gossip. */

import { encodeRun } from '../../../src/assertion/run-codec.ts';
import { concatBytes, u32Bytes, utf8 } from '../../../src/base/bytes.ts';
import { CborReader } from '../../../src/base/cbor-reader.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { BlockReader, CONTROL_BIT, END } from '../../../src/net/frame-reader.ts';
import { decodeIntroductions, encodeIntroductions } from '../../../src/net/introductions.ts';
import { bloomKey, buildBloom } from '../../../src/set/bloom.ts';
import {
  packCells,
  packCounts,
  packShortIds,
  unpackCells,
  unpackCounts,
  unpackShortIds,
} from '../../../src/set/cells-codec.ts';
import { peel, Sketch } from '../../../src/set/sketch.ts';
import { decodeAnswer, encodeAnswer } from '../../../src/sync/answers.ts';
import { decodeDigest, encodeDigest, packDigest, unpackDigest } from '../../../src/sync/digest.ts';
import { anyAnswer, anyRequest } from '../../../src/sync/messages.fixture.ts';
import { decodePush, encodePush } from '../../../src/sync/push.ts';
import { decodeRequest, encodeRequest, readLimits } from '../../../src/sync/requests.ts';
import { Seal } from '../../../src/sync/seal.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';
import type { Target } from '../target.ts';
import { runs, sampled, secretSpace, space } from './samples.ts';

const CELLS_MAX = 2048;

/** Sketches of small and large sets. */
function sketches(seed: number): Sketch[] {
  const random = new SeededRandom(seed);
  return [1, 3, 30, 1000].map((entries) => {
    const sketch = new Sketch();
    for (let i = 0; i < entries; i++) sketch.add(random.bytes(32));
    return sketch;
  });
}

function digests(seed: number) {
  const random = new SeededRandom(seed);
  return [0, 1, 20, 900].map((hintCount) => {
    const nonce = random.bytes(16);
    const ids = Array.from({ length: hintCount }, () => random.bytes(32));
    const clock = Array.from({ length: hintCount % 50 }, (_, i) => ({ author: random.bytes(32), seq: i }));
    const bloom = hintCount === 0 ? null : buildBloom(bloomKey(space.topic, nonce), ids);
    return { root: random.bytes(32), nonce, hintCount, clock, bloom };
  });
}

/** A hello holds what the other side accepts: it is cut to our own limits when it is read. */
function isCutDown(frame: Uint8Array): boolean {
  const reader = new CborReader(frame);
  reader.array(3, 3);
  reader.uint();
  const number = reader.uint();
  if (number !== 1 && number !== 65) return false;
  reader.array(4);
  if (number === 1) reader.hash();
  reader.hashOrNull();
  reader.uint();
  const at = reader.position;
  readLimits(reader);
  return at > 0;
}

const mine = sketches(0)[3] as Sketch;
const seal = new Seal(secretSpace, new SeededRandom(1));
/** Later versions may ask what this one does not know, with any body. */
const isUnknown = ({ type }: { readonly type: string }) => type === 'unknown';

export const wireTargets: readonly Target[] = [
  {
    name: 'request',
    sound: (seed) => sampled(anyRequest, 150, seed).map((request, i) => encodeRequest(i, request)),
    decode: (bytes) => {
      const { id, request } = decodeRequest(bytes);
      if (isUnknown(request) || isCutDown(bytes)) return undefined;
      return encodeRequest(id, request as Parameters<typeof encodeRequest>[1]);
    },
    share: 4,
  },
  {
    name: 'answer',
    sound: (seed) => sampled(anyAnswer, 150, seed).map((answer, i) => encodeAnswer(i, answer)),
    decode: (bytes) => {
      const { id, answer } = decodeAnswer(bytes);
      return isCutDown(bytes) ? undefined : encodeAnswer(id, answer);
    },
    share: 4,
  },
  {
    name: 'push',
    sound: async (seed) => {
      const encoded = (await runs(8, seed)).map(encodeRun);
      return encoded.map((_, i) => encodePush(space.id, encoded.slice(i, i + 1 + (i % 3))));
    },
    decode: (bytes) => encodePush(space.id, decodePush(bytes, space.id).map(encodeRun)),
    share: 0.5,
  },
  {
    name: 'sealed push',
    kind: 'bytes',
    sound: () => [0, 1, 500].map((length) => seal.seal(new Uint8Array(length))),
    decode: (bytes) => void seal.open(bytes),
    share: 0.2,
  },
  {
    name: 'digest',
    sound: (seed) => digests(seed).map(encodeDigest),
    decode: (bytes) => encodeDigest(decodeDigest(bytes)),
  },
  {
    name: 'packed digest',
    isWhole: false,
    kind: 'bytes',
    sound: async (seed) => {
      const bombs = [new Uint8Array(120_000), new Uint8Array(900_000)].map(async (plain) =>
        Buffer.from(
          await new Response(
            new Blob([plain]).stream().pipeThrough(new CompressionStream('deflate-raw')),
          ).arrayBuffer(),
        ),
      );
      const packed = digests(seed).map(async (digest) => (await packDigest(space.tag, digest)).body);
      return Promise.all([...packed, ...bombs]);
    },
    decode: (body) =>
      unpackDigest({ type: 'digest', tag: space.tag, packed: true, body }).then(() => undefined),
    share: 0.05,
  },
  {
    name: 'cells',
    kind: 'bytes',
    sound: (seed) => sketches(seed).flatMap((sketch) => [1, 16, 200].map((n) => packCells(sketch.cells(n)))),
    decode: (bytes) => packCells(unpackCells(bytes, CELLS_MAX)),
  },
  {
    name: 'peeled cells',
    kind: 'bytes',
    sound: (seed) => sketches(seed).flatMap((sketch) => [16, 256].map((n) => packCells(sketch.cells(n)))),
    decode: (bytes) => {
      peel(mine.cells(), unpackCells(bytes, CELLS_MAX));
      return undefined;
    },
    share: 0.5,
  },
  {
    name: 'counts',
    kind: 'bytes',
    sound: (seed) => sketches(seed).map((sketch) => packCounts(sketch.cells(64).counts, 16)),
    decode: (bytes) => packCounts(unpackCounts(bytes, mine.cells(16).counts, 64), 16),
  },
  {
    name: 'short ids',
    kind: 'bytes',
    sound: () => [0, 1, 40].map((length) => packShortIds(new Array(length).fill({ high: 1, low: 2 }))),
    decode: (bytes) => packShortIds(unpackShortIds(bytes, CELLS_MAX)),
    share: 0.2,
  },
  {
    name: 'frames',
    kind: 'bytes',
    sound: () => [
      concatBytes(u32Bytes(5), new Uint8Array(5), u32Bytes(CONTROL_BIT + 900), u32Bytes(0), u32Bytes(END)),
      concatBytes(u32Bytes(70_000), new Uint8Array(70_000), u32Bytes(1), Uint8Array.of(1)),
    ],
    decode: (bytes) => {
      const reader = new BlockReader();
      // Cut where its own bytes say, so that headers and frames come in every kind of pieces.
      for (let at = 0; at < bytes.length; ) {
        const step = (at < 200 ? 1 : 4000) + ((bytes[at] as number) % 7);
        for (const block of reader.push(bytes.subarray(at, at + step)))
          if (block.type === 'end') return undefined;
        at += step;
      }
      return undefined;
    },
    share: 0.3,
  },
  {
    name: 'introductions',
    sound: () => [
      encodeIntroductions([]),
      encodeIntroductions([
        { peerId: 'peer-1', viaHost: true, addresses: ['/ip4/127.0.0.1/tcp/1', '/dns4/é/tcp/2/ws'] },
        { peerId: 'peer-2', viaHost: false, addresses: [] },
      ]),
    ],
    decode: (bytes) => encodeIntroductions(decodeIntroductions(bytes)),
  },
  {
    name: 'address',
    kind: 'text',
    sound: () =>
      [
        '/ip4/127.0.0.1/tcp/4411/ws/p2p/12D3KooWGC6TvWhfapngX6wvJHvMcgs1YJJbD9RhkuJKz3mBQGQv',
        '/ip6/::1/udp/9/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g',
        '/dns4/example.org/tcp/443/wss/p2p-circuit/webrtc',
        '/unix/%2Ftmp%2Fx',
      ].map(utf8),
    decode: (bytes) => void parseAddress(new TextDecoder().decode(bytes)),
    share: 0.3,
  },
];
