/** Bad peers in a process of their own. */
import { constants, setPriority } from 'node:os';
import { decodeInvite } from '../../src/peer/invite.ts';
import { cpuMs } from '../bench/clock.ts';
import { serve } from '../bench/remote.ts';
import { Attacker, type Encounter } from './attacker.ts';
import type { AttackName } from './attacks.ts';

export interface AttackJob {
  readonly invite: string;
  readonly victims: readonly string[];
  /** One attacker each. */
  readonly attacks: readonly AttackName[];
  readonly perSecond: number;
  readonly returnMs: number;
  readonly renames: boolean;
}

export interface AttackReport {
  readonly encounters: readonly Encounter[];
  readonly blocked: number;
  /** Peer ids used, of all attackers. */
  readonly names: number;
  readonly cpuMs: number;
}

// Elsewhere they have machines of their own: here they work when the honest peers leave a processor idle.
setPriority(constants.priority.PRIORITY_LOW);

let attackers: Attacker[] = [];
let running: Promise<unknown> = Promise.resolve();

const methods = {
  async start({ invite, attacks, ...job }: AttackJob): Promise<void> {
    const { space } = decodeInvite(invite, Date.now());
    attackers = await Promise.all(attacks.map((attack) => Attacker.start({ ...job, attack, space })));
    running = Promise.all(attackers.map((attacker) => attacker.run()));
  },

  report(): AttackReport {
    return {
      encounters: attackers.flatMap(({ encounters }) => encounters),
      blocked: attackers.reduce((sum, { blocked }) => sum + blocked, 0),
      names: attackers.reduce((sum, { names }) => sum + names, 0),
      cpuMs: cpuMs(),
    };
  },

  async stop(): Promise<void> {
    await Promise.all(attackers.map((attacker) => attacker.stop()));
    await running;
  },
};

export type AttackerMethods = typeof methods;

serve(methods);
