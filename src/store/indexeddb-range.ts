/** Range reads of IndexedDB in pages: a cursor's event per row would take ten times as long. */
import { equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { StoreRange } from '../base/ports.ts';

type Row = readonly [key: Uint8Array, value: Uint8Array];

/** Newer than the DOM types that TypeScript has. */
interface WithRecords {
  getAllRecords(options: {
    query: IDBKeyRange;
    count: number;
    direction: 'next' | 'prev';
  }): IDBRequest<{ readonly key: ArrayBuffer; readonly value: Uint8Array }[]>;
}

/** Rows of the first page, before the size of the rows is known. */
const FIRST_PAGE_ROWS = 64;

/** Pages of rows, none empty. `open` gives the object store in a transaction of its own. */
export async function* readRange(
  open: () => IDBObjectStore,
  range: StoreRange,
): AsyncGenerator<readonly Row[], undefined> {
  const { gte, lt, reverse = false } = range;
  let left = range.limit ?? Number.POSITIVE_INFINITY;
  let query = IDBKeyRange.bound(gte, lt, false, true);
  let pageRows = FIRST_PAGE_ROWS;
  while (left > 0) {
    const count = Math.min(left, pageRows);
    const rows = await readPage(open(), query, count, reverse);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    // IndexedDB takes no range that is empty by its bounds.
    if (rows.length < count || (reverse && equalBytes(last[0], gte))) return;
    left -= rows.length;
    pageRows = nextPageRows(rows);
    query = reverse
      ? IDBKeyRange.bound(gte, last[0], false, true)
      : IDBKeyRange.bound(last[0], lt, true, true);
  }
}

/** As many rows as make a page of the wanted size, if they are like those before; growing gently. */
function nextPageRows(rows: readonly Row[]): number {
  const bytes = rows.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  const wanted = Math.ceil((limits.storePageBytes / Math.max(bytes, 1)) * rows.length);
  return Math.min(wanted, rows.length * 4, limits.storePageRowsMax);
}

async function readPage(
  store: IDBObjectStore,
  query: IDBKeyRange,
  count: number,
  reverse: boolean,
): Promise<readonly Row[]> {
  if ('getAllRecords' in store) {
    const options = { query, count, direction: reverse ? 'prev' : 'next' } as const;
    const records = await toPromise((store as IDBObjectStore & WithRecords).getAllRecords(options));
    return records.map(({ key, value }) => [new Uint8Array(key), value]);
  }
  if (reverse) return readPageByCursor(store, query, count);
  const [keys, values] = await Promise.all([
    toPromise(store.getAllKeys(query, count)),
    toPromise(store.getAll(query, count)),
  ]);
  return keys.map((key, i) => [new Uint8Array(key as ArrayBuffer), values[i]]);
}

/** Without `getAllRecords` only a cursor goes backwards. */
function readPageByCursor(store: IDBObjectStore, query: IDBKeyRange, count: number): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    const rows: Row[] = [];
    const request = store.openCursor(query, 'prev');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor !== null) rows.push([new Uint8Array(cursor.key as ArrayBuffer), cursor.value]);
      if (cursor === null || rows.length === count) resolve(rows);
      else cursor.continue();
    };
  });
}

function toPromise<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
