/** Attacks that the swarm of faults meets by chance only, each as a simulation of its own. */
import { expect, test, vi } from 'vitest';
import type { Action } from './plan.ts';
import type { Deed } from './rogue.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

// A few seconds each, on a machine that does nothing else.
vi.setConfig({ testTimeout: 300_000 });

const PEERS = 5;
const FAULTS_MS = 40_000;
const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 3652 * 24 * HOUR_MS;

const world = { seed: 1, peers: PEERS, rogues: 3, deeds: 0, assertions: 0, faults: 0, faultsMs: FAULTS_MS };

/** Every peer writes now and then, from when all have met. */
function writes(count: number, peers = PEERS): Action[] {
  return Array.from({ length: count }, (_, i) => ({
    do: 'write' as const,
    atMs: 8000 + Math.floor((i * (FAULTS_MS - 10_000)) / count),
    ...{ peer: i % peers, topic: i % 12, assertions: 1, settled: i % 7 === 0 },
  }));
}

function deeds(count: number, kinds: readonly Deed[], rogues: number, peers = PEERS): Action[] {
  return Array.from({ length: count }, (_, i) => ({
    do: 'deed' as const,
    atMs: 5000 + Math.floor((i * (FAULTS_MS - 8000)) / count),
    deed: kinds[i % kinds.length] as Deed,
    ...{ rogue: i % rogues, at: (i * 3) % peers },
  }));
}

async function attack(plan: readonly Action[], options: Partial<SimulationOptions> = {}) {
  const outcome = await simulate({ ...world, ...options, plan });
  expect(outcome.breach).toBeUndefined();
  return outcome;
}

test('who has a clock an hour or ten years off does not write by it, and drags nobody along', async () => {
  const jumps = [HOUR_MS, -HOUR_MS, TEN_YEARS_MS].map(
    (byMs, peer): Action => ({ do: 'clock', atMs: 10_000 + 3000 * peer, peer, byMs }),
  );
  const { tally, acknowledged } = await attack([...writes(100), ...jumps], { rogues: 0 });
  expect(tally['a write was refused for its clock']).toBeGreaterThan(10);
  // Whose clock is right goes on.
  expect(acknowledged).toBeGreaterThan(40);
});

test('what is dated an hour or ten years ahead is seen nowhere, and the rest of its author’s everywhere', async () => {
  const far = deeds(60, ['writes far ahead on a branch', 'writes'], 3);
  const lossy: Action = { do: 'lossy', atMs: 5000, part: 0.9, forMs: FAULTS_MS };
  const { tally, acknowledged } = await attack([...writes(60), lossy, ...far]);
  expect(tally['an author was held for its time']).toBeGreaterThan(30);
  expect(acknowledged).toBe(60);
});

test('where a counter is at its end, whoever goes on takes the next nanosecond', async () => {
  const { tally, acknowledged } = await attack([
    ...writes(60),
    ...deeds(40, ['fills the counter of its clock', 'copies the clock of another'], 3),
  ]);
  expect(tally['rogue: fills the counter of its clock']).toBe(20);
  expect(acknowledged).toBe(60);
});

test('old assertions that are told again, or cut anew, change nothing', async () => {
  const replays = deeds(100, ['repeats what is old', 'repeats what it heard', 'repeats what is old'], 3);
  const { assertions } = await attack([...writes(60), ...replays]);
  expect(assertions).toBe(60);
  const { tally } = await attack([...writes(30), ...deeds(60, ['cuts old runs anew'], 3)]);
  expect(tally['rogue: cuts old runs anew']).toBe(60);
});

test('a hundred authors that equivocate, restored backups among them, are everywhere with all branches', async () => {
  const backups = [0, 1, 2].map(
    (peer): Action => ({ do: 'restore backup', atMs: 20_000 + 2000 * peer, peer, agoMs: 5000 }),
  );
  const copy: Action = { do: 'copy directory', atMs: 30_000, peer: 3, from: 4 };
  const forks = deeds(110, ['writes two branches under a new key'], 3);
  const { tally, forkedAuthors } = await attack([...writes(100), ...backups, copy, ...forks]);
  expect(forkedAuthors).toBeGreaterThanOrEqual(100);
  expect(tally['an author key was retired']).toBeGreaterThan(0);
});

test('what builds on what does not exist waits, within bounds, and keeps nobody from the rest', async () => {
  const floods = deeds(60, ['floods with runs that wait for ever', 'names a false predecessor'], 3);
  const { tally, acknowledged } = await attack([...writes(60), ...floods]);
  expect(tally['a run waited for what it names']).toBeGreaterThan(30);
  expect(acknowledged).toBe(60);
});

test('a peer whose neighbours are Sybils, nine of ten, hears two honest bootstraps and is heard', async () => {
  const [honest, sybils, victim] = [2, 18, 2];
  const lies = deeds(60, ['forges a signature', 'floods with runs that wait for ever', 'writes'], sybils, 1);
  const atVictim = lies.map((action) => ({ ...action, at: victim }) as Action);
  const { acknowledged, convergedMs } = await attack([...writes(60, honest + 1), ...atVictim], {
    peers: honest + 1,
    rogues: sybils,
    victim,
  });
  expect(acknowledged).toBe(60);
  expect(convergedMs).toBeLessThan(30_000);
});

test('floods that fill the pending set stay within its bounds, and keep nobody from the rest', async () => {
  const atOne = deeds(8, ['floods with long runs that wait for ever'], 3);
  const floods = atOne.map((action) => ({ ...action, at: 0 }) as Action);
  const { tally, acknowledged } = await attack([...writes(40), ...floods], { lies: [] });
  expect(tally['there was no room for what waits']).toBeGreaterThan(0);
  expect(acknowledged).toBe(40);
});

test('outlines that lie delay a pull that several peers share, and nothing else', async () => {
  // More than one answer holds: then others take part, and need to know where to cut.
  const large = { topic: 0, assertions: 30, settled: false, bytes: 6000 };
  const long = Array.from({ length: 28 }, (_, i): Action => {
    return { do: 'write', atMs: 6000 + 250 * i, peer: 0, ...large };
  });
  const apart: Action = { do: 'divide', atMs: 4000, side: [4], oneWay: false, forMs: 12_000 };
  const { tally, acknowledged } = await attack([apart, ...long], { lies: ['outline'], faultsMs: 20_000 });
  expect(tally['lie: outline']).toBeGreaterThan(0);
  expect(acknowledged).toBe(28 * 30);
});
