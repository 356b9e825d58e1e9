/**
 * Tabs and browsers that are killed in mid-write, on a real IndexedDB: no acknowledged write is lost, no
 * chain forks, and another tab goes on within ten seconds. The Node peer that served the app is off
 * meanwhile, so that it cannot give back what the browser lost; afterwards it is asked for everything.
 *
 * A few kills here; `npm run crash:browser -- --kills 50` for more.
 */
import { SeededRandom } from '../src/testing/seeded-random.ts';
import type { App } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';
import { Recorder, stopWriting } from './support/recorder.ts';

const KILLS = Number(process.env.CRASH_KILLS ?? 6);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1e6);
const TAKEOVER_MS_MAX = 10_000;

const follows = (app: App) => app.page.getByText('follows a tab');

/** Ways for the tab that is the peer to end. */
const ENDINGS = {
  crash: async ({ app }: Tab) => {
    const devtools = await app.page.context().newCDPSession(app.page);
    // Nobody is left to answer.
    devtools.send('Page.crash').catch(() => undefined);
  },
  'SIGKILL of its process': async ({ pid }: Tab) => {
    process.kill(pid, 'SIGKILL');
  },
  close: async ({ app }: Tab) => {
    await app.page.close();
  },
};
const WAYS = [...Object.keys(ENDINGS), 'SIGKILL of the browser'] as (
  | keyof typeof ENDINGS
  | 'SIGKILL of the browser'
)[];

interface Tab {
  readonly app: App;
  readonly name: string;
  readonly pid: number;
}

test(`[STC-12] [STC-13] nothing acknowledged is lost where tabs and browsers are killed ${KILLS} times in mid-write`, async ({
  startPeer,
  profile,
}) => {
  test.setTimeout(60_000 + KILLS * 20_000);
  const random = new SeededRandom(SEED);
  const recorder = new Recorder();
  const peer = await startPeer();
  let tabs = 0;
  const open = async (): Promise<Tab> => {
    const app = await profile.open(peer.url);
    console.log('  opened', Math.round(performance.now()));
    return { app, name: `tab-${++tabs}`, pid: await profile.processOf(app.page) };
  };
  const twoTabs = async () => {
    const [leader, follower] = [await open(), await open()];
    await expect(follows(leader.app)).toBeHidden();
    await expect(follows(follower.app)).toBeVisible();
    return { leader, follower };
  };

  await profile.launch();
  const first = await open();
  await first.app.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await peer.kill();
  await first.app.page.close();

  let { leader, follower } = await twoTabs();
  await recorder.write(leader.app.page, leader.name);
  for (let kill = 0; kill < KILLS; kill++) {
    await recorder.write(follower.app.page, follower.name);
    await recorder.next(leader.name);
    await recorder.next(follower.name);
    await new Promise((resolve) => setTimeout(resolve, random.integer(400)));
    const way = WAYS[kill % WAYS.length] as (typeof WAYS)[number];
    console.log(kill, way, recorder.acknowledged.length, Math.round(performance.now()));
    const killedAtMs = performance.now();
    if (way === 'SIGKILL of the browser') {
      await profile.kill();
      await profile.launch();
      ({ leader, follower } = await twoTabs());
      await recorder.write(leader.app.page, leader.name);
    } else {
      await ENDINGS[way](leader);
      await expect(follows(follower.app)).toBeHidden({ timeout: TAKEOVER_MS_MAX });
      console.log('  hidden at', Math.round(performance.now() - killedAtMs));
      await recorder.next(follower.name, TAKEOVER_MS_MAX - (performance.now() - killedAtMs));
      test
        .info()
        .annotations.push({ type: way, description: `${Math.round(performance.now() - killedAtMs)} ms` });
      console.log('  next at', Math.round(performance.now() - killedAtMs));
      leader = follower;
      follower = await open();
    }
  }

  await stopWriting(leader.app.page);
  await peer.restart();
  await leader.app.isEqualWith(1, 60_000);
  const held = await recorder.expectAllAt(peer);
  console.log({
    kills: KILLS,
    seed: SEED,
    acknowledged: recorder.acknowledged.length,
    ...held,
    refusals: recorder.refusals,
  });
  expect(held.authors).toBe(1);
  expect([...recorder.refusals]).toEqual([]);
  expect(profile.errors).toEqual([]);
});
