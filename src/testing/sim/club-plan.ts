/** Who is in the second space of a simulation, and when. */
import type { SeededRandom } from '../seeded-random.ts';
import type { Action, PlanOptions } from './plan.ts';
import { DEEDS, type Deed } from './rogue.ts';
import { randomOf } from './seeds.ts';

/** Part of the simulations that have one. */
const CLUBS_PART = 0.3;
/** Part of the writes that go there. */
const WRITES = 0.4;
/** Part of the peers that are never invited, and of the invites that let only read. */
const STRANGERS = 0.25;
const READERS = 0.4;
const TRESPASSES = 8;
/** An invite is opened so long after it was made, at most. */
const OPENED_MS = 15_000;

/** The plan with a club in it, for some seeds: part of its writes go there. */
export function withClub(plan: readonly Action[], options: PlanOptions): Action[] {
  const { seed, peers, faultsMs, clubs = CLUBS_PART } = options;
  const random = randomOf(seed, 'club plan');
  if (peers < 3 || random.number() >= clubs) return [...plan];
  const kind = random.integer(3);
  const [founder, ...others] = random.shuffle(Array.from({ length: peers }, (_, i) => i));
  const actions: Action[] = plan.map((action) =>
    action.do === 'write' && random.number() < WRITES ? { ...action, inClub: true } : action,
  );
  actions.push({ do: 'found club', atMs: 0, peer: founder as number, secret: kind > 0, invited: kind < 2 });
  for (const peer of others) {
    if (random.number() < STRANGERS) continue;
    const readOnly = random.number() < READERS;
    actions.push(invite(random, peer, readOnly, faultsMs / 2));
    if (readOnly && random.number() < 0.5) actions.push(invite(random, peer, false, faultsMs));
  }
  for (let i = 0; i < TRESPASSES; i++) actions.push(trespass(random, peers, faultsMs));
  return actions;
}

function invite(random: SeededRandom, peer: number, readOnly: boolean, untilMs: number): Action {
  const atMs = Math.floor(random.number() * untilMs);
  return { do: 'invite', atMs, peer, readOnly, afterMs: Math.floor(random.number() ** 2 * OPENED_MS) };
}

function trespass(random: SeededRandom, peers: number, faultsMs: number): Action {
  const [atMs, at] = [Math.floor(random.number() * faultsMs), random.integer(peers)];
  return { do: 'trespass', atMs, at, deed: DEEDS[random.integer(DEEDS.length)] as Deed };
}
