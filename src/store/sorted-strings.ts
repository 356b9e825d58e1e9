/** A sorted set of strings in short chunks: a change moves a chunk's worth of them, not the whole. */

/** A chunk is split in two beyond this size. Measured best between 256 and 1024. */
const CHUNK_MAX = 512;

export class SortedStrings {
  /** Ascending; no chunk is empty, except the only one of an empty set. */
  readonly #chunks: string[][] = [[]];

  add(item: string): void {
    const at = this.#chunkOf(item);
    const chunk = this.#chunks[at] as string[];
    const place = lowerBound(chunk, item);
    if (chunk[place] === item) return;
    chunk.splice(place, 0, item);
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2));
  }

  delete(item: string): void {
    const at = this.#chunkOf(item);
    const chunk = this.#chunks[at] as string[];
    const place = lowerBound(chunk, item);
    if (chunk[place] !== item) return;
    chunk.splice(place, 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1);
  }

  /** The first items from `from` on and below `below`, ascending; at least one if there is any. */
  page(from: string, below: string): string[] {
    let at = this.#chunkOf(from);
    if (this.#endsBefore(at, from)) at++;
    const chunk = this.#chunks[at];
    return chunk === undefined ? [] : chunk.slice(lowerBound(chunk, from), lowerBound(chunk, below));
  }

  /** The last items below `below` and from `from` on, descending; at least one if there is any. */
  pageReverse(from: string, below: string): string[] {
    let at = this.#chunkOf(below);
    if (at > 0 && lowerBound(this.#chunks[at] as string[], below) === 0) at--;
    const chunk = this.#chunks[at] as string[];
    return chunk.slice(lowerBound(chunk, from), lowerBound(chunk, below)).reverse();
  }

  #endsBefore(at: number, item: string): boolean {
    const last = this.#chunks[at]?.at(-1);
    return last === undefined || last < item;
  }

  /** The last chunk that begins at or before the item, else the first one. */
  #chunkOf(item: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#chunks[middle]?.[0] as string) <= item) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Index of the first item that is not below `item`. */
function lowerBound(items: readonly string[], item: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle] as string) < item) low = middle + 1;
    else high = middle;
  }
  return low;
}
