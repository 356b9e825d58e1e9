import { beforeEach, describe, expect, test } from 'vitest';
import { classLimits, limits, type TrustClass } from '../base/limits.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { FairQueue, type Payer } from './fair-queue.ts';
import { bulkRefusal, newLoad, RequestLoad, requestsAllowed } from './request-load.ts';

const KiB = 1024;
let clock: VirtualClock;
let queue: FairQueue;

beforeEach(() => {
  clock = new VirtualClock();
  queue = new FairQueue(clock, new SeededRandom(1));
});

const payer = (peerId: string, name: TrustClass = 'isolated'): Payer => ({
  peerId,
  bounds: classLimits[name],
});

/** Wants pieces of a size again and again, each of which takes a millisecond. Counts bytes. */
function wanting(who: Payer, pieceBytes: number, done: Map<string, number>, abreast = 1): void {
  const again = async () => {
    const end = await queue.turn(who);
    clock.setTimer(1, () => {
      done.set(who.peerId, (done.get(who.peerId) ?? 0) + pieceBytes);
      again();
      end(pieceBytes);
    });
  };
  for (let i = 0; i < abreast; i++) again();
}

describe('turns', () => {
  test('with nobody else there, a turn comes at once however much was had', async () => {
    for (let i = 0; i < 100; i++) (await queue.turn(payer('a')))(8 * KiB * KiB);
    expect(queue.waiting).toBe(0);
    expect(queue.isContended('a')).toBe(false);
  });

  test('peers who all want more get bytes by the weight of their class, whatever the size of a piece', async () => {
    const done = new Map<string, number>();
    wanting(payer('partner', 'partner'), 700 * KiB, done);
    wanting(payer('known', 'known'), 200 * KiB, done);
    wanting(payer('stranger'), 64 * KiB, done);
    wanting(payer('large'), 768 * KiB, done);
    await clock.advance(20_000);
    const per = (peerId: string) => (done.get(peerId) as number) / (done.get('stranger') as number);
    expect(per('partner')).toBeGreaterThan(15);
    expect(per('partner')).toBeLessThan(17);
    expect(per('known')).toBeGreaterThan(3.8);
    expect(per('known')).toBeLessThan(4.2);
    expect(per('large')).toBeGreaterThan(0.9);
    expect(per('large')).toBeLessThan(1.1);
  });

  test('who asks for many things at once gets no more than who asks for one [ICG-39]', async () => {
    const done = new Map<string, number>();
    wanting(payer('flood'), 64 * KiB, done, 500);
    wanting(payer('modest'), 64 * KiB, done);
    await clock.advance(1000);
    const [flood = 0, modest = 0] = [done.get('flood'), done.get('modest')];
    expect(Math.abs(flood - modest)).toBeLessThanOrEqual(128 * KiB);
  });

  test('a wait that is too long ends with Busy and a time within the range of the class [ICG-23]', async () => {
    for (let i = 0; i < limits.seatsMax; i++) (await queue.turn(payer(`p${i}`), { seat: true }))(0);
    const waits = (['isolated', 'known', 'partner'] as const).map((name) =>
      queue.turn(payer(name, name), { seat: true }).catch((error: unknown) => error),
    );
    await clock.advance(limits.turnWaitMsMax);
    for (const [i, name] of (['isolated', 'known', 'partner'] as const).entries()) {
      const error = (await waits[i]) as { code: string; fields: { retryAfterMs: number } };
      expect(error.code).toBe('BUSY');
      expect(error.fields.retryAfterMs).toBeGreaterThanOrEqual(classLimits[name].backoffMsMin);
      expect(error.fields.retryAfterMs).toBeLessThanOrEqual(classLimits[name].backoffMsMax);
    }
    expect(queue.waiting).toBe(0);
  });

  test('who gives up leaves nothing behind', async () => {
    const end = await queue.turn(payer('a'));
    const abort = new AbortController();
    const gone = queue.turn(payer('b'), { signal: abort.signal });
    const next = queue.turn(payer('c'));
    abort.abort();
    await expect(gone).rejects.toMatchObject({ code: 'ABORTED' });
    end(0);
    (await next)(0);
    expect(queue.waiting).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

test('work that takes long goes on beside that of others, and costs its time', async () => {
  const long = await queue.turn(payer('long'));
  let others = 0;
  const other = queue.turn(payer('other')).then((end) => {
    others++;
    return end;
  });
  let isAgain = false;
  const again = queue.turn(payer('long')).then((end) => {
    isAgain = true;
    return end;
  });
  await clock.advance(limits.turnHoldMs - 1);
  expect(others).toBe(0);
  await clock.advance(1);
  expect(others).toBe(1);
  (await other)(0);
  const held = await queue.turn(payer('other'));
  expect(isAgain).toBe(false);
  const later = queue.turn(payer('other')).then(() => others++);
  long(1);
  held(0);
  await later;
  expect([others, isAgain]).toEqual([2, false]);
  await clock.advance(limits.turnHoldMs);
  (await again)(0);
});

describe('contention', () => {
  test('is somebody else who waits for more than a moment', async () => {
    const end = await queue.turn(payer('a'));
    const other = queue.turn(payer('b'));
    expect(queue.isContended('a')).toBe(false);
    await clock.advance(limits.contendedMsMin);
    expect(queue.isContended('a')).toBe(true);
    expect(queue.isContended('b')).toBe(false);
    end(0);
    (await other)(0);
    expect(queue.isContended('a')).toBe(false);
  });

  test('is an answer to somebody else that its stream does not take', async () => {
    let taken: () => void = () => undefined;
    const sending = new Promise<void>((resolve) => {
      taken = resolve;
    });
    (await queue.turn(payer('b')))(0, sending);
    await clock.advance(limits.contendedMsMin);
    expect(queue.isContended('a')).toBe(true);
    expect(queue.isContended('b')).toBe(false);
    taken();
    await clock.advance(0);
    expect(queue.isContended('a')).toBe(false);
  });
});

test('nothing more is made for a peer that does not take what it has, and others go on', async () => {
  let broken: (error: Error) => void = () => undefined;
  const sending = new Promise<void>((_, reject) => {
    broken = reject;
  });
  (await queue.turn(payer('slow')))(1000, sending);
  let hasTurn = false;
  const next = queue.turn(payer('slow')).then((end) => {
    hasTurn = true;
    return end;
  });
  for (let i = 0; i < 10; i++) (await queue.turn(payer('fast')))(64 * KiB);
  expect(hasTurn).toBe(false);
  broken(new Error('gone'));
  (await next)(0);
  expect(queue.waiting).toBe(0);
});

test('seats are few; who waits for one lets others work and makes those give way who rest', async () => {
  for (let i = 0; i < limits.seatsMax; i++) (await queue.turn(payer(`p${i}`), { seat: true }))(0);
  let parked = 0;
  const stop = queue.whenCrowded(() => parked++);
  let isSeated = false;
  const late = queue.turn(payer('late'), { seat: true }).then((end) => {
    isSeated = true;
    return end;
  });
  expect([queue.isCrowded, parked]).toEqual([true, 1]);
  (await queue.turn(payer('p1')))(0);
  expect(isSeated).toBe(false);
  queue.freeSeat();
  (await late)(0);
  expect([queue.isCrowded, queue.seats]).toEqual([false, limits.seatsMax]);
  stop();
});

describe('what is taken on', () => {
  const quiet = { own: 0, isContended: false, open: 0, openBytes: 0, bytes: 1000 } as const;
  const half = limits.bulkOpenMax / 2;
  test.each<[TrustClass, Partial<Parameters<typeof bulkRefusal>[0]>, ReturnType<typeof bulkRefusal>]>([
    ['isolated', {}, undefined],
    ['isolated', { own: 31 }, undefined],
    ['isolated', { own: 0, isContended: true }, undefined],
    ['isolated', { own: 1, isContended: true }, 'outstanding'],
    ['known', { own: 1, isContended: true }, undefined],
    ['known', { own: 2, isContended: true }, 'outstanding'],
    ['partner', { own: 2, isContended: true }, undefined],
    ['partner', { own: 3, isContended: true }, 'outstanding'],
    ['isolated', { open: half - 1 }, undefined],
    ['isolated', { open: half }, 'full'],
    ['known', { open: half }, undefined],
    ['partner', { open: limits.bulkOpenMax - 1 }, undefined],
    ['partner', { open: limits.bulkOpenMax }, 'full'],
    ['isolated', { openBytes: limits.bulkOpenBytesMax / 2 }, 'full'],
    ['partner', { openBytes: limits.bulkOpenBytesMax / 2 }, undefined],
    ['partner', { openBytes: limits.bulkOpenBytesMax - 999 }, 'full'],
  ])('of %s with %j: %s [ICG-23] [ICG-39]', (name, demand, refusal) => {
    expect(bulkRefusal({ ...quiet, class: name, ...demand })).toBe(refusal);
  });

  test.each([
    [0, 1, 400],
    [1999, 300, 400],
    [2000, 1, 400],
    [2000, 10, 200],
    [2000, 300, 20],
    [9999, 0, 400],
  ])('in a second with %d answers %d peers may each make %d requests', (answered, peers, allowed) => {
    expect(requestsAllowed(answered, peers)).toBe(allowed);
  });

  test('a crowd of flooders leaves room for a peer that comes late in the second', () => {
    const all = new RequestLoad();
    const flooders = Array.from({ length: 20 }, newLoad);
    let answered = 0;
    for (let i = 0; i < 1000; i++) {
      for (const load of flooders) if (all.admit(load, 5000) === 0) answered++;
    }
    expect(answered).toBeLessThanOrEqual(limits.requestsPerSecondAllMax);
    const late = newLoad();
    const waits = Array.from({ length: limits.requestsPerSecondMin }, () => all.admit(late, 5500));
    expect(waits).toEqual(waits.map(() => 0));
    expect(all.admit(flooders[0] as ReturnType<typeof newLoad>, 5500)).toBe(500);
    expect(all.admit(flooders[0] as ReturnType<typeof newLoad>, 6001)).toBe(0);
  });
});
