/** Bad peers beside honest ones: how late honest facts come, who is thrown out when, and what it costs. */
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { scoped } from '../../src/base/scoped.ts';
import { startProcess } from '../bench/remote.ts';
import type { AttackerMethods, AttackReport } from './attacker-process.ts';
import type { AttackName } from './attacks.ts';
import { agree, type Crowd, type Member, startCrowd, startMember, until } from './crowd.ts';

export interface FloodOptions {
  readonly members: number;
  /** One attacker each. */
  readonly attacks: readonly AttackName[];
  /** Messages a second of each attacker, to all victims together. */
  readonly perSecond: number;
  /** Between visits of who was thrown out. */
  readonly returnMs: number;
  /** Facts a second of each honest peer. */
  readonly writes: number;
  readonly quietSeconds: number;
  readonly floodSeconds: number;
  /** Attackers come back under other peer ids. */
  readonly renames: boolean;
  /** The flood goes on until then, a minute at most. */
  readonly isEnough?: (attacks: readonly AttackOutcome[]) => boolean;
  readonly say: (line: string) => void;
}

export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface AttackOutcome {
  readonly attack: AttackName;
  readonly sentPerSecond: number;
  /** Encounters with a victim, and how many of them ended with the connection cut. */
  readonly encounters: number;
  readonly cut: number;
  /** Ms from the first message to the end of the connection. */
  readonly cutMsMax: number;
  /** Messages that were sent to a victim until it cut the connection, and maybe never arrived. */
  readonly sentUntilCutMax: number;
  readonly refused: number;
  /** Returns that were let in, and how long after the first was thrown out the last of these was, in ms. */
  readonly letIn: number;
}

/** How honest peers fared for a while. */
export interface Phase extends Latency {
  /** Cores in use, of 1 each, by honest peers and by the attackers' process. */
  readonly memberCores: number;
  readonly attackerCores: number;
}

export interface FloodOutcome {
  readonly quiet: Phase;
  readonly flood: Phase;
  readonly after: Latency;
  readonly attacks: readonly AttackOutcome[];
  /** Messages that were due, and for which the streams had no room. */
  readonly blocked: number;
  /** Peer ids that the attackers used. */
  readonly names: number;
  readonly rssMaxMiB: number;
  /** Facts written, and whether every honest peer ends with all of them. */
  readonly written: number;
  readonly lost: number;
  readonly agreed: boolean;
  /** Ms that a new honest peer took to join and have everything during the flood. */
  readonly joinMs: number | undefined;
  readonly metrics: Readonly<Record<string, number>>;
}

interface Attacked {
  readonly phase: Phase;
  readonly report: AttackReport;
  readonly joinMs: number | undefined;
}

const AFTER_SECONDS = 5;
const AGREE_MS = 60_000;
const JOIN_MS = 30_000;

export async function flood(options: FloodOptions): Promise<FloodOutcome> {
  return scoped(await startCrowd(options.members), (crowd) => attack(crowd, options));
}

async function attack(crowd: Crowd, options: FloodOptions): Promise<FloodOutcome> {
  const { members } = crowd;
  const { attacks, quietSeconds, floodSeconds, say } = options;
  await Promise.all(members.map((member) => member.startWriting(options.writes)));
  await setTimeout(2000);
  say(`${quietSeconds} s of quiet`);
  const { phase: quiet } = await observe(crowd, quietSeconds);
  say(`${floodSeconds} s of ${attacks.join(', ')}`);
  const flooded = await underAttack(crowd, options);
  await latencies(members);
  say(`${AFTER_SECONDS} s after it`);
  await setTimeout(AFTER_SECONDS * 1000);
  const after = await latencies(members);
  const counts = await Promise.all(members.map((member) => member.stopWriting()));
  const written = counts.reduce((sum, count) => sum + count, 0);
  const agreed = await agree(members, written, AGREE_MS);
  return {
    quiet,
    flood: flooded.phase,
    after,
    attacks: outcomes(flooded.report, floodSeconds),
    blocked: flooded.report.blocked,
    names: flooded.report.names,
    rssMaxMiB: Math.max(...(await Promise.all(members.map((member) => member.rssMaxMiB())))),
    written,
    lost: written - Math.min(...(await Promise.all(members.map(honestFacts)))),
    agreed,
    joinMs: flooded.joinMs,
    metrics: await metrics(members),
  };
}

async function underAttack(
  crowd: Crowd,
  { attacks, perSecond, returnMs, renames, floodSeconds, isEnough = () => true }: FloodOptions,
): Promise<Attacked> {
  const { addresses: victims, invite } = crowd;
  const path = join(import.meta.dirname, 'attacker-process.ts');
  return scoped(startProcess<AttackerMethods>(path, { profiles: undefined }), async ({ call: attackers }) => {
    const before = (await attackers.report()).cpuMs;
    await attackers.start({ invite, victims, attacks, perSecond, returnMs, renames });
    const { phase, joinMs } = await observe(crowd, floodSeconds, async () =>
      isEnough(outcomes(await attackers.report(), floodSeconds)),
    );
    const report = await attackers.report();
    await attackers.stop();
    const attackerCores = (report.cpuMs - before) / 1000 / floodSeconds;
    return { phase: { ...phase, attackerCores }, report, joinMs };
  });
}

/** In each phase somebody joins, which costs processors that are shared as well. */
async function observe(
  { members, invite }: Crowd,
  seconds: number,
  isEnough: () => Promise<boolean> = async () => true,
): Promise<{ readonly phase: Phase; readonly joinMs: number | undefined }> {
  await latencies(members);
  const before = await cpu(members);
  const joining = joinLate(invite, members);
  await setTimeout(seconds * 1000);
  await until(isEnough);
  const memberCores = ((await cpu(members)) - before) / 1000 / seconds;
  const phase = { ...(await latencies(members)), memberCores, attackerCores: 0 };
  return { phase, joinMs: await joining };
}

/** Facts that honest peers wrote, of those that a member holds. */
async function honestFacts(member: Member): Promise<number> {
  return member.count('*');
}

async function joinLate(invite: string, members: readonly Member[]): Promise<number | undefined> {
  await setTimeout(1000);
  const startedMs = performance.now();
  return scoped(startMember(), async ({ call: newcomer }) => {
    await newcomer.start();
    await newcomer.join(invite);
    const wanted = (await members[0]?.state())?.assertions ?? 0;
    while ((await newcomer.state()).assertions < wanted) {
      if (performance.now() - startedMs > JOIN_MS) return undefined;
      await setTimeout(50);
    }
    const tookMs = performance.now() - startedMs;
    await newcomer.stop();
    return tookMs;
  });
}

async function cpu(members: readonly Member[]): Promise<number> {
  return (await Promise.all(members.map((member) => member.cpuMs()))).reduce((sum, ms) => sum + ms, 0);
}

async function latencies(members: readonly Member[]): Promise<Latency> {
  const all = (await Promise.all(members.map((member) => member.takeLatencies())))
    .flat()
    .sort((a, b) => a - b);
  const at = (part: number) => all[Math.min(all.length - 1, Math.floor(all.length * part))] ?? Number.NaN;
  return { count: all.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function metrics(members: readonly Member[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const each of await Promise.all(members.map((member) => member.metrics())))
    for (const [name, value] of Object.entries(each)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}

function outcomes({ encounters }: AttackReport, seconds: number): AttackOutcome[] {
  return [...Map.groupBy(encounters, ({ attack }) => attack)].map(([attack, all]) => {
    const sum = (of: (encounter: (typeof all)[number]) => number) =>
      all.reduce((total, e) => total + of(e), 0);
    const met = all.filter(({ firstMs }) => firstMs !== undefined);
    const cut = met.filter(({ cutMs }) => cutMs !== undefined);
    return {
      attack,
      sentPerSecond: sum(({ sent }) => sent) / seconds,
      encounters: met.length,
      cut: cut.length,
      cutMsMax: Math.max(0, ...cut.map(({ firstMs = 0, cutMs = 0 }) => cutMs - firstMs)),
      sentUntilCutMax: Math.max(0, ...cut.map(({ sent }) => sent)),
      refused: sum(({ refused }) => refused),
      letIn: sum(({ letIn }) => letIn),
    };
  });
}
