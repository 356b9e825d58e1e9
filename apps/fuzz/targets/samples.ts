/** Sound things to spoil: values, chains, spaces. All from a seed. */
import fc from 'fast-check';
import { encodeClaims } from '../../../src/assertion/claims.ts';
import { type Assertion, kinds, type Run } from '../../../src/assertion/model.ts';
import { concatBytes, utf8 } from '../../../src/base/bytes.ts';
import type { StoreOp } from '../../../src/base/ports.ts';
import type { Value } from '../../../src/base/value.ts';
import { nodeCrypto } from '../../../src/crypto/crypto-node.ts';
import { hashSecret } from '../../../src/set/genesis.ts';
import { TestAuthor, testSpace } from '../../../src/testing/chains.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';

export const space = testSpace();
export const secretSpace = testSpace(
  { read: 'secret', secretHash: hashSecret(new Uint8Array(32).fill(7)) },
  new Uint8Array(32).fill(7),
);

const key = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', '__proto__', 'constructor', '0', 'é', '\uffff'),
);

/** Values as payloads may hold them. */
export const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constantFrom<Value>(null, true, false, 0, 23, 24, 256, 65_536, 2 ** 32, 2 ** 53 - 1, -1, 1.5, 5e-324),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.uint8Array({ maxLength: 80 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 6 })
      .map((entries) => Object.fromEntries(entries) as Value),
  ),
})).value;

export function sampled<T>(arbitrary: fc.Arbitrary<T>, count: number, seed: number): T[] {
  return fc.sample(arbitrary, { seed, numRuns: count });
}

/** Claims of all kinds, as payloads. */
export function payloads(count: number, seed: number): Uint8Array[] {
  return sampled(anyValue, count, seed).map((object, i) =>
    encodeClaims(
      Array.from({ length: 1 + (i % 4) * (i % 3) * 20 }, (_, n) => ({
        subject: `s${n}`,
        predicate: 'p',
        object: n === 0 ? object : n,
        confidence: n % 2 === 0 ? 1_000_000 : n,
      })),
    ),
  );
}

/** Runs of one author each: short and full, with parents, erased, with payloads of claims. */
export async function runs(count: number, seed: number): Promise<Run[]> {
  const random = new SeededRandom(seed);
  const made: Run[] = [];
  const payload = payloads(count, seed);
  for (let i = 0; i < count; i++) {
    const author = await TestAuthor.create(space, nodeCrypto(), i + 1);
    const parents = (made[i - 1]?.assertions ?? []).slice(0, random.integer(4));
    const chain = author.chain(i % 7 === 6 ? 128 : 1 + random.integer(6), undefined, (n) => ({
      kind: kinds.claim,
      payload: n === 0 ? (payload[i] as Uint8Array) : utf8(`${n}`),
      erased: random.integer(4) === 0,
      ...(n === 0 ? { parents } : {}),
    }));
    made.push(await author.run(chain));
    const last = chain.at(-1) as Assertion;
    if (i % 3 === 0) made.push(await author.run(author.chain(2, last)));
  }
  return made;
}

/** Rows with common prefixes, empty and large values, and deletions. */
export function rows(seed: number): StoreOp[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: 40 }, (_, i) => ({
    key: concatBytes(utf8(`key ${String(i).padStart(3, '0')}`), random.bytes(random.integer(9))),
    value: i % 5 === 4 ? undefined : random.bytes(random.integer(60)),
  }));
}
