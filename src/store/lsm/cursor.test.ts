import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToHex, compareBytes } from '../../base/bytes.ts';
import type { StoreOp } from '../../base/ports.ts';
import { type Cursor, MergedCursor } from './cursor.ts';

/** A cursor over a list, of which every third step has to be waited for. */
class ListCursor implements Cursor {
  readonly #rows: readonly StoreOp[];
  #at = 0;

  constructor(rows: readonly StoreOp[]) {
    this.#rows = rows;
  }

  get key(): Uint8Array | undefined {
    return this.#rows[this.#at]?.key;
  }

  get value(): Uint8Array | undefined {
    return this.#rows[this.#at]?.value;
  }

  next(): Promise<void> | undefined {
    this.#at++;
    if (this.#at % 3 !== 0) return undefined;
    const at = this.#at;
    this.#at = this.#rows.length;
    return Promise.resolve().then(() => {
      this.#at = at;
    });
  }
}

test('several cursors read as one, the first one’s row where several have a key, in both directions', async () => {
  const row = fc.record({
    key: fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => bytes.map((byte) => byte & 3)),
    value: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
  });
  const property = fc.asyncProperty(
    fc.array(fc.array(row), { maxLength: 5 }),
    fc.boolean(),
    async (lists, reverse) => {
      const sign = reverse ? -1 : 1;
      const expected = new Map<string, StoreOp>();
      const cursors = lists.map((list) => {
        const byKey = new Map(list.map((each) => [bytesToHex(each.key), each]));
        for (const [key, each] of byKey) if (!expected.has(key)) expected.set(key, each);
        return new ListCursor([...byKey.values()].sort((a, b) => sign * compareBytes(a.key, b.key)));
      });
      const merged = new MergedCursor(cursors, reverse);
      const found: StoreOp[] = [];
      while (merged.key !== undefined) {
        found.push({ key: merged.key, value: merged.value });
        await merged.next();
      }
      expect(found).toEqual([...expected.values()].sort((a, b) => sign * compareBytes(a.key, b.key)));
      expect(merged.next()).toBeUndefined();
    },
  );
  await fc.assert(property);
});
