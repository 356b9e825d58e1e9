/** Assertions that read well and are meant badly: wrong clocks, old ones again, forked chains, parents that do not exist. */
import { setTimeout } from 'node:timers/promises';
import { limits } from '../../src/base/limits.ts';
import { scoped } from '../../src/base/scoped.ts';
import { systemRandom } from '../../src/base/system-random.ts';
import { decodeInvite } from '../../src/peer/invite.ts';
import type { SpaceIdentity } from '../../src/set/genesis.ts';
import { SYNC_PROTOCOL } from '../../src/sync/messages.ts';
import { encodePush } from '../../src/sync/push.ts';
import { helloOf, rpcOf } from './attacks.ts';
import { BadNode, GOSSIP_PROTOCOL } from './bad-node.ts';
import { agree, type Crowd, type Member, startCrowd, states, until } from './crowd.ts';
import { assertion, FORGED, type Forged, newKey, run } from './forgeries.ts';

export interface LiesOptions {
  /** Old assertions that are said again. */
  readonly replays: number;
  /** Authors with two assertions in one place. */
  readonly forks: number;
  /** Assertions whose parents do not exist. */
  readonly orphans: number;
  readonly say: (line: string) => void;
}

export interface LiesOutcome {
  readonly faults: readonly string[];
  /** Assertions replayed a second, and their bytes. */
  readonly replayedPerSecond: number;
  readonly pending: number;
  readonly rssMaxMiB: number;
}

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365.25 * 24 * HOUR_MS;
const COUNTER_MAX = 2 ** 32 - 1;
const MEMBERS = 3;
const PENDING_MAX = limits.pendingAssertionsMax * limits.pendingShareMax;
const WITHIN_MS = 60_000;
/** Runs of one message: below the size of one. */
const TOGETHER = 500;

export async function lies(options: LiesOptions): Promise<LiesOutcome> {
  return scoped(await startCrowd(MEMBERS), (crowd) => tell(crowd, options));
}

/** Says pushes to each member, as fast as they are taken. */
class Liar {
  readonly #node: BadNode;
  readonly #streams: Awaited<ReturnType<BadNode['open']>>[] = [];
  readonly #space: SpaceIdentity;

  private constructor(node: BadNode, space: SpaceIdentity) {
    this.#node = node;
    this.#space = space;
  }

  /** Each its own peer id: what one is banned for does not silence the next. */
  static async start(space: SpaceIdentity, addresses: readonly string[]): Promise<Liar> {
    const liar = new Liar(await BadNode.start(systemRandom.bytes(32)), space);
    for (const address of addresses) {
      const connection = await liar.#node.dial(address);
      (await liar.#node.open(connection, SYNC_PROTOCOL)).send(helloOf(space));
      const stream = await liar.#node.open(connection, GOSSIP_PROTOCOL);
      stream.send(rpcOf({ subscriptions: [{ subscribe: true, topic: space.topic }] }));
      liar.#streams.push(stream);
    }
    return liar;
  }

  async push(runs: readonly Uint8Array[]): Promise<void> {
    for (let at = 0; at < runs.length; at += TOGETHER) {
      const data = encodePush(this.#space.id, runs.slice(at, at + TOGETHER));
      const message = rpcOf({ messages: [{ topic: this.#space.topic, data }] });
      for (const stream of this.#streams) {
        while (stream.status === 'open' && stream.writableNeedsDrain) await setTimeout(1);
        if (stream.status === 'open') stream.send(message);
      }
    }
  }

  get isHeard(): boolean {
    return this.#streams.every(({ status }) => status === 'open');
  }

  /** When everything has gone out: what is still buffered would be lost with the connection. */
  async stop(): Promise<void> {
    for (const stream of this.#streams) {
      try {
        await stream.close({ signal: AbortSignal.timeout(WITHIN_MS) });
      } catch {
        // Thrown out.
      }
    }
    await setTimeout(500);
    await this.#node.stop();
  }
}

async function tell({ members, addresses, invite }: Crowd, options: LiesOptions): Promise<LiesOutcome> {
  const { space } = decodeInvite(invite, Date.now());
  const { say } = options;
  const faults: string[] = [];
  const check = (isWell: boolean, what: string) => {
    if (isWell) say(`held: ${what}`);
    else faults.push(what);
  };
  const act = async (lie: (liar: Liar) => Promise<void>) => {
    const liar = await Liar.start(space, addresses);
    await lie(liar).finally(() => liar.stop());
  };
  let honest = 0;
  /** Honest facts still travel, and their clocks are right. */
  const goesOn = async (after: string) => {
    const beforeMs = Date.now();
    const clockMs = await (members[honest % MEMBERS] as Member).put(`honest ${honest++}`);
    const isRight = Math.abs(clockMs - beforeMs) < 60_000;
    const all = () => counts(members, 'honest *');
    const travels = await until(async () => (await all()).every((count) => count === honest), WITHIN_MS);
    check(isRight && travels, `after ${after} an honest fact has the right time and reaches everybody`);
  };

  await act((liar) => clocks(liar, space));
  await goesOn('wrong clocks');
  const seen = await Promise.all(members.map((member) => member.count(`${FORGED} time *`)));
  check(
    seen.every((count) => count === 2),
    'of wrong clocks only those that are behind, or now, show',
  );
  check(
    (await states(members)).every(({ held }) => held > 0),
    'those ahead are held',
  );

  await act(async (liar) => liar.push(await forked(space, options.forks)));
  const branches = await until(
    async () => (await counts(members, `${FORGED} fork *`)).every((count) => count === 2 * options.forks),
    WITHIN_MS,
  );
  check(branches, `both branches of ${options.forks} authors who contradict themselves are kept`);
  await goesOn('contradictions');
  check(await agree(members, 0, WITHIN_MS), 'all hold the same');

  const before = await states(members);
  let replayedPerSecond = 0;
  await act(async (liar) => {
    const startMs = performance.now();
    await replay(liar, space, options.replays, say);
    replayedPerSecond = options.replays / ((performance.now() - startMs) / 1000);
    check(liar.isHeard, 'replays are heard to the end');
  });
  await goesOn('replays');
  const wanted = (before[0]?.assertions ?? 0) + 1 + OLD;
  check(
    (await agree(members, wanted, WITHIN_MS)) && (await members[0]?.state())?.assertions === wanted,
    `${options.replays} old assertions, of which ${OLD} differ, come to ${OLD}`,
  );

  await act(async (liar) => liar.push(await orphans(space, options.orphans)));
  const waiting = async () => Math.max(...(await states(members)).map((state) => state.pending));
  await until(async () => (await waiting()) >= Math.min(options.orphans, PENDING_MAX), WITHIN_MS);
  const pending = await waiting();
  check(
    pending > 0 && pending <= PENDING_MAX,
    `of ${options.orphans} with unknown parents ${pending} wait, at most ${PENDING_MAX}`,
  );
  check(
    (await counts(members, `${FORGED} orphan *`)).every((count) => count === 0),
    'and none of them shows',
  );
  await goesOn('unknown parents');
  check(await agree(members, 0, WITHIN_MS), 'all hold the same');

  const rssMaxMiB = Math.max(...(await Promise.all(members.map((member) => member.rssMaxMiB()))));
  check(rssMaxMiB <= 512, `${rssMaxMiB.toFixed(0)} MiB of memory at most`);
  return { faults, replayedPerSecond, pending, rssMaxMiB };
}

function counts(members: readonly Member[], subject: string): Promise<number[]> {
  return Promise.all(members.map((member) => member.count(subject)));
}

async function clocks(liar: Liar, space: SpaceIdentity): Promise<void> {
  const times = { behind: -HOUR_MS, ahead: HOUR_MS, far: TEN_YEARS_MS, full: 0 };
  const made: Forged[] = [];
  for (const [name, aheadMs] of Object.entries(times)) {
    const key = await newKey();
    const counter = name === 'full' ? { counter: COUNTER_MAX } : {};
    made.push(await run([await assertion(space, key, { name: `time ${name}`, aheadMs, ...counter })], key));
  }
  await liar.push(made.map((each) => each.run));
}

/** Each author's first assertion, twice. */
async function forked(space: SpaceIdentity, count: number): Promise<Uint8Array[]> {
  const runs: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const key = await newKey();
    for (const side of ['left', 'right'])
      runs.push((await run([await assertion(space, key, { name: `fork ${n} ${side}` })], key)).run);
  }
  return runs;
}

/** So many different ones are said again and again. */
const OLD = 500;

async function replay(
  liar: Liar,
  space: SpaceIdentity,
  count: number,
  say: (line: string) => void,
): Promise<void> {
  const runs = await Promise.all(
    Array.from({ length: OLD }, async (_, n) => {
      const own = await newKey();
      return (await run([await old(space, own, n)], own)).run;
    }),
  );
  for (let done = 0; done < count; done += OLD) {
    // In another order each time, so that gossip does not know the message.
    runs.sort(() => Math.random() - 0.5);
    await liar.push(runs);
    if (done % 100_000 === 0 && done > 0) say(`${done} replayed`);
  }
}

function old(space: SpaceIdentity, key: Parameters<typeof assertion>[1], n: number) {
  return assertion(space, key, { name: `old ${n}`, aheadMs: -HOUR_MS });
}

async function orphans(space: SpaceIdentity, count: number): Promise<Uint8Array[]> {
  const runs: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const key = await newKey();
    const parents = [systemRandom.bytes(32)];
    runs.push((await run([await assertion(space, key, { name: `orphan ${n}`, parents })], key)).run);
  }
  return runs;
}
