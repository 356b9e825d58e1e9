/** Places in sorted rows, and several of them read as one. */
import { compareBytes } from '../../base/bytes.ts';

/** A place in sorted rows that moves in one direction. */
export interface Cursor {
  /** Of the row here; undefined at the end. Whoever keeps it for long takes a copy. */
  readonly key: Uint8Array | undefined;
  /** Undefined when the key was deleted. */
  readonly value: Uint8Array | undefined;
  /** On to the next row: at once, or once the promise that it returns is settled. */
  next(): Promise<void> | undefined;
}

/** The rows of a scan: from `gte` on and below `lt`, or the same from the other end. */
export interface Bounds {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly reverse: boolean;
}

/** Cursors in one direction as one; where several have a key, the first of them has the row. */
export class MergedCursor implements Cursor {
  readonly #cursors: readonly Cursor[];
  readonly #sign: 1 | -1;
  /** Those that stand on the present key, the one that counts first. */
  #here: Cursor[] = [];

  constructor(cursors: readonly Cursor[], reverse: boolean) {
    this.#cursors = cursors;
    this.#sign = reverse ? -1 : 1;
    this.#gather();
  }

  get key(): Uint8Array | undefined {
    return this.#here[0]?.key;
  }

  get value(): Uint8Array | undefined {
    return this.#here[0]?.value;
  }

  next(): Promise<void> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const cursor of this.#here) {
      const wait = cursor.next();
      if (wait === undefined) continue;
      waits ??= [];
      waits.push(wait);
    }
    if (waits !== undefined) return Promise.all(waits).then(() => this.#gather());
    this.#gather();
    return undefined;
  }

  #gather(): void {
    const here: Cursor[] = [];
    let nearest: Uint8Array | undefined;
    for (const cursor of this.#cursors) {
      const { key } = cursor;
      if (key === undefined) continue;
      const order = nearest === undefined ? -1 : this.#sign * compareBytes(key, nearest);
      if (order > 0) continue;
      if (order < 0) {
        here.length = 0;
        nearest = key;
      }
      here.push(cursor);
    }
    this.#here = here;
  }
}
