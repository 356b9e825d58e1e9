/** What `browser.ts` measures, inside the page: the real SDK over the real IndexedDB, and bare IndexedDB beside it. */
import { createPeer, type Peer, type Space } from '../../src/browser.ts';
import { claims } from './claims.ts';

export interface Filled {
  readonly firstMs: number;
  /** A tenth is visible: connecting, comparing and compiling are over. */
  readonly tenthMs: number;
  readonly visibleMs: number;
  readonly frames: Frames;
  readonly root: string;
}

/** What a person would notice meanwhile. */
export interface Frames {
  readonly longestMs: number;
  readonly longestTaskMs: number;
  readonly tasksOver50Ms: number;
}

const methods = {
  /** Joins, and waits until so many facts are visible. Times are from joining on. */
  async fill(profile: string, invite: string, count: number): Promise<Filled> {
    const peer = await createPeer({ profile });
    const frames = watchFrames();
    const startedMs = performance.now();
    const visible: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const space = await peer.open(invite);
    space.on('facts', (facts) => {
      const now = performance.now() - startedMs;
      for (let i = 0; i < facts.length; i++) visible.push(now);
      if (visible.length >= count) resolve();
    });
    await promise;
    const filled = {
      firstMs: visible[0] ?? Number.NaN,
      tenthMs: visible[Math.ceil(count / 10) - 1] ?? Number.NaN,
      visibleMs: visible[count - 1] ?? Number.NaN,
      frames: frames.stop(),
      root: (await space.status()).root,
    };
    await peer.stop();
    return filled;
  },

  /** Seconds that bare IndexedDB takes for the records of that profile, in transactions of a megabyte. */
  async rawFill(profile: string): Promise<number> {
    const records = await readAll(`aver-${profile}`);
    const db = await openRaw('raw-fill');
    const startedMs = performance.now();
    for (let at = 0; at < records.length; ) {
      const batch: Uint8Array[] = [];
      for (let bytes = 0; bytes < 1_000_000 && at < records.length; bytes += batch.at(-1)?.length ?? 0) {
        batch.push(records[at++] as Uint8Array);
      }
      await put(db, batch, at < records.length ? 'relaxed' : 'strict');
    }
    const seconds = (performance.now() - startedMs) / 1000;
    db.close();
    return seconds;
  },

  /** Milliseconds of each of so many strict transactions with one record of so many bytes. */
  async rawPuts(count: number, bytes: number): Promise<readonly number[]> {
    const db = await openRaw('raw-puts');
    const record = crypto.getRandomValues(new Uint8Array(bytes));
    const tookMs = await timesOf(count, () => put(db, [record], 'strict'));
    db.close();
    return tookMs;
  },

  /** A strict transaction and an assertion by turns, as writes of people come: with pauses. Milliseconds of each. */
  async putsApart(
    from: number,
    count: number,
    bytes: number,
  ): Promise<readonly [rawMs: readonly number[], assertMs: readonly number[]]> {
    const db = await openRaw('raw-puts');
    const record = crypto.getRandomValues(new Uint8Array(bytes));
    const space = await spaceOf('puts');
    const [rawMs, assertMs]: [number[], number[]] = [[], []];
    for (const claim of claims(from, count)) {
      rawMs.push(...(await timesOf(1, () => put(db, [record], 'strict'))));
      await pause();
      assertMs.push(...(await timesOf(1, () => space.assert(claim))));
      await pause();
    }
    db.close();
    return [rawMs, assertMs];
  },

  /**
   * Milliseconds of each of so many rounds of `together` assertions at once, until all are durable. In
   * the space of that profile, or a new one that knows nobody.
   */
  async puts(profile: string, from: number, rounds: number, together: number): Promise<readonly number[]> {
    const space = await spaceOf(profile);
    let at = from;
    return timesOf(rounds, async () => {
      await Promise.all(claims(at, together).map((claim) => space.assert(claim)));
      at += together;
    });
  },
};

export type PageMethods = typeof methods;
Object.assign(globalThis, { bench: methods });

const spaces = new Map<string, Promise<Space>>();

function spaceOf(profile: string): Promise<Space> {
  const opening = spaces.get(profile) ?? openSpace(profile);
  spaces.set(profile, opening);
  return opening;
}

async function openSpace(profile: string): Promise<Space> {
  const peer: Peer = await createPeer({ profile });
  const [space] = await peer.spaces();
  return space ?? peer.create({ name: 'bench', write: 'open', pow: [] } as Parameters<Peer['create']>[0]);
}

const PAUSE_MS = 10;
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

async function timesOf(count: number, action: () => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    await action();
    tookMs.push(performance.now() - startedMs);
  }
  return tookMs;
}

function watchFrames(): { stop(): Frames } {
  const tasksMs: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasksMs.push(duration);
  });
  observer.observe({ type: 'longtask' });
  let longestMs = 0;
  let lastMs = performance.now();
  let isRunning = true;
  const frame = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastMs);
    lastMs = now;
    if (isRunning) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  return {
    stop() {
      isRunning = false;
      observer.disconnect();
      return { longestMs, longestTaskMs: Math.max(0, ...tasksMs), tasksOver50Ms: tasksMs.length };
    },
  };
}

function openRaw(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('records', { autoIncrement: true });
  return resultOf(opening);
}

function put(
  db: IDBDatabase,
  records: readonly Uint8Array[],
  durability: IDBTransactionDurability,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction('records', 'readwrite', { durability });
    for (const record of records) transaction.objectStore('records').add(record);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Every record of the store, of its log and of its tables. */
async function readAll(name: string): Promise<Uint8Array[]> {
  const db = await resultOf(indexedDB.open(name));
  const all: Uint8Array[] = [];
  for (const store of ['log', 'records']) {
    all.push(...(await resultOf<Uint8Array[]>(db.transaction(store).objectStore(store).getAll())));
  }
  db.close();
  return all;
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
