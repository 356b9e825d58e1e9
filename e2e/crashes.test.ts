/**
 * Tabs and browsers that are killed and frozen in mid-write, on a real IndexedDB: no acknowledged write
 * is lost, no chain forks, and another tab goes on within ten seconds.
 *
 * Some of each here; `npm run crash:browser -- --kills 50` for more.
 */
import { SeededRandom } from '../src/testing/seeded-random.ts';
import { expect, test } from './support/fixtures.ts';
import { Storm, TAKEOVER_MS_MAX, type Tab } from './support/storm.ts';
import { follows } from './support/tabs.ts';

const KILLS = Number(process.env.CRASH_KILLS ?? 4);
const FREEZES = Math.ceil(KILLS / 10);
const CHANGES = KILLS;
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1e6);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const crash = async ({ app }: Tab) => {
  const devtools = await app.page.context().newCDPSession(app.page);
  // Nobody is left to answer.
  devtools.send('Page.crash').catch(() => undefined);
};
const kill = async ({ pid }: Tab) => process.kill(pid, 'SIGKILL');
const close = ({ app }: Tab) => app.page.close();

/** For one after the other: how the tab that is the peer ends; the last time with the whole browser. */
const ENDINGS = [crash, kill, close, undefined];

test(`[STC-12] [STC-13] nothing acknowledged is lost where tabs and browsers are killed in mid-write (${KILLS} times), and up to five tabs come and go (${CHANGES} times)`, async ({
  startPeer,
  profile,
}) => {
  test.setTimeout(60_000 + KILLS * 30_000);
  const random = new SeededRandom(SEED);
  const storm = await Storm.begin(profile, await startPeer());
  const takeoversMs: number[] = [];
  for (let i = 0; i < KILLS; i++) {
    await pause(random.integer(400));
    const end = ENDINGS[i % ENDINGS.length];
    if (end === undefined) await storm.restartBrowser();
    else takeoversMs.push(await storm.endLeader(end));
    await storm.openTabs();
  }
  for (let i = 0; i < CHANGES; i++) {
    await pause(random.integer(300));
    await storm.openOrClose(random, 5);
  }
  const held = await storm.end();
  tell({ kills: KILLS, changes: CHANGES, seed: SEED, ...held, ...spread(takeoversMs) });
});

/**
 * Ways to freeze a tab for the time that a takeover may take; each resolves when it is frozen, to what
 * lets it go on. Where a process is stopped in the very fraction of a millisecond in which it hands a
 * transaction over, Chromium waits a minute for the rest; a tab that hangs hands over all or nothing.
 */
const FREEZINGS = [
  {
    takeoverMsMax: TAKEOVER_MS_MAX,
    freeze: async ({ app }: Tab) => {
      const hanging = app.page.evaluate((ms) => {
        const end = performance.now() + ms;
        while (performance.now() < end);
      }, TAKEOVER_MS_MAX);
      return () => hanging;
    },
  },
  {
    takeoverMsMax: 65_000,
    freeze: async ({ pid }: Tab) => {
      process.kill(pid, 'SIGSTOP');
      return async () => void process.kill(pid, 'SIGCONT');
    },
  },
];

test(`a peer tab that freezes in mid-write is taken over within ten seconds, and writes nothing when it goes on (${FREEZES} times)`, async ({
  startPeer,
  profile,
}) => {
  test.setTimeout(60_000 + FREEZES * 60_000);
  const random = new SeededRandom(SEED);
  const storm = await Storm.begin(profile, await startPeer());
  const takeoversMs: number[] = [];
  for (let i = 0; i < FREEZES; i++) {
    await pause(random.integer(400));
    const { freeze, takeoverMsMax } = FREEZINGS[i % FREEZINGS.length] as (typeof FREEZINGS)[number];
    const frozen = storm.leader;
    let thaw: () => Promise<void> = async () => undefined;
    const takeoverMs = await storm.endLeader(async (tab) => {
      thaw = await freeze(tab);
    }, takeoverMsMax);
    takeoversMs.push(takeoverMs);
    await thaw();
    // It follows, and goes on with what it was about to write.
    await expect(follows(frozen.app)).toBeVisible();
    await storm.saved(frozen, storm.leader);
    await frozen.app.page.close();
    await storm.openTabs();
  }
  tell({ freezes: FREEZES, seed: SEED, ...(await storm.end()), ...spread(takeoversMs) });
});

function spread(takeoversMs: readonly number[]): object {
  const sorted = takeoversMs.map(Math.round).sort((a, b) => a - b);
  return { takeoverMs: { median: sorted[sorted.length >> 1], max: sorted.at(-1) } };
}

/** For who runs many. */
function tell(figures: object): void {
  process.stderr.write(`${JSON.stringify(figures)}\n`);
}
