/** The short versions of what `npm run flood` does at length: what happens, never how fast. */
import { expect, test } from 'vitest';
import type { AttackName } from './attacks.ts';
import { eclipse } from './eclipse.ts';
import { type AttackOutcome, flood } from './flood.ts';
import { lies } from './lies.ts';
import { relays } from './relays.ts';

const TIMEOUT_MS = 180_000;
const quietly = () => undefined;

test(
  'peers that flood others with what is wrong are cut off and refused on return, and no honest fact is lost',
  async () => {
    const offences: AttackName[] = ['signatures', 'envelopes', 'frames', 'digests'];
    const wanted = (all: readonly AttackOutcome[]) => all.filter(({ attack }) => offences.includes(attack));
    const outcome = await flood({
      members: 3,
      attacks: [...offences, 'replays', 'slowloris', 'churn'],
      perSecond: 300,
      returnMs: 500,
      writes: 5,
      quietSeconds: 1,
      floodSeconds: 3,
      renames: false,
      isEnough: (all) => wanted(all).every(({ cut, refused }) => cut === 3 && refused > 0),
      say: quietly,
    });
    expect(wanted(outcome.attacks)).toHaveLength(offences.length);
    for (const { attack, encounters, cut, refused, letIn } of wanted(outcome.attacks)) {
      expect({ attack, encounters, cut, letIn }).toEqual({ attack, encounters: 3, cut: 3, letIn: 0 });
      expect(refused).toBeGreaterThan(0);
    }
    expect(outcome).toMatchObject({ lost: 0, agreed: true });
    expect(outcome.rssMaxMiB).toBeLessThanOrEqual(512);
  },
  TIMEOUT_MS,
);

test(
  'wrong clocks, replays, contradictions and unknown parents change no clock, hold up nothing and fill no more than their room',
  async () => {
    const { faults } = await lies({ replays: 5000, forks: 20, orphans: 300, say: quietly });
    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'a peer whose neighbours are Sybils, but for two, hears and is heard',
  async () => {
    const outcome = await eclipse({ sybils: 18, facts: 5, say: quietly });
    expect(outcome.connected).toBe(18);
    expect(outcome.caughtUpMs).toBeDefined();
    expect(outcome.convergedMs).toBeDefined();
  },
  TIMEOUT_MS,
);

test(
  'who is reached through a relay is reached again when it was killed and comes back',
  async () => {
    const { reachableMs } = await relays({ clients: 3, restarts: 1, say: quietly });
    expect(reachableMs).toEqual([expect.any(Number)]);
  },
  TIMEOUT_MS,
);
