/** Authors with keys of their own and the chains that they write: the worlds that the benchmarks measure in. */
import { type Claim, CONFIDENCE_ONE, encodeClaims } from '../../src/assertion/claims.ts';
import { signedMessage } from '../../src/assertion/codec.ts';
import { type Assertion, kinds, lastOf, type Run } from '../../src/assertion/model.ts';
import { nodeCrypto } from '../../src/crypto/crypto-node.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import type { Tip } from '../../src/set/trie-entry.ts';
import { TestAuthor } from '../../src/testing/chains.ts';
import { claims } from './claims.ts';

export interface Plan {
  readonly assertions: number;
  readonly authors: number;
  /** Assertions that one signature closes, at most. */
  readonly perRun: number;
  readonly claimsEach: number;
  /** Each run builds on the one before it, of another author: so none can travel under a later signature. */
  readonly linked?: boolean;
}

interface Writing {
  readonly author: TestAuthor;
  last: Assertion | undefined;
}

export class Writers {
  readonly #crypto = nodeCrypto();
  readonly #writing: Writing[] = [];
  /** Claims so far: no two have one subject. */
  #claims = 0;

  static async create(space: SpaceIdentity, count: number): Promise<Writers> {
    const writers = new Writers();
    for (let number = 1; number <= count; number++) {
      const author = await TestAuthor.create(space, writers.#crypto, number);
      writers.#writing.push({ author, last: undefined });
    }
    return writers;
  }

  get count(): number {
    return this.#writing.length;
  }

  /** The next run of one author. */
  async run(author: number, count: number, claimsEach = 1, parent?: Assertion): Promise<Run> {
    const writing = this.#writing[author] as Writing;
    const assertions = writing.author.chain(count, writing.last, (i) => ({
      kind: kinds.claim,
      payload: this.#payload(claimsEach),
      parents: parent === undefined || i > 0 ? [] : [parent],
    }));
    writing.last = assertions.at(-1);
    const { seed, publicKey } = writing.author.key;
    const run = { author: publicKey, assertions, signature: new Uint8Array(64) };
    return { ...run, signature: await this.#crypto.sign(seed, signedMessage(lastOf(run).id)) };
  }

  /** So many assertions by the first authors, who take turns run by run, as evenly as it goes. */
  async *runs(plan: Plan): AsyncIterable<Run> {
    const { assertions, authors, perRun, claimsEach, linked = false } = plan;
    let before: Assertion | undefined;
    const written = new Uint32Array(authors);
    for (let done = 0; done < assertions; ) {
      for (let author = 0; author < authors && done < assertions; author++) {
        const share = Math.floor(assertions / authors) + (author < assertions % authors ? 1 : 0);
        const count = Math.min(perRun, share - (written[author] as number));
        if (count === 0) continue;
        written[author] = (written[author] as number) + count;
        done += count;
        const run = await this.run(author, count, claimsEach, linked ? before : undefined);
        before = lastOf(run);
        yield run;
      }
    }
  }

  tips(): Tip[] {
    return this.#writing.flatMap(({ last }) => (last === undefined ? [] : [last]));
  }

  #payload(count: number): Uint8Array {
    const payload = claimsPayload(this.#claims, count);
    this.#claims += count;
    return payload;
  }
}

export function claimsPayload(from: number, count: number): Uint8Array {
  return encodeClaims(claims(from, count).map((each): Claim => ({ ...each, confidence: CONFIDENCE_ONE })));
}
