/**
 * Makes `assertion-vectors.json`: assertions and runs byte for byte, for other implementations and
 * against silent change. Bytes are in hex, 64-bit numbers in decimal text.
 * Made again by `node src/assertion/assertion-vectors.ts`.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { encodeClaims } from './claims.ts';
import { encodeHeader, hashPayload, identify, signedMessage } from './codec.ts';
import { hlcBytes, hlcNodeId } from './hlc.ts';
import type { Assertion, Header, Hlc } from './model.ts';
import { withPow } from './pow.ts';
import { encodeRun } from './run-codec.ts';

interface HeaderFields {
  readonly kind: number;
  readonly seq: number;
  readonly prev: string | null;
  readonly parents: readonly string[];
  readonly hlc: { readonly time: string; readonly counter: number };
  readonly basis: string | null;
  readonly pow: string | null;
  readonly admit: readonly (readonly [admitter: number, signature: string])[] | null;
  readonly payload: string;
}

const repeated = (byte: string, length: number) => byte.repeat(length);
const SEED = repeated('01', 32);
const SPACE = repeated('5a', 32);
const AUTHOR = bytesToHex(ed25519.getPublicKey(hexToBytes(SEED)));

const plain: HeaderFields = {
  kind: 1,
  seq: 1,
  prev: null,
  parents: [],
  hlc: { time: '1700000000000000000', counter: 0 },
  basis: null,
  pow: null,
  admit: null,
  payload: bytesToHex(
    encodeClaims([{ subject: 'a', predicate: 'b', object: { n: 1, t: 'ü' }, confidence: 1_000_000 }]),
  ),
};

const CASES: readonly (readonly [name: string, fields: HeaderFields])[] = [
  ['the first of a chain, a claim', plain],
  ['an empty payload, time and counter at zero', { ...plain, payload: '', hlc: { time: '0', counter: 0 } }],
  [
    'every field at its largest',
    {
      kind: 0xffff,
      seq: Number.MAX_SAFE_INTEGER,
      prev: repeated('ff', 32),
      parents: Array.from({ length: 16 }, (_, i) => (i + 0xe0).toString(16).repeat(32)),
      hlc: { time: '18446744073709551615', counter: 0xffffffff },
      basis: repeated('fe', 32),
      pow: repeated('fd', 8),
      admit: [60, 61, 62, 63].map((admitter) => [admitter, repeated('fc', 64)] as const),
      payload: repeated('fb', 300),
    },
  ],
  [
    'time beyond 2^53',
    { ...plain, seq: 2, prev: repeated('aa', 32), hlc: { time: '9007199254740993', counter: 7 } },
  ],
  ['with work', { ...plain, pow: '0000000000001234' }],
  ['with an admission', { ...plain, admit: [[3, repeated('ab', 64)]] }],
  ['with a basis and no proof', { ...plain, basis: repeated('bb', 32) }],
];

export function headerOf(fields: HeaderFields): Header {
  const payload = hexToBytes(fields.payload);
  const { pow, admit } = fields;
  return {
    space: hexToBytes(SPACE),
    kind: fields.kind,
    author: hexToBytes(AUTHOR),
    seq: fields.seq,
    prev: fields.prev === null ? null : hexToBytes(fields.prev),
    parents: fields.parents.map((parent) => hexToBytes(parent)),
    hlc: { time: BigInt(fields.hlc.time), counter: fields.hlc.counter },
    payloadHash: hashPayload(payload),
    payloadSize: payload.length,
    basis: fields.basis === null ? null : hexToBytes(fields.basis),
    proof:
      pow === null && admit === null
        ? null
        : {
            pow: pow === null ? null : hexToBytes(pow),
            admit:
              admit?.map(([admitter, signature]) => ({ admitter, signature: hexToBytes(signature) })) ?? null,
          },
  };
}

/** Three assertions of one chain; the second builds on something, the third has a counter and no payload left. */
function chain(): Assertion[] {
  const first = identify(headerOf(plain), hexToBytes(plain.payload));
  const second = identify(
    {
      ...headerOf({ ...plain, seq: 2, hlc: { time: '1700000000000000001', counter: 0 }, payload: '00' }),
      prev: first.id,
      parents: [hexToBytes(repeated('11', 32)), hexToBytes(repeated('22', 32))],
    },
    Uint8Array.of(0),
  );
  const third = identify(
    {
      ...headerOf({ ...plain, seq: 3, hlc: { time: '1700000000000000001', counter: 5 }, payload: 'c0ffee' }),
      prev: second.id,
    },
    undefined,
  );
  return [first, second, third];
}

const READINGS: readonly Hlc[] = [
  { time: 0n, counter: 0 },
  { time: 0n, counter: 0xffffffff },
  { time: 1n, counter: 0 },
  { time: 2n ** 53n + 1n, counter: 1 },
  { time: 2n ** 64n - 1n, counter: 0xffffffff },
];

/** Sorted by their bytes, which is the order of time. */
function hlcVectors() {
  return READINGS.map((reading) => ({
    time: `${reading.time}`,
    counter: reading.counter,
    bytes: bytesToHex(hlcBytes(reading)),
  }));
}

function runVector() {
  const assertions = chain();
  const last = assertions.at(-1) as Assertion;
  const signature = ed25519.sign(signedMessage(last.id), hexToBytes(SEED));
  return {
    bytes: bytesToHex(encodeRun({ author: hexToBytes(AUTHOR), assertions, signature })),
    ids: assertions.map(({ id }) => bytesToHex(id)),
    signedMessage: bytesToHex(signedMessage(last.id)),
    signature: bytesToHex(signature),
  };
}

/** The least nonces that do the work for the first vector's header. */
function powVectors() {
  return Promise.all(
    [1, 8, 12].map(async (bits) => {
      const worked = await withPow(headerOf(plain), bits);
      return { bits, nonce: bytesToHex(worked.proof?.pow as Uint8Array) };
    }),
  );
}

export async function makeAssertionVectors() {
  return {
    seed: SEED,
    author: AUTHOR,
    space: SPACE,
    nodeId: bytesToHex(hlcNodeId(hexToBytes(AUTHOR))),
    assertions: CASES.map(([name, fields]) => {
      const header = headerOf(fields);
      return {
        name,
        fields,
        header: bytesToHex(encodeHeader(header)),
        payloadHash: bytesToHex(header.payloadHash),
        id: bytesToHex(identify(header, undefined).id),
      };
    }),
    run: runVector(),
    hlc: hlcVectors(),
    pow: await powVectors(),
  };
}

if (import.meta.main) console.log(JSON.stringify(await makeAssertionVectors(), null, 2));
