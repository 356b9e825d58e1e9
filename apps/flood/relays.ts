/** A relay that is killed and started again under its clients: how soon all can be reached through it again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Network } from '../../src/base/ports.ts';
import { scoped } from '../../src/base/scoped.ts';
import { startMember } from './crowd.ts';
import { startRelayedClient } from './relayed-client.ts';

export interface RelaysOptions {
  readonly clients: number;
  readonly restarts: number;
  readonly say: (line: string) => void;
}

export interface RelaysOutcome {
  /** Ms from the relay's return until a caller reached every client through it, of each restart. */
  readonly reachableMs: readonly (number | undefined)[];
}

const WITHIN_MS = 60_000;
/** The relay stays away for as long as a process takes to start again by itself. */
const AWAY_MS = 1000;

export async function relays({ clients, restarts, say }: RelaysOptions): Promise<RelaysOutcome> {
  const directory = await mkdtemp(join(tmpdir(), 'aver-relays-'));
  const networks: Network[] = [];
  const reachableMs: (number | undefined)[] = [];
  let address = '';
  try {
    for (let n = 0; n <= restarts; n++) {
      await scoped(startMember(), async (relay) => {
        const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0);
        address = await relay.call.start(directory, port);
        const startMs = performance.now();
        while (networks.length < clients) networks.push(await startRelayedClient(address));
        const isReached = await reachAll(address, networks);
        const tookMs = isReached ? performance.now() - startMs : undefined;
        if (n > 0) reachableMs.push(tookMs);
        say(
          `${n === 0 ? 'at first' : `restart ${n}`}: all ${clients} reached after ${tookMs?.toFixed(0) ?? '–'} ms`,
        );
        await relay.kill();
      });
      await setTimeout(AWAY_MS);
    }
    return { reachableMs };
  } finally {
    await Promise.all(networks.map((network) => network.stop()));
    await rm(directory, { recursive: true, force: true });
  }
}

/** Whether a caller that knows but the relay reaches each, in time. */
async function reachAll(relay: string, networks: readonly Network[]): Promise<boolean> {
  const endMs = performance.now() + WITHIN_MS;
  const caller = await startRelayedClient(relay);
  try {
    const reached = await Promise.all(
      networks.map(({ peerId }) => reach(caller, `${relay}/p2p-circuit/p2p/${peerId}`, endMs)),
    );
    return reached.every(Boolean);
  } finally {
    await caller.stop();
  }
}

async function reach(caller: Network, address: string, endMs: number): Promise<boolean> {
  while (performance.now() < endMs) {
    try {
      await caller.dial(address);
      return true;
    } catch {
      await setTimeout(250);
    }
  }
  return false;
}
