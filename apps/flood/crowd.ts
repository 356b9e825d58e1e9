/** Honest peers, each a process, who all know each other and share a space. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Remote, type Started, startProcess } from '../bench/remote.ts';
import type { MemberMethods } from './member-process.ts';

export type Member = Remote<MemberMethods>;

export interface Crowd extends AsyncDisposable {
  readonly members: readonly Member[];
  readonly addresses: readonly string[];
  readonly invite: string;
}

/** `apart`: nobody is connected to anybody, nor knows how to be. */
export async function startCrowd(count: number): Promise<Crowd> {
  const directory = await mkdtemp(join(tmpdir(), 'aver-flood-'));
  const started: Started<MemberMethods>[] = Array.from({ length: count }, () => startMember());
  const members = started.map(({ call }) => call);
  const addresses = await Promise.all(members.map((member, i) => member.start(join(directory, String(i)))));
  const [first, ...others] = members as [Member, ...Member[]];
  const invite = await first.create();
  for (const other of others) await other.join(invite);
  await until(async () => (await states(members)).every(({ peers }) => peers === count - 1));
  return {
    members,
    addresses,
    invite,
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member.stop().catch(() => undefined)));
      await Promise.all(started.map((each) => each[Symbol.asyncDispose]()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function startMember(): Started<MemberMethods> {
  return startProcess<MemberMethods>(join(import.meta.dirname, 'member-process.ts'), { profiles: undefined });
}

export function states(members: readonly Member[]) {
  return Promise.all(members.map((member) => member.state()));
}

/** Whether all hold the same, so many at least, within the time. */
export async function agree(
  members: readonly Member[],
  assertions: number,
  withinMs: number,
): Promise<boolean> {
  return until(async () => {
    const all = await states(members);
    return new Set(all.map(({ root }) => root)).size === 1 && (all[0]?.assertions ?? 0) >= assertions;
  }, withinMs);
}

/** Whether it became true in time. */
export async function until(isTrue: () => Promise<boolean>, withinMs = 60_000): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) return false;
    await setTimeout(100);
  }
  return true;
}
