/** What was acknowledged stays: over reloads, restarts of browser and Node, and a full disk. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import playwrightConfig from './playwright.config.ts';
import { type App, expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';
import { Recorder, stopWriting } from './support/recorder.ts';

test('reload and restart of the browser keep everything', async ({ startPeer, watched }) => {
  const peer = await startPeer();
  const folder = mkdtempSync(join(tmpdir(), 'aver-profile-'));
  const launch = () => chromium.launchPersistentContext(folder, playwrightConfig.use?.launchOptions ?? {});
  try {
    const first = await launch();
    const app = await watched(await first.newPage()).open(peer.url);
    await app.write('kept', 'over', 'reload');
    // What the page shows of the root follows a write within moments.
    await expect.poll(() => app.root()).not.toMatch(/^0+$/);
    const root = await app.root();
    const author = await app.detail('Space', 'Your author key');
    await peer.kill();
    await app.page.goto(peer.url);
    await app.ready();
    await app.hasFact('kept', 'reload');
    await expect.poll(() => app.root()).toBe(root);
    await first.close();

    const second = await launch();
    const again = await watched(await second.newPage()).open(peer.url);
    await again.hasFact('kept', 'reload');
    await expect.poll(() => again.root()).toBe(root);
    expect(await again.detail('Space', 'Your author key')).toBe(author);
    await again.show('Facts');
    await again.write('kept', 'on', 'the same chain');
    await expect(again.outcome).toContainText('number 2');
    await second.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('restart of the Node peer keeps everything, killed or stopped [STC-12] [STC-34]', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  await peer.put('kept', 'over', 'kill');
  const { root } = await peer.status();
  const { peerId, url } = peer;
  await peer.kill();
  await peer.restart();
  expect((await peer.status()).root).toBe(root);
  expect({ peerId: peer.peerId, url: peer.url }).toEqual({ peerId, url });
  await peer.stop();
  await peer.restart();
  expect((await peer.status()).root).toBe(root);
  const app = await openWindow(peer.url);
  await app.hasFact('kept', 'kill');
});

test('a full quota says STORE_FULL with advice, loses nothing that was acknowledged, and heals', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  // Chromium remembers for half a minute how much room there is, so the quota comes before the page.
  const app = await openWindow('about:blank');
  const devtools = await app.page.context().newCDPSession(app.page);
  const origin = new URL(peer.url).origin;
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA_BYTES });
  await app.open(peer.url);
  await app.write('before', 'is', 'safe');

  const megabytes = 2 * Math.ceil(QUOTA_BYTES / 1e6);
  for (let i = 0; i < megabytes * 20; i++) await peer.put(`big ${i}`, 'is', noise(50_000));
  await expect(async () => {
    await app.fill('too', 'much', noise(50_000));
    await app.send();
    await expect(app.outcome).toContainText('STORE_FULL', { timeout: 2000 });
  }).toPass({ timeout: 30_000 });
  await expect(app.outcome).toContainText('Free disk space or raise the quota');
  await app.filter('before');
  await app.hasFact('before', 'safe');

  await devtools.send('Storage.overrideQuotaForOrigin', { origin });
  await app.write('after', 'is', 'safe');
  await app.page.reload();
  await app.ready();
  await app.filter('after');
  await app.hasFact('after', 'safe');
  await app.filter('before');
  await app.hasFact('before', 'safe');
  await expect.poll(() => peer.objects('after')).toEqual(['safe']);
  await app.isEqualWith(1, 40_000);
});

test('a quota that two writing tabs use up is told to both; all that was acknowledged is there, and writing goes on', async ({
  startPeer,
  context,
  watched,
}) => {
  const peer = await startPeer();
  const tabs = [watched(await context.newPage()), watched(await context.newPage())];
  const devtools = await context.newCDPSession((tabs[0] as App).page);
  const origin = new URL(peer.url).origin;
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: QUOTA_BYTES });
  const recorder = new Recorder();
  for (const [i, tab] of tabs.entries()) {
    await tab.open(peer.url);
    await recorder.write(tab.page, `tab-${i}`, 60_000);
  }
  // It cannot give back what the browser loses.
  await peer.kill();
  for (const tab of tabs) await expect(tab.outcome).toContainText('STORE_FULL', { timeout: 30_000 });
  for (const tab of tabs) await stopWriting(tab.page);
  expect([...recorder.refusals.keys()].filter((said) => !said.includes('STORE_FULL'))).toEqual([]);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin });
  for (const tab of tabs) await tab.write('after', 'the', 'flood');
  await peer.restart();
  for (const tab of tabs) await tab.isEqualWith(1, 40_000);
  expect(recorder.acknowledged.length).toBeGreaterThan(10);
  expect(await recorder.expectAllAt(peer)).toMatchObject({ authors: 1 });
  // From the disk alone.
  const root = (await peer.status()).root;
  for (const tab of tabs) await tab.page.reload();
  for (const tab of tabs) await tab.ready();
  await expectEqualRoots(tabs, [async () => root]);
});

/** Text that the browser's store cannot compress. */
function noise(length: number): string {
  return randomBytes(length).toString('base64').slice(0, length);
}

/** Room for the app's own files and a few megabytes of facts. */
const QUOTA_BYTES = 6_000_000;
