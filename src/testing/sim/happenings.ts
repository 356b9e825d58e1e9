/**
 * What can happen in a simulation, and what may come of it. All of it is counted: a fault that never
 * comes about tests nothing.
 */
import { LIES, type Lie } from './lying-network.ts';
import { FAULTS, type FaultName } from './plan.ts';
import { DEEDS, type Deed } from './rogue.ts';

const EFFECTS = [
  'gossip was lost',
  'gossip came twice',
  'gossip was overtaken',
  'a slow peer held up what was sent',
  'a blocked way held up what was sent',
  'a connection broke over a blocked way',
  'a crash undid a write',
  'a crash tore a write',
  'a crash undid a write that was said to be synced',
  'a full disk refused a write',
  'a read failed',
  'a flipped bit was read',
  'a lens met a damaged run',
  'a run was refused',
  'a run waited for what it names',
  'an author was held for its time',
  'an author key was retired',
  'a write was refused for its clock',
  'a write was acknowledged',
  'a peer opened an invite',
  'a write was refused for want of an admission',
  'a stranger asked for what is secret',
  'a peer held for good what another wrote',
] as const;
type Effect = (typeof EFFECTS)[number];

/** Comes about in attacks alone. */
type Rare = 'there was no room for what waits';

export type Happening = `fault: ${FaultName}` | `rogue: ${Deed}` | `lie: ${Lie}` | Effect | Rare;

export const HAPPENINGS: readonly Happening[] = [
  ...FAULTS.map((fault) => `fault: ${fault}` as const),
  ...DEEDS.map((deed) => `rogue: ${deed}` as const),
  ...LIES.map((lie) => `lie: ${lie}` as const),
  ...EFFECTS,
];

/** How often each of them happened. */
export type Tally = Partial<Record<Happening, number>>;
