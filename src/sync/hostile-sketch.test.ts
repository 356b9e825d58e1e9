/** Peers that lie in sketches and in what is read from them. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lastOf, type Run } from '../assertion/model.ts';
import { u32Bytes } from '../base/bytes.ts';
import { blake3, loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { Frontier } from '../set/frontier.ts';
import type { TipRecord } from '../set/journal-keys.ts';
import { type Cells, emptyCells, peel, Sketch, shortId } from '../set/sketch.ts';
import type { Tip } from '../set/trie-entry.ts';
import { TestAuthor } from '../testing/chains.ts';
import { actor, HostileScene, type Lies } from '../testing/hostile.ts';
import type { Script } from '../testing/raw-peer.ts';
import type { SyncPeer } from '../testing/sync-peer.ts';
import type { Answer } from './messages.ts';

const scenes: HostileScene[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.stop();
});

async function scene(script: (honest: SyncPeer) => Script | Promise<Script>): Promise<HostileScene> {
  const started = await HostileScene.start(script);
  scenes.push(started);
  return started;
}

async function someRuns(honest: SyncPeer, count = 3): Promise<Run[]> {
  const runs: Run[] = [];
  for (let n = 0; n < count; n++) {
    const author = await TestAuthor.create(honest.replica.space, honest.crypto, 50 + n);
    runs.push(await author.run(author.chain(2)));
  }
  return runs;
}

/** Tells the truth about three runs of others, but for its lies. */
function liesOf(lies: (runs: readonly Run[]) => Lies): (honest: SyncPeer) => Promise<Script> {
  return async (honest) => {
    const runs = await someRuns(honest);
    return actor(runs, lies(runs));
  };
}

/** A root and a sketch that has nothing to do with it. */
function withSketch(runs: readonly Run[], cells: Cells, counts = new Int32Array(limits.rootsCounts)): Script {
  const frontier = new Frontier(runs.map((run) => lastOf(run)));
  const root = frontier.root();
  counts.set(cells.counts);
  return () => [{ type: 'roots', root, count: 6, flushed: root, sketch: { cells, counts } }];
}

/** Cells of which none holds exactly one entry. */
function unreadable(length: number): Cells {
  const cells = emptyCells(length);
  cells.counts.fill(7);
  cells.checks.fill(99);
  return cells;
}

const hashOf = (n: number) => blake3(u32Bytes(n));

const diffOf = (tips: readonly Tip[], lacks: TipDifferenceLacks = []): Answer => ({
  type: 'diff',
  difference: { tips, lacks },
});
type TipDifferenceLacks = NonNullable<Extract<Answer, { type: 'diff' }>['difference']>['lacks'];

describe('a liar', () => {
  test('whose sketch is that of nothing is found out down the trie, where its set is found all the same', async () => {
    const it = await scene(liesOf((runs) => ({ roots: withSketch(runs, emptyCells(16)) })));
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_HASH' })).toBeGreaterThan(0);
    expect(it.a.metric('sketch_misses')).toBeGreaterThan(0);
    await it.honestConverge(6);
    // Nodes of three tips: one look each time.
    expect(it.asked('nodes')).toBeLessThanOrEqual(2 * it.asked('roots'));
  });

  test('whose cells never peel is sent two more sketches at most, and then found out', async () => {
    const it = await scene(
      liesOf((runs) => ({
        roots: withSketch(runs, unreadable(16)),
        cells: () => [{ type: 'diff', difference: null }],
      })),
    );
    await it.sync();
    expect(it.asked('cells')).toBeLessThanOrEqual(2 * it.asked('roots'));
    expect(it.a.metric('sync_faults', { code: 'BAD_HASH' })).toBeGreaterThan(0);
    await it.honestConverge(6);
  });

  test('that tells other tips than those that were asked for is blamed, and its trie is descended', async () => {
    const other: Tip = { author: blake3(u32Bytes(1)), seq: 1, id: blake3(u32Bytes(2)) };
    const it = await scene(liesOf(() => ({ diff: () => [diffOf([other, other, other])] })));
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBeGreaterThan(0);
    await it.honestConverge(6);
    expect(it.asked('nodes')).toBeGreaterThan(0);
  });

  test('that tells two thousand tips that share one path is not followed without end', async () => {
    const one = { author: blake3(u32Bytes(1)), id: blake3(u32Bytes(2)) };
    const tips = Array.from({ length: limits.sketchCellsMax }, (_, i) => ({ ...one, seq: i + 1 }));
    const it = await scene(
      liesOf((runs) => ({ roots: withSketch(runs, unreadable(16)), cells: () => [diffOf(tips)] })),
    );
    await it.sync();
    expect(it.a.metric('sync_failures', { code: 'INTERNAL' })).toBe(0);
    expect(it.a.metric('sync_faults', { code: 'BAD_HASH' })).toBeGreaterThan(0);
    await it.honestConverge(6);
  });

  test('that says we have what we have not, or lack what we have, only loses the fast way', async () => {
    const it = await scene(
      liesOf((runs) => ({
        roots: withSketch(runs, unreadable(16)),
        cells: () => [
          diffOf(
            [],
            Array.from({ length: 2048 }, (_, i) => ({ high: i, low: i })),
          ),
        ],
      })),
    );
    await it.sync();
    await it.honestConverge(6);
    expect(it.asked('cells')).toBeLessThanOrEqual(2 * it.asked('roots'));
  });

  /** Forty runs: too many for the cells that come with the roots, which are honest. */
  const withMany = (cells: Script) => async (honest: SyncPeer) =>
    actor(await someRuns(honest, 40), { cells });

  test.each<[string, Script]>([
    ['never peels', () => [{ type: 'diff', difference: null }]],
    [
      'tells of tips that nobody has',
      () => [diffOf([{ author: blake3(u32Bytes(1)), seq: 1, id: hashOf(2) }])],
    ],
    ['says that we lack nothing', () => [diffOf([])]],
    ['names tips of ours that it does not lack', () => [diffOf([], [{ high: 1, low: 2 }])]],
  ])(
    'that %s, though its roots are honest, is blamed when the trie shows what its set is',
    async (_, cells) => {
      const it = await scene(withMany(cells));
      await it.sync();
      expect(it.asked('cells')).toBeGreaterThan(0);
      expect(it.a.metric('sync_faults', { code: 'BAD_HASH' })).toBeGreaterThan(0);
      await it.honestConverge(80);
    },
  );

  test('that tells authors in short where they were asked for in full is blamed at once', async () => {
    const brief = (n: number) => ({ author: u32Bytes(n), seq: 2, id: hashOf(n) });
    const it = await scene(withMany(() => [diffOf([brief(1)])]));
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBeGreaterThan(0);
    await it.honestConverge(80);
  });

  test('that asks with cells made to look pure gets no difference, at one step for each cell', async () => {
    const it = await scene(() => actor([]));
    const stream = await it.stream();
    const root = it.a.replica.frontier.root();
    const cells = structuredClone(it.a.replica.frontier.cellsAt(root, limits.sketchCellsMax) as Cells);
    for (let i = 0; i < limits.sketchCellsMax; i++) {
      // Each cell differs by an entry of its own, with the right check.
      const lone = new Sketch();
      lone.add(blake3(u32Bytes(i)));
      const { high, low, checks } = lone.cells(1);
      cells.high[i] = (cells.high[i] as number) ^ (high[0] as number);
      cells.low[i] = (cells.low[i] as number) ^ (low[0] as number);
      cells.checks[i] = (cells.checks[i] as number) ^ (checks[0] as number);
      cells.counts[i] = (cells.counts[i] as number) + 1;
    }
    const { tag } = it.space;
    for (let n = 0; n < 20; n++) {
      const answer = await stream.ask({ type: 'cells', tag, root, cells, full: false });
      expect(answer).toEqual({ type: 'diff', difference: null });
    }
    await it.honestConverge();
  });
});

describe('short ids that somebody made meet', () => {
  const hash = hashOf;
  /** Another entry's hash with the same short id. */
  const twinOf = (entry: Uint8Array) => Uint8Array.from(entry, (byte, i) => (i < 8 ? byte : byte ^ 255));

  test('on one side cannot be read; on both sides they hide each other: neither gives a wrong difference', () => {
    const [mine, theirs] = [new Sketch(), new Sketch()];
    mine.add(hash(1));
    mine.add(twinOf(hash(1)));
    expect(peel(mine.cells(), theirs.cells())).toBeUndefined();
    theirs.add(hash(1));
    expect(peel(mine.cells(), theirs.cells())?.mine).toEqual([shortId(hash(1))]);
    mine.remove(hash(1));
    expect(peel(mine.cells(), theirs.cells())).toEqual({ mine: [], theirs: [] });
  });
});

test('ever new roots do not push out the snapshot that an honest session works on', () => {
  const tip = (n: number): TipRecord => ({
    author: blake3(u32Bytes(n)),
    seq: 1,
    id: blake3(u32Bytes(n), u32Bytes(n)),
    hlc: { time: 1n, counter: 0 },
  });
  const frontier = new Frontier([]);
  frontier.apply({ add: [tip(0)], remove: [] });
  const root = frontier.root();
  for (let n = 1; n <= 5 * limits.trieSnapshotsMax; n++) {
    // What a root names that is not ours leaves no trace.
    expect(frontier.at(blake3(u32Bytes(n)))).toBeUndefined();
    frontier.apply({ add: [tip(n)], remove: [] });
    frontier.root();
    if (n % (limits.trieSnapshotsMax - 1) === 0) expect(frontier.at(root)?.size).toBe(1);
  }
  expect(frontier.cellsAt(root, 1)?.counts[0]).toBe(1);
});
