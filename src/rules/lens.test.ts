import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hlcNodeId } from '../assertion/hlc.ts';
import type { Assertion } from '../assertion/model.ts';
import { compareBytes } from '../base/bytes.ts';
import { type Candidate, lensNamed, resolve } from './lens.ts';

const HASH = fc.uint8Array({ minLength: 32, maxLength: 32 });

const CANDIDATE: fc.Arbitrary<Candidate> = fc
  .record({
    id: HASH,
    author: HASH,
    // Few values, so that ties of every kind happen.
    time: fc.bigInt({ min: 0n, max: 2n }),
    counter: fc.nat({ max: 1 }),
    claimIndex: fc.nat({ max: 1 }),
  })
  .map(({ id, author, time, counter, claimIndex }) => ({
    claim: { subject: 's', predicate: 'p', object: null, confidence: 1_000_000 },
    claimIndex,
    assertion: { id, author, hlc: { time, counter } } as unknown as Assertion,
  }));

describe('the latest lens', () => {
  const latest = lensNamed();

  it('orders any candidates alike, in whatever order they come [STC-14][STC-21]', () => {
    fc.assert(
      fc.property(
        fc.array(CANDIDATE, { maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        (candidates, chance) => {
          const shuffled = candidates
            .map((candidate) => ({ candidate, at: chance.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ candidate }) => candidate);
          expect(resolve(latest, shuffled)).toEqual(resolve(latest, candidates));
        },
      ),
    );
  });

  it('is a total order: two different claims never tie [STC-06][STC-15]', () => {
    fc.assert(
      fc.property(CANDIDATE, CANDIDATE, (a, b) => {
        const same = compareBytes(a.assertion.id, b.assertion.id) === 0 && a.claimIndex === b.claimIndex;
        if (!same) expect(latest.compare(a, b)).not.toBe(0);
        expect(Math.sign(latest.compare(a, b))).toBe(-Math.sign(latest.compare(b, a)) + 0);
      }),
    );
  });

  it('takes the later time, then the higher counter, then the higher node id [STC-15][STC-19][STC-28]', () => {
    const at = (time: bigint, counter: number, author: number): Candidate => ({
      claim: { subject: 's', predicate: 'p', object: null, confidence: 1_000_000 },
      claimIndex: 0,
      assertion: {
        id: new Uint8Array(32),
        author: new Uint8Array(32).fill(author),
        hlc: { time, counter },
      } as never,
    });
    expect(resolve(latest, [at(1n, 9, 1), at(2n, 0, 1)])[0]?.assertion.hlc.time).toBe(2n);
    expect(resolve(latest, [at(1n, 0, 1), at(1n, 1, 1)])[0]?.assertion.hlc.counter).toBe(1);
    const [first, second] = resolve(latest, [at(1n, 0, 1), at(1n, 0, 2)]).map(({ assertion }) =>
      hlcNodeId(assertion.author),
    );
    expect(compareBytes(first as Uint8Array, second as Uint8Array)).toBeGreaterThan(0);
  });

  it('names the lenses that there are when asked for another', () => {
    expect(() => lensNamed('newest')).toThrow(/there is latest/);
  });
});
