import { describe, expect, test } from 'vitest';
import { limits } from '../base/limits.ts';
import type { Tip } from '../set/trie-entry.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import type { End } from './messages.ts';
import type { Outcome, Piece, Worker } from './pull-piece.ts';
import { PullPlan, type Task } from './pull-plan.ts';

const PATIENCE_MS = 1000;

function bytes(...numbers: readonly number[]): Uint8Array {
  const id = new Uint8Array(32);
  new Uint32Array(id.buffer).set(numbers);
  return id;
}

/** Assertion `seq` of author number `author`. */
function tip(author: number, seq: number): Tip {
  return { author: bytes(author), seq, id: bytes(author, seq) };
}

const authorOf = ({ author }: Pick<Tip, 'author'>) => new Uint32Array(author.slice().buffer)[0] as number;

function newPlan(held: ReadonlyMap<number, number> = new Map()): PullPlan {
  return new PullPlan({
    heldOf: (author) => {
      const seq = held.get(authorOf({ author })) ?? 0;
      return { seq, tips: seq > 0 ? 1 : 0 };
    },
    patienceMs: PATIENCE_MS,
    onChange: () => undefined,
  });
}

/** All of it came, or each chain up to a seq. */
function outcome(how: Outcome['how'], reached: ReadonlyMap<number, number> | 'all' = 'all'): Outcome {
  const seqOf = (author: Uint8Array) =>
    reached === 'all' ? Number.POSITIVE_INFINITY : (reached.get(authorOf({ author })) ?? 0);
  return {
    how,
    isReached: ({ author, seq }) => seqOf(author) >= seq,
    reachedOf: (author) =>
      Number.isFinite(seqOf(author)) && seqOf(author) > 0
        ? tip(authorOf({ author }), seqOf(author))
        : undefined,
  };
}

function pieceOf(task: Task): Piece {
  if (task.type !== 'pull') throw new Error(`There is no piece, but: ${task.type}`);
  return task.piece;
}

/** What `Outline` would answer for chains of runs of one that were written in turn. */
function cutsFor(task: Task): End[][] {
  if (task.type !== 'outline') throw new Error(`No outline is wanted, but: ${task.type}`);
  const { wants, assertions } = task;
  const each = Math.ceil(assertions / wants.length);
  const cuts: End[][] = [];
  for (let seq = each; ; seq += each) {
    const longer = wants.flatMap((want, range) => {
      const at = (want.after?.seq ?? 0) + seq;
      return at < want.seq ? [{ range, seq: at, id: bytes(authorOf(want), at) }] : [];
    });
    if (longer.length === 0) return cuts;
    cuts.push(longer);
  }
}

/** The plan with two peers that have one long chain, cut into slices. */
function sliced(length = 8000) {
  const plan = newPlan();
  const tips = [tip(1, length)];
  const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
  const task = plan.next(a, 0);
  if (task.type !== 'outline') throw new Error('No outline is wanted.');
  expect(plan.outlined(a, task.wants, cutsFor(task))).toBe(true);
  return { plan, a, b, tips };
}

const rangeOf = (piece: Piece) => piece.segments.map(({ after, seq }) => [after?.seq ?? 0, seq]);

describe('one peer alone', () => {
  test('is asked for all that it has in one go', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 10_000), tip(2, 3)], 1000);
    const piece = pieceOf(plan.next(a, 0));
    expect([piece.kind, rangeOf(piece)]).toEqual([
      'whole',
      [
        [0, 10_000],
        [0, 3],
      ],
    ]);
    plan.giveBack(piece, outcome('ended'), 1);
    expect(plan.next(a, 1).type).toBe('done');
  });

  test('is asked again for the rest of what was cut, after what has come', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 100)], 1000);
    const piece = pieceOf(plan.next(a, 0));
    plan.moved(piece, 40, 40_000, 1);
    plan.giveBack(piece, outcome('cut', new Map([[1, 40]])), 1);
    expect(rangeOf(pieceOf(plan.next(a, 1)))).toEqual([[40, 100]]);
  });

  test('that sends nothing of it, time and again, is not asked again', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 100)], 1000);
    plan.giveBack(pieceOf(plan.next(a, 0)), outcome('ended', new Map()), 1);
    expect(plan.next(a, 1).type).toBe('done');
    const b = plan.join('b', [tip(1, 100)], 1000);
    plan.giveBack(pieceOf(plan.next(b, 1)), outcome('cut', new Map()), 2);
    expect(plan.next(b, 2).type).toBe('done');
  });

  test('is asked in parts for more ranges than it takes at once', () => {
    const plan = newPlan();
    const a = plan.join(
      'a',
      Array.from({ length: 25 }, (_, i) => tip(i, 1)),
      10,
    );
    const sizes: number[] = [];
    for (let task = plan.next(a, 0); task.type === 'pull'; task = plan.next(a, 0)) {
      sizes.push(task.piece.segments.length);
      plan.giveBack(task.piece, outcome('ended'), 0);
    }
    expect(sizes).toEqual([10, 10, 5]);
  });
});

describe('several peers that have the same', () => {
  test('share nothing that is soon told: who asks first gets it all, the others wait', () => {
    const plan = newPlan();
    const tips = [tip(1, limits.pullSplitAssertionsMin - 1)];
    const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
    const piece = pieceOf(plan.next(a, 0));
    expect(plan.next(b, 0).type).toBe('wait');
    expect(piece.work?.isEnding).toBe(false);
    plan.giveBack(piece, outcome('ended'), 1);
    expect(plan.next(b, 1).type).toBe('done');
  });

  test('get a long chain in slices, one after the other, and none twice', () => {
    const { plan, a, b } = sliced(4000);
    let end = 0;
    for (let i = 0; end < 4000; i++) {
      const piece = pieceOf(plan.next(i % 2 === 0 ? a : b, i));
      expect(rangeOf(piece)[0]?.[0]).toBe(end);
      end = rangeOf(piece)[0]?.[1] as number;
      plan.giveBack(piece, outcome('ended'), i);
    }
    expect([plan.next(a, 99).type, plan.next(b, 99).type]).toEqual(['done', 'done']);
  });

  test('get many chains dealt out, without an outline', () => {
    const plan = newPlan();
    const tips = Array.from({ length: 100 }, (_, i) => tip(i, 50));
    const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
    const [one, other] = [pieceOf(plan.next(a, 0)), pieceOf(plan.next(b, 0))];
    expect([one.kind, other.kind]).toEqual(['group', 'group']);
    const authors = [...one.segments, ...other.segments].map(authorOf);
    expect(new Set(authors).size).toBe(authors.length);
  });

  test('get dealt-out chains along time, once those turn out to wait for one another', () => {
    const plan = newPlan();
    const tips = Array.from({ length: 100 }, (_, i) => tip(i, 50));
    const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
    const piece = pieceOf(plan.next(a, 0));
    plan.link();
    expect(piece.work?.isEnding).toBe(true);
    plan.moved(piece, 10, 10_000, 1);
    plan.giveBack(piece, outcome('cut', new Map([[0, 10]])), 1);
    const task = plan.next(b, 1);
    expect(task.type === 'outline' && task.wants.length).toBe(100);
    expect(task.type === 'outline' && task.wants.find((want) => authorOf(want) === 0)?.after?.seq).toBe(10);
  });

  test('fetch no further ahead of the oldest slice than may wait for it', () => {
    const { plan, a } = sliced(40_000);
    const oldest = pieceOf(plan.next(a, 0));
    let ahead = 0;
    for (let task = plan.next(a, 0); task.type === 'pull'; task = plan.next(a, 0)) {
      ahead = rangeOf(task.piece)[0]?.[1] as number;
      plan.giveBack(task.piece, outcome('ended'), 0);
    }
    expect(ahead).toBeGreaterThan(limits.pullAheadAssertionsMax / 2);
    expect(ahead).toBeLessThanOrEqual(limits.pullAheadAssertionsMax);
    plan.giveBack(oldest, outcome('ended'), 1);
    expect(plan.next(a, 1).type).toBe('pull');
  });

  test('fetch less ahead where assertions are large', () => {
    const { plan, a, b } = sliced(40_000);
    const oldest = pieceOf(plan.next(a, 0));
    plan.moved(oldest, 1, limits.pullAheadBytesMax, 0);
    expect(plan.next(b, 0).type).toBe('wait');
  });

  test('get the rest of what another had begun alone', () => {
    const plan = newPlan();
    const tips = [tip(1, 8000)];
    const a = plan.join('a', tips, 1000);
    const whole = pieceOf(plan.next(a, 0));
    const b = plan.join('b', tips, 1000);
    expect(plan.next(b, 1).type).toBe('wait');
    expect(whole.work?.isEnding).toBe(true);
    plan.moved(whole, 100, 100_000, 2);
    plan.giveBack(whole, outcome('cut', new Map([[1, 100]])), 2);
    const task = plan.next(b, 2);
    expect(task.type === 'outline' && task.wants[0]?.after?.seq).toBe(100);
  });

  test('do not share what one of them lacks', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 5000)], 1000);
    const b = plan.join('b', [tip(2, 5000)], 1000);
    expect(rangeOf(pieceOf(plan.next(a, 0)))).toEqual([[0, 5000]]);
    expect(authorOf(pieceOf(plan.next(b, 0)).segments[0] as Tip)).toBe(2);
  });

  test('share the part of a chain that both have when one has more of it', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 5000)], 1000);
    const b = plan.join('b', [tip(1, 5010)], 1000);
    const task = plan.next(a, 0);
    expect(task.type === 'outline' && task.wants.map((want) => want.seq)).toEqual([5000]);
    expect(rangeOf(pieceOf(plan.next(b, 0)))).toEqual([[5000, 5010]]);
  });
});

describe('a peer that fails', () => {
  test('leaves its piece to another, which goes on after what has come', () => {
    const { plan, a, b } = sliced();
    const piece = pieceOf(plan.next(a, 0));
    const end = rangeOf(piece)[0]?.[1] as number;
    plan.moved(piece, 7, 7000, 1);
    plan.giveBack(piece, outcome('broken', new Map([[1, 7]])), 1);
    plan.leave(a);
    expect(rangeOf(pieceOf(plan.next(b, 2)))).toEqual([[7, end]]);
  });

  test('and was the only one who had it, ends the wait for it', () => {
    const plan = newPlan();
    const a = plan.join('a', [tip(1, 5)], 1000);
    const b = plan.join('b', [tip(2, 5)], 1000);
    plan.giveBack(pieceOf(plan.next(a, 0)), outcome('broken', new Map()), 1);
    plan.leave(a);
    expect(rangeOf(pieceOf(plan.next(b, 1)))).toEqual([[0, 5]]);
  });

  test('by bringing nothing loses its piece to one who waits, after a while', () => {
    const plan = newPlan();
    const tips = [tip(1, 100)];
    const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
    const piece = pieceOf(plan.next(a, 0));
    plan.next(b, PATIENCE_MS - 1);
    expect(piece.work?.abort.signal.aborted).toBe(false);
    plan.next(b, PATIENCE_MS);
    expect(piece.work?.abort.signal.aborted).toBe(true);
    plan.giveBack(piece, outcome('broken', new Map()), PATIENCE_MS);
    expect(plan.next(a, PATIENCE_MS).type).toBe('wait');
    expect(rangeOf(pieceOf(plan.next(b, PATIENCE_MS)))).toEqual([[0, 100]]);
  });

  test('by being far slower than one who waits loses its piece, too', () => {
    const { plan, a, b } = sliced(40_000);
    const slow = pieceOf(plan.next(a, 0));
    for (let nowMs = 100; ; nowMs += 100) {
      const task = plan.next(b, nowMs);
      plan.moved(slow, 1, 1000, nowMs);
      if (slow.work?.abort.signal.aborted) break;
      expect(nowMs).toBeLessThan(10 * PATIENCE_MS);
      if (task.type !== 'pull') continue;
      plan.moved(task.piece, task.piece.assertions, 0, nowMs + 50);
      plan.giveBack(task.piece, outcome('ended'), nowMs + 50);
    }
  });

  test('by leaving out what it promised is not asked for it again, and not before others for the rest', () => {
    const plan = newPlan();
    const tips = [tip(1, 100), tip(2, 100)];
    const [a, b] = [plan.join('a', tips, 1000), plan.join('b', tips, 1000)];
    plan.giveBack(pieceOf(plan.next(a, 0)), outcome('ended', new Map([[1, 100]])), 1);
    expect(plan.next(a, 1).type).toBe('done');
    const piece = pieceOf(plan.next(b, 1));
    expect(piece.segments.map(authorOf)).toEqual([2]);
    const c = plan.join('a', [tip(3, 5)], 1000);
    expect(plan.next(c, 2).type).toBe('wait');
    plan.giveBack(piece, outcome('ended'), 3);
    expect(plan.next(c, 3).type).toBe('pull');
  });

  test('at a slice that another cut ends that outline: either may have lied', () => {
    const { plan, b } = sliced();
    const piece = pieceOf(plan.next(b, 0));
    plan.giveBack(piece, outcome('ended', new Map()), 1);
    const c = plan.join('c', [tip(1, 8000)], 1000);
    expect(rangeOf(pieceOf(plan.next(c, 1)))).toEqual([[0, 8000]]);
  });

  test.each([
    ['cuts nothing off', [[]]],
    ['goes beyond the tip', [[{ range: 0, seq: 9000, id: bytes(1, 9000) }]]],
    ['goes backwards', [100, 50].map((seq) => [{ range: 0, seq, id: bytes(1, seq) }])],
    ['is of something else', [[{ range: 1, seq: 5, id: bytes(1, 5) }]]],
  ])('by telling an outline that %s is found out', (_, cuts) => {
    const plan = newPlan();
    const tips = [tip(1, 8000)];
    const a = plan.join('a', tips, 1000);
    plan.join('b', tips, 1000);
    const task = plan.next(a, 0);
    if (task.type !== 'outline') throw new Error('No outline is wanted.');
    expect(plan.outlined(a, task.wants, cuts)).toBe(false);
    expect(rangeOf(pieceOf(plan.next(a, 1)))).toEqual([[0, 8000]]);
  });

  test('to tell an outline in time leaves that to another', () => {
    const plan = newPlan();
    const tips = [tip(1, 8000)];
    const [a, b, c] = ['a', 'b', 'c'].map((id) => plan.join(id, tips, 1000)) as [Worker, Worker, Worker];
    const task = plan.next(a, 0);
    if (task.type !== 'outline') throw new Error('No outline is wanted.');
    expect(plan.next(b, 1).type).toBe('wait');
    plan.unanswered(a, task.wants, PATIENCE_MS);
    expect(plan.next(b, PATIENCE_MS).type).toBe('outline');
    expect(plan.next(c, PATIENCE_MS).type).toBe('wait');
  });
});

describe.each(Array.from({ length: 30 }, (_, i) => i + 1))('from seed %i', (seed) => {
  test('everything is fetched once, by peers that come, go and break off as they please', () => {
    const random = new SeededRandom(seed);
    /** What would be visible: each chain up to its first gap. */
    const held = new Map<number, number>();
    const plan = newPlan(held);
    const tips = Array.from({ length: 1 + random.integer(20) }, (_, i) => tip(i, 1 + random.integer(3000)));
    /** Up to where each chain came, in all pieces: each assertion once. */
    const came = new Map<string, number>();
    const fetch = (piece: Piece, isWhole: boolean): Map<number, number> => {
      const reached = new Map<number, number>();
      for (const { author, seq, after } of piece.segments) {
        const from = after?.seq ?? 0;
        const to = isWhole ? seq : from + random.integer(seq - from + 1);
        for (let at = from + 1; at <= to; at++) {
          const key = `${authorOf({ author })} ${at}`;
          came.set(key, (came.get(key) ?? 0) + 1);
        }
        if (to > 0) reached.set(authorOf({ author }), to);
        let visible = held.get(authorOf({ author })) ?? 0;
        while (came.has(`${authorOf({ author })} ${visible + 1}`)) visible++;
        held.set(authorOf({ author }), visible);
      }
      return reached;
    };
    let workers: Worker[] = [];
    const hands: { worker: Worker; piece: Piece }[] = [];
    const finish = ({ worker, piece }: (typeof hands)[number], nowMs: number, isGone: boolean) => {
      const isWhole = !isGone && random.number() < 0.7;
      const reached = fetch(piece, isWhole);
      plan.moved(piece, 1, 1000, nowMs);
      const how = isGone ? 'broken' : isWhole ? 'ended' : 'cut';
      plan.giveBack(piece, outcome(how, reached), nowMs);
      hands.splice(
        hands.findIndex((hand) => hand.worker === worker),
        1,
      );
    };
    const total = tips.reduce((sum, { seq }) => sum + seq, 0);
    for (let nowMs = 1; came.size < total; nowMs++) {
      expect(nowMs).toBeLessThan(20_000);
      const lacking = tips.filter((each) => each.seq > (held.get(authorOf(each)) ?? 0));
      if (workers.length < 3) workers.push(plan.join(`${nowMs}`, lacking, 5 + random.integer(20)));
      const worker = workers[random.integer(workers.length)] as Worker;
      const hand = hands.find((each) => each.worker === worker);
      const isGone = random.number() < 0.02;
      if (hand !== undefined) finish(hand, nowMs, isGone);
      else if (!isGone) {
        const task = plan.next(worker, nowMs);
        if (task.type === 'pull') hands.push({ worker, piece: task.piece });
        else if (task.type === 'outline') plan.outlined(worker, task.wants, cutsFor(task));
      }
      if (!isGone) continue;
      plan.leave(worker);
      workers = workers.filter((each) => each !== worker);
    }
    expect(Math.max(...came.values())).toBe(1);
  });
});
