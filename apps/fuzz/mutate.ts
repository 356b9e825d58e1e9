/**
 * Spoils sound encodings, from a seed: bits, cuts, splices, and what the structure of CBOR invites to:
 * lengths, types, numbers in wide forms, keys twice, nesting. One generator for every decoder.
 */
import { concatBytes, utf8 } from '../../src/base/bytes.ts';
import type { SeededRandom } from '../../src/testing/seeded-random.ts';
import { headOf, type Item, itemsOf } from './cbor-items.ts';

/** Arguments at which something may end: widths of heads, limits of the protocol, what no double tells apart. */
const EXTREMES: readonly number[] = [
  0,
  1,
  2,
  23,
  24,
  31,
  32,
  33,
  64,
  127,
  128,
  255,
  256,
  1000,
  1001,
  4095,
  4096,
  4097,
  16_384,
  61_440,
  65_535,
  65_536,
  131_072,
  1_048_576,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  0x100000000,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  2 ** 64 - 2048,
];
const BYTES: readonly number[] = [
  0, 1, 0x7f, 0x80, 0xff, 0x18, 0x1b, 0x40, 0x60, 0x80, 0xa0, 0xf4, 0xf6, 0xfb,
];
/** No mutation makes more of it: a frame. */
const GROWN_MAX = 1_048_576;

type Mutation = (bytes: Uint8Array, random: SeededRandom, pool: readonly Uint8Array[]) => Uint8Array;

const pick = <T>(items: readonly T[], random: SeededRandom): T => items[random.integer(items.length)] as T;

/** The bytes with those from one place to another replaced. */
function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return concatBytes(bytes.subarray(0, from), by, bytes.subarray(to));
}

function itemOf(bytes: Uint8Array, random: SeededRandom, isFit: (item: Item) => boolean): Item | undefined {
  const items = itemsOf(bytes).filter(isFit);
  return items.length === 0 ? undefined : pick(items, random);
}

const any = () => true;
const spanOf = (bytes: Uint8Array, { at, end }: Item) => bytes.subarray(at, end);

/** A mutation of one item; the bytes as they were where there is none. */
function ofItem(
  isFit: (item: Item) => boolean,
  by: (item: Item, bytes: Uint8Array, random: SeededRandom, pool: readonly Uint8Array[]) => Uint8Array,
  what: 'head' | 'all' = 'all',
): Mutation {
  return (bytes, random, pool) => {
    const item = itemOf(bytes, random, isFit);
    if (item === undefined) return bytes;
    const to = what === 'head' ? item.at + item.head : item.end;
    return replaced(bytes, item.at, to, by(item, bytes, random, pool));
  };
}

const plain: readonly Mutation[] = [
  function bitFlip(bytes, random) {
    const at = random.integer(bytes.length);
    return bytes.with(at, (bytes[at] as number) ^ (1 << random.integer(8)));
  },
  function byteChange(bytes, random) {
    const byte = random.integer(2) === 0 ? pick(BYTES, random) : random.integer(256);
    return bytes.with(random.integer(bytes.length), byte);
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.integer(bytes.length));
  },
  function remove(bytes, random) {
    const from = random.integer(bytes.length);
    return replaced(bytes, from, from + 1 + random.integer(8), new Uint8Array(0));
  },
  function insert(bytes, random) {
    const at = random.integer(bytes.length + 1);
    return replaced(bytes, at, at, random.bytes(1 + random.integer(8)));
  },
  function repeat(bytes, random) {
    const from = random.integer(bytes.length);
    const part = bytes.subarray(from, from + 1 + random.integer(64));
    return replaced(bytes, from, from, concatBytes(...new Array(1 + random.integer(40)).fill(part)));
  },
  function splice(bytes, random, pool) {
    const other = pick(pool, random);
    return concatBytes(
      bytes.subarray(0, random.integer(bytes.length + 1)),
      other.subarray(random.integer(other.length + 1)),
    );
  },
];

const structural: readonly Mutation[] = [
  ofItem(
    any,
    ({ major }, _, random) => headOf(major, pick(EXTREMES, random)), // a length, a count or a number
    'head',
  ),
  ofItem(
    ({ major }) => major < 6,
    ({ major, argument }, _, random) => headOf(major, argument + random.integer(5) - 2 || 0),
    'head',
  ),
  ofItem(
    ({ major }) => major < 6,
    ({ major, argument }, _, random) => headOf(major, argument, pick([1, 2, 4, 8] as const, random)),
    'head',
  ),
  ofItem(
    ({ major }) => major < 6,
    ({ argument }, _, random) => headOf(random.integer(8), argument),
    'head',
  ),
  ofItem(any, () => new Uint8Array(0)),
  ofItem(any, (item, bytes) => concatBytes(spanOf(bytes, item), spanOf(bytes, item))),
  ofItem(any, (item, bytes, random) => {
    const other = itemOf(bytes, random, any) ?? item;
    return spanOf(bytes, other);
  }),
  ofItem(any, (item, _, random, pool) => {
    const other = pick(pool, random);
    const from = itemOf(other, random, any);
    return from === undefined ? Uint8Array.of(item.major << 5) : spanOf(other, from);
  }),
  ofItem(any, (_, __, random) => Uint8Array.of(pick([0xf4, 0xf5, 0xf6, 0xf7, 0xff, 0x9f, 0xc0], random))),
  ofItem(any, (item, bytes, random) =>
    concatBytes(
      new Uint8Array(pick([1, 8, 31, 32, 33, 5000], random)).fill(pick([0x81, 0xa1, 0x9f], random)),
      spanOf(bytes, item),
    ),
  ),
  // A string whose length is right, and what is in it is not.
  ofItem(
    ({ major, argument }) => (major === 2 || major === 3) && argument > 0,
    (item, bytes, random, pool) => {
      const inside = bytes.subarray(item.at + item.head, item.end);
      const content = inside.length === 0 ? inside : once(inside, random, pool);
      return concatBytes(headOf(item.major, content.length), content);
    },
  ),
  // An array or map with as many items as its head says, one of them many times.
  ofItem(
    ({ major, argument }) => major === 4 && argument > 0,
    (item, bytes, random) => {
      const inside = bytes.subarray(item.at + item.head, item.end);
      const first = itemsOf(inside)[0];
      if (first === undefined) return inside;
      const one = spanOf(inside, first);
      const times = Math.min(pick(EXTREMES, random), 5000, Math.floor(GROWN_MAX / (one.length + 1)));
      const many = new Uint8Array(one.length * times);
      for (let i = 0; i < times; i++) many.set(one, i * one.length);
      return concatBytes(headOf(4, item.argument + times), many, inside);
    },
  ),
];

function once(bytes: Uint8Array, random: SeededRandom, pool: readonly Uint8Array[]): Uint8Array {
  if (bytes.length === 0) return random.bytes(1 + random.integer(16));
  return pick(random.integer(3) === 0 ? plain : structural, random)(bytes, random, pool);
}

/** What texts are spoiled with, beside bits and cuts. */
const TOKENS: readonly Uint8Array[] = [
  ...[
    '"',
    '""',
    ',',
    '\r\n',
    '\n',
    '\\',
    '\\u0000',
    '\\ud800',
    '{',
    '}',
    '[',
    ']',
    ':',
    'null',
    '1e999',
    '-0',
  ],
  ...[
    '__proto__',
    'constructor',
    '"__proto__":',
    'toString',
    '9007199254740993',
    '\ufeff',
    '\u0000',
    '{"$bytes":"',
  ],
  ...[
    '"'.repeat(2000),
    '['.repeat(5000),
    '{"a":'.repeat(5000),
    'é',
    '\u{1f600}',
    ' '.repeat(1000),
    '%00',
    '/../',
  ],
].map(utf8);

function textOnce(bytes: Uint8Array, random: SeededRandom, pool: readonly Uint8Array[]): Uint8Array {
  if (random.integer(2) === 0 && bytes.length > 0) return pick(plain, random)(bytes, random, pool);
  const at = random.integer(bytes.length + 1);
  return replaced(bytes, at, at + random.integer(3), pick(TOKENS, random));
}

/** One to five mutations of one of the pool. */
export function mutate(
  bytes: Uint8Array,
  random: SeededRandom,
  pool: readonly Uint8Array[],
  kind: 'cbor' | 'text' | 'bytes' = 'cbor',
): Uint8Array {
  let spoiled = bytes;
  const times = 1 + Math.min(4, Math.floor(-Math.log2(1 - random.number())));
  for (let i = 0; i < times && spoiled.length <= GROWN_MAX; i++) {
    if (kind === 'text') spoiled = textOnce(spoiled, random, pool);
    else if (kind === 'bytes' && spoiled.length > 0) spoiled = pick(plain, random)(spoiled, random, pool);
    else spoiled = once(spoiled, random, pool);
  }
  return spoiled.length > GROWN_MAX ? spoiled.slice(0, GROWN_MAX) : spoiled;
}
