/** A victim among Sybils, nine of ten of its neighbours, that knows two honest peers: what it still hears, and says. */
import { join } from 'node:path';
import { scoped } from '../../src/base/scoped.ts';
import { startProcess } from '../bench/remote.ts';
import { agree, type Crowd, type Member, startCrowd, startMember, states, until } from './crowd.ts';
import type { SybilMethods } from './sybil-process.ts';

export interface EclipseOptions {
  readonly sybils: number;
  /** Facts that each side writes. */
  readonly facts: number;
  readonly say: (line: string) => void;
}

export interface EclipseOutcome {
  readonly connected: number;
  /** Ms until the victim had what was there before it came, and until all had what was written since. */
  readonly caughtUpMs: number | undefined;
  readonly convergedMs: number | undefined;
}

const HONEST = 2;
const WITHIN_MS = 60_000;

export async function eclipse(options: EclipseOptions): Promise<EclipseOutcome> {
  return scoped(await startCrowd(HONEST), (crowd) =>
    scoped(startMember(), (victim) => surround(crowd, victim.call, options)),
  );
}

async function surround(crowd: Crowd, victim: Member, options: EclipseOptions): Promise<EclipseOutcome> {
  const { members, addresses, invite } = crowd;
  const { sybils, facts, say } = options;
  const write = async (who: Member, name: string) => {
    for (let n = 0; n < facts; n++) await who.put(`${name} ${n}`);
  };
  await write(members[0] as Member, 'before');
  const address = await victim.start();
  const path = join(import.meta.dirname, 'sybil-process.ts');
  return scoped(startProcess<SybilMethods>(path, { profiles: undefined }), async ({ call }) => {
    // They are there first: the victim has the space, and nobody but them.
    await victim.joinAlone(invite);
    await call.start(sybils, invite, address);
    say(
      `${await call.connected()} Sybils around a peer that has ${(await victim.state()).assertions} assertions`,
    );
    const startMs = performance.now();
    const took = (isDone: boolean) => (isDone ? performance.now() - startMs : undefined);
    for (const bootstrap of addresses) await victim.connect(bootstrap);
    const all = [...members, victim];
    const caughtUpMs = took(await agree(all, facts, WITHIN_MS));
    await Promise.all([...all.entries()].map(([i, who]) => write(who, `since ${i}`)));
    const convergedMs = took(await agree(all, facts * (1 + all.length), WITHIN_MS));
    const connected = await call.connected();
    await until(async () => (await states(all)).length === all.length);
    await call.stop();
    await victim.stop();
    return { connected, caughtUpMs, convergedMs };
  });
}
