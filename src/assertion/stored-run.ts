/**
 * An encoded run of the own store, read piece by piece: a single claim of it without the others, and
 * without any hash. What it holds was checked before it was stored; ids are not in it.
 */
import { CborReader } from '../base/cbor-reader.ts';
import { AverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { type Claim, readClaim } from './claims.ts';

/** Items of one array, found by stepping over those before them, once. */
class Items {
  readonly count: number;
  readonly #reader: CborReader;
  /** Where those begin that were found so far. */
  readonly #starts: number[];

  /** The reader is about to read the array. */
  constructor(reader: CborReader, countMax: number) {
    this.#reader = reader;
    this.count = reader.array(countMax);
    this.#starts = [reader.position];
  }

  /** A reader that is about to read the item. Throws `BAD_ENCODING` where there is none. */
  at(index: number): CborReader {
    if (index >= this.count) throw new AverError('BAD_ENCODING', `There is no item ${index}.`);
    const reader = this.#reader;
    for (let found = this.#starts.length; found <= index; found++) {
      reader.seek(this.#starts[found - 1] as number);
      reader.skip();
      this.#starts.push(reader.position);
    }
    reader.seek(this.#starts[index] as number);
    return reader;
  }
}

/** From so many claims on it is worth remembering where each begins; fewer are quicker stepped over again. */
const CLAIMS_WORTH_KEEPING = 64;

export class StoredRun {
  readonly author: Uint8Array;
  readonly firstSeq: number;
  readonly #items: Items;
  /** The claims of those large payloads that somebody asked for, by place in the run. */
  readonly #kept = new Map<number, Items>();

  /** Throws `STORE_CORRUPT`, as reading from it does, where the bytes are damaged. */
  constructor(bytes: Uint8Array) {
    const reader = new CborReader(bytes);
    const head = orCorrupt(() => {
      reader.array(5, 5);
      const author = reader.hash();
      const firstSeq = reader.uint();
      reader.hashOrNull();
      return { author, firstSeq, items: new Items(reader, limits.runAssertionsMax) };
    });
    this.author = head.author;
    this.firstSeq = head.firstSeq;
    this.#items = head.items;
  }

  /** One claim of the assertion at a place in the run; undefined where the payload is erased. */
  claim(index: number, claimIndex: number): Claim | undefined {
    return orCorrupt(() => {
      const claims = this.#kept.get(index) ?? this.#claimsOf(index);
      return claims === undefined ? undefined : readClaim(claims.at(claimIndex));
    });
  }

  #claimsOf(index: number): Items | undefined {
    const reader = this.#items.at(index);
    reader.array(7);
    // Kind and clock: the row that led here tells them.
    for (let i = 0; i < 3; i++) reader.skip();
    // A payload that is erased left its hash and size.
    if (reader.isArray()) return undefined;
    const payload = reader.bytes(limits.assertionBytesMax);
    const claims = new Items(new CborReader(payload), limits.assertionBytesMax);
    if (claims.count >= CLAIMS_WORTH_KEEPING) this.#kept.set(index, claims);
    return claims;
  }
}

/** What was sound when it was stored is not any more, whatever is wrong with it. */
function orCorrupt<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AverError)) throw error;
    throw new AverError('STORE_CORRUPT', `A stored run is damaged: ${error.message}`, { cause: error });
  }
}
