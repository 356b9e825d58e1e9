/**
 * Makes `set-vectors.json`: what peers must compute alike about a space and its set, for other
 * implementations and against silent change. Bytes are in hex. Made again by `node src/set/set-vectors.ts`.
 */
import { bytesToHex, u32Bytes } from '../base/bytes.ts';
import { blake3 } from '../base/hash.ts';
import { bloomKey, buildBloom } from './bloom.ts';
import { encodeGenesis, type Genesis, hashSecret, identifySpace } from './genesis.ts';
import { Trie } from './trie.ts';
import type { Tip } from './trie-entry.ts';

const SECRET = new Uint8Array(32).fill(7);
const open: Genesis = {
  name: 'Küche',
  write: 'open',
  read: 'open',
  pow: [
    [10, 16],
    [25, 12],
    [49, 8],
  ],
  payloadBytesMax: 61_440,
  admitters: [],
  secretHash: null,
  createdMs: 1_700_000_000_000,
  nonce: new Uint8Array(16).fill(9),
};
const closed: Genesis = {
  ...open,
  write: 'invited',
  read: 'secret',
  pow: [],
  payloadBytesMax: 61_440,
  admitters: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
  secretHash: hashSecret(SECRET),
};

function spaceVector(genesis: Genesis, secret?: Uint8Array) {
  const bytes = encodeGenesis(genesis);
  const { id, tag, topic } = identifySpace(bytes, secret);
  return {
    name: genesis.name,
    genesis: bytesToHex(bytes),
    secret: secret === undefined ? null : bytesToHex(secret),
    id: bytesToHex(id),
    tag: bytesToHex(tag),
    topic,
  };
}

const number = (n: number) => blake3(u32Bytes(n));

/** Tips 0 to `count` − 1; every fourth belongs to one author, who forked. */
function tips(count: number): Tip[] {
  return Array.from({ length: count }, (_, n) => ({
    author: number(n % 4 === 0 ? 1_000_000 : n),
    seq: n + 1,
    id: number(2_000_000 + n),
  }));
}

export function makeSetVectors() {
  const key = bloomKey('/aver/1/00', new Uint8Array(16).fill(1));
  return {
    spaces: [spaceVector(open), spaceVector(closed, SECRET)],
    tip: (({ author, seq, id }: Tip) => ({ author: bytesToHex(author), seq, id: bytesToHex(id) }))(
      tips(2)[1] as Tip,
    ),
    roots: [0, 1, 2, 32, 33, 1000].map((count) => ({
      tips: count,
      root: bytesToHex(Trie.of(tips(count)).root),
    })),
    bloomKey: bytesToHex(key),
    blooms: [0, 1, 10, 100].map((count) => {
      const { hashes, bits } = buildBloom(
        key,
        Array.from({ length: count }, (_, n) => number(n)),
      );
      return { ids: count, hashes, bits: bytesToHex(bits) };
    }),
  };
}

if (import.meta.main) console.log(JSON.stringify(makeSetVectors(), null, 2));
