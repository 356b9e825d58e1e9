/** Peers that come, join a space or two, write, watch, and go: what a soak does to the one it looks at. */
import { setTimeout } from 'node:timers/promises';
import { createPeer, type Space } from '../../src/node.ts';
import { serve } from '../bench/remote.ts';

const STAY_MS = 1500;
const PAUSE_MS = 100;
const SETTLED_MS = 60_000;

let visits = 0;
let failures = 0;
let last = '';
let goesOn = true;
const loops: Promise<void>[] = [];

async function visit(invites: readonly string[], number: number): Promise<void> {
  const listen = { host: '127.0.0.1', tcp: 0, webSocket: false, webRtcDirect: false } as const;
  const peer = await createPeer({ listen });
  try {
    // Every third joins both spaces; the others one of them.
    const joined = number % 3 === 0 ? invites : invites.slice(number % 2, (number % 2) + 1);
    const spaces = await Promise.all(joined.map((invite) => peer.open(invite)));
    const end = AbortSignal.timeout(STAY_MS);
    await Promise.all([...spaces.map((space) => write(space, number)), ...spaces.map((s) => watch(s, end))]);
    await spaces[0]?.settled({ replicas: 1, signal: AbortSignal.timeout(SETTLED_MS) });
  } finally {
    await peer.stop();
  }
}

async function write(space: Space, number: number): Promise<void> {
  await space.assert({ subject: `visitor ${number % 100}`, predicate: 'was', object: 'here' });
}

async function watch(space: Space, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of space.watch({ subject: 'soak 1*' }, { signal }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const methods = {
  /** So many visits at a time, one after the other, until `stop`. */
  start(invites: readonly string[], together: number): void {
    for (let i = 0; i < together; i++) {
      loops.push(
        (async () => {
          for (let number = i; goesOn; number += together) {
            await visit(invites, number).then(
              () => visits++,
              (error: unknown) => {
                failures++;
                last = String(error);
              },
            );
            await setTimeout(PAUSE_MS);
          }
        })(),
      );
    }
  },

  counts: () => ({ visits, failures, last }),

  async stop(): Promise<void> {
    goesOn = false;
    await Promise.all(loops);
  },
};

export type CrowdMethods = typeof methods;

serve(methods);
