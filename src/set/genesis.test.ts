import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, hexToBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { blake3, domains } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { decodeGenesis, encodeGenesis, type Genesis, hashSecret, identifySpace } from './genesis.ts';
import vectors from './set-vectors.json' with { type: 'json' };

const SECRET = new Uint8Array(32).fill(7);
const key = (n: number) => new Uint8Array(32).fill(n);
const genesis: Genesis = {
  name: 'n',
  write: 'open',
  read: 'open',
  pow: [[10, 16]],
  payloadBytesMax: 61_440,
  admitters: [],
  secretHash: null,
  createdMs: 5,
  nonce: new Uint8Array(16),
};
const invited: Partial<Genesis> = { write: 'invited', pow: [], admitters: [key(1), key(2)] };

test.each([{}, invited, { read: 'secret', secretHash: hashSecret(SECRET) }, { name: '水'.repeat(80) }])(
  'a genesis reads as what was written %#',
  (parts) => {
    const given = { ...genesis, ...parts } as Genesis;
    expect(decodeGenesis(encodeGenesis(given))).toEqual(given);
  },
);

test.each<[string, Partial<Genesis>]>([
  ['without a name', { name: '' }],
  ['with too long a name', { name: 'x'.repeat(257) }],
  ['invited by nobody', { write: 'invited', pow: [] }],
  ['open with admitters', { admitters: [key(1)] }],
  ['invited with work', { ...invited, pow: [[1, 1]] }],
  ['secret without a secret', { read: 'secret' }],
  ['open with a secret', { secretHash: key(1) }],
  ['with unsorted admitters', { ...invited, admitters: [key(2), key(1)] }],
  ['with an admitter twice', { ...invited, admitters: [key(1), key(1)] }],
  [
    'with levels of work that do not ascend',
    {
      pow: [
        [5, 8],
        [5, 4],
      ],
    },
  ],
  ['with work up to seq 0', { pow: [[0, 8]] }],
  ['with more work than a browser can do', { pow: [[5, limits.powBitsMax + 1]] }],
  ['with too many levels of work', { pow: Array.from({ length: 9 }, (_, i) => [i + 1, 1] as const) }],
  ['that allows no payload', { payloadBytesMax: 0 }],
  ['that allows more than an assertion holds', { payloadBytesMax: limits.assertionBytesMax + 1 }],
  ['with a short nonce', { nonce: new Uint8Array(15) }],
])('a genesis %s is refused', (_, parts) => {
  expect(() => decodeGenesis(encodeGenesis({ ...genesis, ...parts }))).toThrow(
    expect.objectContaining({ code: 'BAD_GENESIS' }),
  );
});

test('a genesis of a newer version asks for an update, one that is too large is refused', () => {
  const bytes = encodeGenesis(genesis);
  bytes[1] = 2;
  expect(() => decodeGenesis(bytes)).toThrow(expect.objectContaining({ code: 'INVITE_VERSION' }));
  expect(() => decodeGenesis(new Uint8Array(limits.genesisBytesMax + 1))).toThrow(
    expect.objectContaining({ code: 'BAD_GENESIS' }),
  );
});

test('whatever bytes come: they are one genesis, or refused with a code', () => {
  const base = encodeGenesis({ ...genesis, ...invited });
  const changes = fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(changes, fc.nat(4), (edits, cut) => {
      const bytes = base.slice(0, base.length - cut);
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
      try {
        expect(equalBytes(encodeGenesis(decodeGenesis(bytes)), bytes)).toBe(true);
      } catch (error) {
        if (!(error instanceof AverError)) throw error;
        expect(['BAD_GENESIS', 'INVITE_VERSION']).toContain(error.code);
      }
    }),
    { numRuns: 1000 },
  );
});

describe('a space', () => {
  test('is named by the hash of its genesis', () => {
    for (const vector of vectors.spaces) {
      const bytes = hexToBytes(vector.genesis);
      expect(blake3(domains.genesis, bytes)).toEqual(hexToBytes(vector.id));
    }
  });

  test('with a secret needs the right one, of 32 bytes, and hides its id from the wire', () => {
    const bytes = encodeGenesis({ ...genesis, read: 'secret', secretHash: hashSecret(SECRET) });
    const space = identifySpace(bytes, SECRET);
    expect(space.topic).not.toContain(Buffer.from(space.id).toString('hex'));
    expect(() => identifySpace(bytes)).toThrow(expect.objectContaining({ code: 'SECRET_NEEDED' }));
    expect(() => identifySpace(bytes, key(8))).toThrow(expect.objectContaining({ code: 'BAD_INVITE' }));
    const short = Uint8Array.of(1, 2, 3);
    const odd = encodeGenesis({ ...genesis, read: 'secret', secretHash: hashSecret(short) });
    expect(() => identifySpace(odd, short)).toThrow(expect.objectContaining({ code: 'BAD_INVITE' }));
  });

  test('keeps bytes of its own', () => {
    const frame = encodeGenesis({ ...genesis, ...invited });
    const space = identifySpace(frame);
    frame.fill(0);
    expect(space.genesis.admitters).toEqual([key(1), key(2)]);
    expect(decodeGenesis(space.genesisBytes).name).toBe('n');
  });
});
