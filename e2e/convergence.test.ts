/** What was apart comes together: after a broken network, and without any Node peer. */
import { chromium } from '@playwright/test';
import { CHROMIUM_ARGS } from '../apps/setup/chromium.mjs';
import playwrightConfig from './playwright.config.ts';
import { type App, expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';

test('writes on both sides of a broken network converge to one root when it is back [STC-01] [STC-07] [STC-33]', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  await app.write('before', 'the', 'cut');
  await expect.poll(() => peer.objects('before')).toEqual(['cut']);

  await peer.kill();
  await expect(app.summary).toContainText('No peers', { timeout: 20_000 });
  for (let i = 0; i < 3; i++) await app.write(`window ${i}`, 'written', 'apart');
  // The command line opens the store itself: the peer writes while nobody can reach it.
  for (let i = 0; i < 3; i++)
    expect(await peer.aver('put', `node ${i}`, 'written', 'apart')).toMatchObject({ code: 0 });

  await peer.restart();
  for (let i = 0; i < 3; i++) {
    await app.hasFact(`node ${i}`, 'apart', 40_000);
    await expect.poll(() => peer.objects(`window ${i}`)).toEqual(['apart']);
  }
  await app.isEqualWith(1);
  await expectEqualRoots([app], [async () => (await peer.status()).root]);
});

test('two windows that each wrote while they were cut off end with equal roots', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const a = await openWindow(peer.url);
  const b = await openWindow(peer.url);
  await a.isEqualWith(2);
  await peer.kill();
  await b.page.context().setOffline(true);
  await a.write('a', 'wrote', 'alone');
  await b.write('b', 'wrote', 'alone');
  await b.page.context().setOffline(false);
  await peer.restart();
  await a.hasFact('b', 'alone', 40_000);
  await b.hasFact('a', 'alone', 40_000);
  await expectEqualRoots([a, b], [async () => (await peer.status()).root]);
});

test('windows reach each other directly by WebRTC after the Node peer was killed [STC-08]', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const a = await openWindow(peer.url);
  const b = await openWindow(peer.url);
  await a.show('Peers');
  await expect(directPeer(a)).toHaveCount(1, { timeout: 30_000 });

  await peer.kill();
  await expect(a.peers).toHaveCount(1, { timeout: 20_000 });
  await expect(directPeer(a)).toHaveCount(1);
  await a.show('Facts');
  await a.write('from a', 'by', 'webrtc');
  await b.hasFact('from a', 'webrtc');
  await b.write('from b', 'by', 'webrtc');
  await a.hasFact('from b', 'webrtc');
  await expectEqualRoots([a, b]);
  await a.show('Peers');
  await expect(directPeer(a)).toContainText('equal');
});

test('windows meet by WebRTC also where the browser hides its addresses, as it does for people', async ({
  startPeer,
  watched,
}) => {
  const peer = await startPeer();
  const { args: _, ...options } = playwrightConfig.use?.launchOptions ?? {};
  const browsers = [
    await chromium.launch({ ...options, args: CHROMIUM_ARGS }),
    await chromium.launch({ ...options, args: CHROMIUM_ARGS }),
  ] as const;
  try {
    const [a, b] = [watched(await browsers[0].newPage()), watched(await browsers[1].newPage())];
    await a.open(peer.url);
    await b.open(peer.url);
    await a.show('Peers');
    await expect(directPeer(a)).toHaveCount(1, { timeout: 30_000 });
    await peer.kill();
    await b.write('from b', 'by', 'webrtc');
    await a.show('Facts');
    await a.hasFact('from b', 'webrtc');
  } finally {
    for (const browser of browsers) await browser.close();
  }
});

/** The other browser, as the table of peers shows it. */
function directPeer(app: App) {
  return app.peers.filter({ hasText: /WebRTC(?! direct)/ }).filter({ hasText: 'direct, ' });
}
