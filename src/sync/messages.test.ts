import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { decodeAnswer, encodeAnswer } from './answers.ts';
import { anyAnswer, anyRequest } from './messages.fixture.ts';
import type { Answer, Request } from './messages.ts';
import { decodeRequest, encodeRequest } from './requests.ts';

/** A frame with one byte changed, cut off, or added. */
function damaged(frame: Uint8Array, at: number, how: number): Uint8Array {
  const place = at % frame.length;
  if (how === 0) return frame.slice(0, place);
  if (how === 1) return Uint8Array.from([...frame, at & 255]);
  return frame.with(place, ((frame[place] as number) + how) & 255);
}

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe.each([
  ['requests', anyRequest, encodeRequest, (bytes: Uint8Array) => decodeRequest(bytes)],
  ['answers', anyAnswer, encodeAnswer, (bytes: Uint8Array) => decodeAnswer(bytes)],
] as const)('%s', (kind, message, encode, decode) => {
  const encoded = fc.tuple(count, message as fc.Arbitrary<never>).map(([id, each]) => encode(id, each));

  test('come out of their bytes as they went in, all 64 bits of times and counts kept [STS-18] [STS-19]', () => {
    fc.assert(
      fc.property(count, message as fc.Arbitrary<never>, (id, each) => {
        const decoded = decode(encode(id, each)) as unknown;
        expect(decoded).toEqual({ id, [kind === 'requests' ? 'request' : 'answer']: each });
      }),
    );
  });

  test('damaged bytes are refused, or are the one encoding of something else [STS-07] [STS-18]', () => {
    fc.assert(
      fc.property(encoded, fc.nat(), fc.nat(255), (bytes, at, how) => {
        const frame = damaged(bytes, at, how);
        let decoded: unknown;
        try {
          decoded = decode(frame);
        } catch (error) {
          expect(isAverError(error, 'BAD_ENCODING')).toBe(true);
          return;
        }
        const { id, request: asked, answer: said } = decoded as { [key: string]: { type: string } | number };
        const again = (asked ?? said) as { type: string };
        // Advertised limits are cut to our own when they are read.
        if (again.type === 'unknown' || again.type === 'hello') return;
        expect(encode(id as number, again as never)).toEqual(frame);
      }),
      { numRuns: 2000 },
    );
  });
});

test('a request for 1000 ids is read, one for 1001 is refused with its id [STS-13]', () => {
  const ids = (n: number) => Array.from({ length: n }, () => new Uint8Array(32));
  const tag = new Uint8Array(32);
  const read = decodeRequest(encodeRequest(7, { type: 'fetch', tag, ids: ids(limits.fetchIdsMax) }));
  expect(read.request).toMatchObject({ type: 'fetch' });
  expect(() => decodeRequest(encodeRequest(7, { type: 'fetch', tag, ids: ids(1001) }))).toThrow(
    expect.objectContaining({ code: 'BAD_ENCODING', fields: { request: 7 } }),
  );
});

test('an outline of as many ends as there may be is read, one more is refused', () => {
  const end = { range: 0, seq: 1, id: new Uint8Array(32) };
  const outline = (...lengths: number[]): Answer => ({
    type: 'outline',
    cuts: lengths.map((length) => new Array<typeof end>(length).fill(end)),
  });
  const half = limits.outlineEndsMax / 2;
  expect(decodeAnswer(encodeAnswer(1, outline(half, half))).answer).toEqual(outline(half, half));
  expect(() => decodeAnswer(encodeAnswer(1, outline(half, half, 1)))).toThrow();
});

test('a peer that advertises no limits or enormous ones gets sensible ones', () => {
  const hello = (n: number) =>
    decodeRequest(
      encodeRequest(1, {
        type: 'hello',
        tag: new Uint8Array(32),
        proof: null,
        clockMs: 0,
        limits: { chunkBytes: n, fetchIds: n, pullRanges: n, nodePrefixes: n, requestsOpen: n },
      }),
    ).request as Request & { type: 'hello' };
  expect(Object.values(hello(0).limits)).toEqual([1, 1, 1, 1, 1]);
  expect(hello(Number.MAX_SAFE_INTEGER).limits).toEqual({
    chunkBytes: limits.chunkBytesMax,
    fetchIds: limits.fetchIdsMax,
    pullRanges: limits.pullRangesMax,
    nodePrefixes: limits.nodePrefixesMax,
    requestsOpen: limits.requestsOpenPerPeerMax,
  });
});

test('a request type of a later version is told apart from garbage', () => {
  expect(decodeRequest(Uint8Array.of(0x83, 5, 22, 0xf6))).toEqual({
    id: 5,
    request: { type: 'unknown', number: 22 },
  });
});
