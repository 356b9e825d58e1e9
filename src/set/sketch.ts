/**
 * A rateless sketch of the frontier (Yang, Gilad, Alizadeh: Practical Rateless Set Reconciliation,
 * SIGCOMM 2024): coded symbols over 8-byte short ids of the entries. The difference of two sketches
 * is the sketch of the difference, and 1.35 to 1.7 cells for each differing entry are enough to read
 * it. Kept up to date with each change, so that a session costs nothing but telling cells. A hint:
 * success is equal 32-byte roots and nothing else, and who grinds ids only sends us down the trie.
 */
import { concatBytes, readU32 } from '../base/bytes.ts';
import { blake3, domains } from '../base/hash.ts';
import { limits } from '../base/limits.ts';

export const SHORT_ID_BYTES = 8;

/** The first cells of a sketch, column by column. Short ids and checks are sums by XOR. */
export interface Cells {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly checks: Uint32Array;
  readonly counts: Int32Array;
}

/** The first 8 bytes of an entry's hash, as two unsigned words. */
export interface ShortId {
  readonly high: number;
  readonly low: number;
}

export interface SketchDifference {
  readonly mine: readonly ShortId[];
  readonly theirs: readonly ShortId[];
}

interface Symbol extends ShortId {
  readonly check: number;
  /** State of the generator that spreads the symbol over the cells: 128 bits, so that no two meet. */
  readonly seed: readonly [number, number, number, number];
}

/** What a symbol is made of, written in place: two come with each change. */
const hashed = concatBytes(domains.cell, new Uint8Array(SHORT_ID_BYTES));
const hashedView = new DataView(hashed.buffer);

function symbolOf(high: number, low: number): Symbol {
  hashedView.setUint32(domains.cell.length, high);
  hashedView.setUint32(domains.cell.length + 4, low);
  const hash = blake3(hashed);
  const seed = [readU32(hash, 4), readU32(hash, 8), readU32(hash, 12), readU32(hash, 16)] as const;
  return { high, low, check: readU32(hash), seed };
}

/** Puts a symbol into each of its cells or takes it out. `touched` gets these cells; the first is always cell 0. */
function toggle(
  { high, low, checks, counts }: Cells,
  symbol: Symbol,
  sign: 1 | -1,
  touched?: number[],
): void {
  const end = counts.length;
  // sfc32 (PractRand): the same numbers in every engine. 2^32/√r is exact enough in every engine too.
  let [a, b, c, d] = symbol.seed;
  for (let index = 0; index < end; ) {
    high[index] = (high[index] as number) ^ symbol.high;
    low[index] = (low[index] as number) ^ symbol.low;
    checks[index] = (checks[index] as number) ^ symbol.check;
    counts[index] = (counts[index] as number) + sign;
    touched?.push(index);
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    // Cell i holds a symbol with probability 1/(1 + i/2).
    const uniform = ((sum >>> 0) + 1) / 0x100000000;
    index += Math.max(1, Math.ceil((index + 1.5) * (1 / Math.sqrt(uniform) - 1)));
  }
}

/** In one piece of memory: four are slower to get. */
export function emptyCells(length: number): Cells {
  const bytes = new ArrayBuffer(16 * length);
  return {
    high: new Uint32Array(bytes, 0, length),
    low: new Uint32Array(bytes, 4 * length, length),
    checks: new Uint32Array(bytes, 8 * length, length),
    counts: new Int32Array(bytes, 12 * length, length),
  };
}

export function shortId(entryHash: Uint8Array): ShortId {
  return { high: readU32(entryHash), low: readU32(entryHash, 4) };
}

function symbolOfHash(entryHash: Uint8Array): Symbol {
  return symbolOf(readU32(entryHash), readU32(entryHash, 4));
}

export class Sketch {
  #cells = emptyCells(limits.sketchCellsMax);
  /** Somebody keeps these cells as they are: they are copied before the next change. */
  #isShared = false;

  /** Takes an entry in, by its hash. */
  add(entryHash: Uint8Array): void {
    toggle(this.#own(), symbolOfHash(entryHash), 1);
  }

  remove(entryHash: Uint8Array): void {
    toggle(this.#own(), symbolOfHash(entryHash), -1);
  }

  /** The first cells as they are now, and stay; all when `length` is absent. */
  cells(length: number = limits.sketchCellsMax): Cells {
    this.#isShared = true;
    return cellsUpTo(this.#cells, length);
  }

  #own(): Cells {
    if (this.#isShared) this.#cells = copied(this.#cells);
    this.#isShared = false;
    return this.#cells;
  }
}

/** The first cells, not copied. */
export function cellsUpTo({ high, low, checks, counts }: Cells, length: number): Cells {
  return {
    high: high.subarray(0, length),
    low: low.subarray(0, length),
    checks: checks.subarray(0, length),
    counts: counts.subarray(0, length),
  };
}

function copied({ high, low, checks, counts }: Cells): Cells {
  const copy = emptyCells(counts.length);
  copy.high.set(high);
  copy.low.set(low);
  copy.checks.set(checks);
  copy.counts.set(counts);
  return copy;
}

/** The cells with some entries more and others less. */
export function patchedCells(
  cells: Cells,
  add: Iterable<{ readonly hash: Uint8Array }>,
  remove: Iterable<{ readonly hash: Uint8Array }>,
): Cells {
  const patched = copied(cells);
  for (const { hash } of add) toggle(patched, symbolOfHash(hash), 1);
  for (const { hash } of remove) toggle(patched, symbolOfHash(hash), -1);
  return patched;
}

/**
 * Reads the difference of two sketches from as many cells as both have; undefined when they do not
 * suffice. Takes at most one step for each cell, whatever a hostile sketch holds.
 */
export function peel(mine: Cells, theirs: Cells): SketchDifference | undefined {
  const length = Math.min(mine.counts.length, theirs.counts.length);
  const rest = emptyCells(length);
  for (let i = 0; i < length; i++) {
    rest.high[i] = (mine.high[i] as number) ^ (theirs.high[i] as number);
    rest.low[i] = (mine.low[i] as number) ^ (theirs.low[i] as number);
    rest.checks[i] = (mine.checks[i] as number) ^ (theirs.checks[i] as number);
    rest.counts[i] = (mine.counts[i] as number) - (theirs.counts[i] as number);
  }
  const found = { mine: [] as ShortId[], theirs: [] as ShortId[] };
  const queue = Array.from({ length }, (_, i) => i);
  for (let steps = 0; queue.length > 0; ) {
    const i = queue.pop() as number;
    const symbol = pureSymbol(rest, i);
    if (symbol === undefined) continue;
    if (++steps > length) return undefined;
    const sign = rest.counts[i] === 1 ? -1 : 1;
    (sign === -1 ? found.mine : found.theirs).push({ high: symbol.high, low: symbol.low });
    toggle(rest, symbol, sign, queue);
  }
  return isEmpty(rest) ? found : undefined;
}

/** The one symbol of a cell that holds exactly one. */
function pureSymbol(cells: Cells, i: number): Symbol | undefined {
  const count = cells.counts[i];
  if (count !== 1 && count !== -1) return undefined;
  const symbol = symbolOf(cells.high[i] as number, cells.low[i] as number);
  return symbol.check === cells.checks[i] ? symbol : undefined;
}

function isEmpty({ high, low, checks, counts }: Cells): boolean {
  return counts.every((count, i) => count === 0 && high[i] === 0 && low[i] === 0 && checks[i] === 0);
}

/**
 * About how many entries two sets differ in, from the counts of their first cells. A cell holds each
 * differing entry with known probability, as +1 or −1, so the squares of the counts tell.
 */
export function estimateDifference(mine: Int32Array, theirs: Int32Array): number {
  const length = Math.min(mine.length, theirs.length);
  const total = (mine[0] ?? 0) - (theirs[0] ?? 0);
  let squares = 0;
  let expected = 0;
  for (let i = 1; i < length; i++) {
    const probability = 1 / (1 + i / 2);
    // What a difference in size alone explains is taken out: it does not scatter.
    squares += ((mine[i] as number) - (theirs[i] as number) - total * probability) ** 2;
    expected += probability * (1 - probability);
  }
  return Math.max(Math.abs(total), Math.ceil(squares / Math.max(expected, 1e-9)));
}
