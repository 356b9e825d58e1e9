/**
 * What is done to the peers of a simulation, and when: drawn from the seed before anything runs, so
 * that a failing plan can be cut down action by action and still means the same.
 */
import type { SeededRandom } from '../seeded-random.ts';
import { withClub } from './club-plan.ts';
import { DEEDS, type Deed } from './rogue.ts';
import { randomOf } from './seeds.ts';
import type { CrashPoint } from './sim-disk.ts';

export type Action = { readonly atMs: number } & (
  | {
      readonly do: 'write';
      readonly peer: number;
      readonly topic: number;
      readonly assertions: number;
      /** Whether the writer waits for another peer to hold it. */
      readonly settled: boolean;
      /** Of whoever is in it. */
      readonly inClub?: boolean;
      /** Of each of them, beyond the usual few. */
      readonly bytes?: number;
    }
  | {
      readonly do: 'found club';
      readonly peer: number;
      readonly secret: boolean;
      readonly invited: boolean;
    }
  /** The founder makes an invite, and the peer opens it so long after. */
  | {
      readonly do: 'invite';
      readonly peer: number;
      readonly readOnly: boolean;
      readonly afterMs: number;
    }
  /** By who lacks the secret, and by who was not let in. */
  | { readonly do: 'trespass'; readonly at: number; readonly deed: Deed }
  | { readonly do: 'crash'; readonly peer: number; readonly downMs: number }
  | {
      readonly do: 'crash in write';
      readonly peer: number;
      readonly point: CrashPoint;
      /** Until then its disk takes so many times as long. */
      readonly times: number;
      readonly downMs: number;
    }
  /** So many awaits after the next call to its disk. */
  | {
      readonly do: 'crash at an await';
      readonly peer: number;
      readonly awaits: number;
      readonly downMs: number;
    }
  | { readonly do: 'torn write'; readonly peer: number; readonly downMs: number }
  | { readonly do: 'leave'; readonly peer: number; readonly awayMs: number }
  | { readonly do: 'cut'; readonly a: number; readonly b: number }
  | {
      readonly do: 'divide';
      readonly side: readonly number[];
      readonly oneWay: boolean;
      readonly forMs: number;
    }
  | { readonly do: 'lossy'; readonly part: number; readonly forMs: number }
  | { readonly do: 'slow'; readonly peer: number; readonly ms: number; readonly forMs: number }
  | { readonly do: 'streams hang'; readonly peer: number; readonly forMs: number }
  | { readonly do: 'disk full'; readonly peer: number; readonly forMs: number }
  | { readonly do: 'disk unreadable'; readonly peer: number; readonly forMs: number }
  | { readonly do: 'disk slow'; readonly peer: number; readonly times: number; readonly forMs: number }
  | { readonly do: 'bit flip'; readonly peer: number; readonly where: number; readonly bit: number }
  | { readonly do: 'sync lost'; readonly peer: number; readonly forMs: number }
  | { readonly do: 'clock'; readonly peer: number; readonly byMs: number }
  | { readonly do: 'restore backup'; readonly peer: number; readonly agoMs: number }
  | { readonly do: 'copy directory'; readonly peer: number; readonly from: number }
  | { readonly do: 'deed'; readonly rogue: number; readonly deed: Deed; readonly at: number }
);

export type FaultName = Exclude<Action['do'], 'write' | 'deed' | 'found club' | 'invite' | 'trespass'>;

export const FAULTS = [
  'crash',
  'crash in write',
  'crash at an await',
  'torn write',
  'leave',
  'cut',
  'divide',
  'lossy',
  'slow',
  'streams hang',
  'disk full',
  'disk unreadable',
  'disk slow',
  'bit flip',
  'sync lost',
  'clock',
  'restore backup',
  'copy directory',
] as const satisfies readonly FaultName[];

export interface PlanOptions {
  readonly seed: number;
  readonly peers: number;
  /** Peers beside them that lie and forge. */
  readonly rogues: number;
  /** What they do, in all. */
  readonly deeds: number;
  /** Assertions written in all. */
  readonly assertions: number;
  /** How long the phase with faults lasts. */
  readonly faultsMs: number;
  /** How many faults; writes are not counted. */
  readonly faults: number;
  /** The kinds that they are of; drawn from the seed when absent. */
  readonly kinds?: readonly FaultName[] | undefined;
  /** Part of the seeds that have a club; see `club.ts`. */
  readonly clubs?: number | undefined;
}

/** Subjects that the peers write about: few, so that they answer and contradict each other. */
export const TOPICS = 12;

export function planOf(options: PlanOptions): Action[] {
  const random = randomOf(options.seed, 'plan');
  const actions: Action[] = [];
  for (let left = options.assertions; left > 0; ) {
    const assertions = Math.min(left, random.number() < 0.7 ? 1 : 1 + random.integer(8));
    left -= assertions;
    const atMs = Math.floor(random.number() * options.faultsMs);
    const [peer, topic, settled] = [
      random.integer(options.peers),
      random.integer(TOPICS),
      random.number() < 0.2,
    ];
    actions.push({ do: 'write', atMs, peer, topic, assertions, settled });
  }
  const drawn = swarm(random);
  const kinds = options.kinds?.map((name) => DRAWS[name]) ?? drawn;
  for (let i = 0; i < options.faults; i++) {
    const kind = kinds[random.integer(kinds.length)] as Draw;
    // Faults begin early enough to be over, or to matter, before the network heals.
    actions.push(kind(random, Math.floor(random.number() * options.faultsMs * 0.95), options));
  }
  for (let i = 0; options.rogues > 0 && i < options.deeds; i++) {
    const atMs = Math.floor(random.number() * options.faultsMs);
    const deed = DEEDS[random.integer(DEEDS.length)] as Deed;
    actions.push({
      do: 'deed',
      atMs,
      rogue: random.integer(options.rogues),
      deed,
      at: random.integer(options.peers),
    });
  }
  return withClub(actions, options).sort((a, b) => a.atMs - b.atMs);
}

type Draw = (random: SeededRandom, atMs: number, options: PlanOptions) => Action;

/** A seed uses some kinds of faults and not others: with all of them at once each one hides the rest. */
function swarm(random: SeededRandom): Draw[] {
  const chosen = FAULTS.filter(() => random.number() < 0.5);
  return (chosen.length === 0 ? FAULTS : chosen).map((name) => DRAWS[name]);
}

const up = (random: SeededRandom, mostMs: number) => Math.floor(100 + random.number() ** 2 * mostMs);

/** Hops between promises that are ready. */
const AWAITS_MAX = 500;

/** Back by as much as an hour; not on by so much, because what is written then is due an hour later. */
function jump(random: SeededRandom): number {
  const way = random.number();
  if (way < 0.1) return -3_600_000;
  return Math.round((random.number() - 0.5) * 2 * (way < 0.5 ? 2000 : 100_000));
}

const CRASH_POINTS: readonly CrashPoint[] = ['before', 'cached', 'synced', 'acknowledged', 'told'];

const DRAWS: Record<FaultName, Draw> = {
  crash: (random, atMs, { peers }) => ({
    do: 'crash',
    atMs,
    peer: random.integer(peers),
    downMs: up(random, 20_000),
  }),
  'crash in write': (random, atMs, { peers }) => ({
    do: 'crash in write',
    atMs,
    peer: random.integer(peers),
    point: CRASH_POINTS[random.integer(CRASH_POINTS.length)] as CrashPoint,
    // What comes while a slow disk writes is written together: of two spaces, own and others'.
    times: random.number() < 0.5 ? 1 : 1 + random.integer(200),
    downMs: up(random, 10_000),
  }),
  'crash at an await': (random, atMs, { peers }) => ({
    do: 'crash at an await',
    atMs,
    peer: random.integer(peers),
    awaits: Math.floor(AWAITS_MAX ** random.number()) - 1,
    downMs: up(random, 10_000),
  }),
  'torn write': (random, atMs, { peers }) => ({
    do: 'torn write',
    atMs,
    peer: random.integer(peers),
    downMs: up(random, 10_000),
  }),
  leave: (random, atMs, { peers }) => ({
    do: 'leave',
    atMs,
    peer: random.integer(peers),
    awayMs: up(random, 20_000),
  }),
  cut: (random, atMs, { peers }) => ({ do: 'cut', atMs, a: random.integer(peers), b: random.integer(peers) }),
  divide: (random, atMs, { peers }) => {
    const everybody = Array.from({ length: peers }, (_, i) => i);
    const side = random.shuffle(everybody).slice(0, 1 + random.integer(peers - 1));
    return { do: 'divide', atMs, side, oneWay: random.number() < 0.5, forMs: up(random, 30_000) };
  },
  lossy: (random, atMs) => ({
    do: 'lossy',
    atMs,
    part: 0.1 + 0.8 * random.number(),
    forMs: up(random, 20_000),
  }),
  slow: (random, atMs, { peers }) => ({
    do: 'slow',
    atMs,
    peer: random.integer(peers),
    ms: up(random, 3000),
    forMs: up(random, 20_000),
  }),
  'streams hang': (random, atMs, { peers }) => ({
    do: 'streams hang',
    atMs,
    peer: random.integer(peers),
    forMs: up(random, 10_000),
  }),
  'disk full': (random, atMs, { peers }) => ({
    do: 'disk full',
    atMs,
    peer: random.integer(peers),
    forMs: up(random, 15_000),
  }),
  'disk unreadable': (random, atMs, { peers }) => ({
    do: 'disk unreadable',
    atMs,
    peer: random.integer(peers),
    forMs: up(random, 5000),
  }),
  'disk slow': (random, atMs, { peers }) => ({
    do: 'disk slow',
    atMs,
    peer: random.integer(peers),
    times: 1 + random.integer(200),
    forMs: up(random, 15_000),
  }),
  'bit flip': (random, atMs, { peers }) => ({
    do: 'bit flip',
    atMs,
    peer: random.integer(peers),
    where: random.number(),
    bit: random.integer(5000),
  }),
  'sync lost': (random, atMs, { peers }) => ({
    do: 'sync lost',
    atMs,
    peer: random.integer(peers),
    forMs: up(random, 20_000),
  }),
  clock: (random, atMs, { peers }) => ({
    do: 'clock',
    atMs,
    peer: random.integer(peers),
    byMs: jump(random),
  }),
  'restore backup': (random, atMs, { peers }) => ({
    do: 'restore backup',
    atMs,
    peer: random.integer(peers),
    agoMs: up(random, 30_000),
  }),
  'copy directory': (random, atMs, { peers }) => {
    const peer = random.integer(peers);
    return { do: 'copy directory', atMs, peer, from: (peer + 1 + random.integer(peers - 1)) % peers };
  },
};

export function describeAction(action: Action): string {
  const { do: name, atMs, ...rest } = action;
  const details = Object.entries(rest).map(
    ([key, value]) => `${key} ${Array.isArray(value) ? `[${value}]` : value}`,
  );
  return `${(atMs / 1000).toFixed(3).padStart(9)} s  ${name}: ${details.join(', ')}`;
}
