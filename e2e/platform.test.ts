/** Platforms that lack something: the app says what and why, and does what it still can. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { chromium } from '@playwright/test';
import playwrightConfig from './playwright.config.ts';
import { expect, test } from './support/fixtures.ts';

const NAME = 'aver.test';

test('over plain HTTP, where browsers offer no cryptography, it says NO_WEBCRYPTO and what to do', async ({
  startPeer,
}) => {
  const peer = await startPeer({ flags: ['--allow-hosts', NAME] });
  const { args = [], ...options } = playwrightConfig.use?.launchOptions ?? {};
  const browser = await chromium.launch({
    ...options,
    args: [...args, `--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://${NAME}:${new URL(peer.url).port}/`);
    await expect(page.getByRole('heading', { name: 'Aver cannot run in this page' })).toBeVisible();
    await expect(page.getByRole('alert')).toContainText('NO_WEBCRYPTO');
    await expect(page.getByRole('alert')).toContainText('Open the page over https or on localhost');
  } finally {
    await browser.close();
  }
});

test('a host name that nobody allowed is not answered', async ({ startPeer }) => {
  const peer = await startPeer();
  const asking = request({ host: '127.0.0.1', port: new URL(peer.url).port, headers: { host: NAME } }).end();
  const [{ statusCode }] = (await once(asking, 'response')) as [IncomingMessage];
  expect(statusCode).toBe(421);
});

test('without WebRTC the app works through the Node peer and says NO_WEBRTC', async ({
  startPeer,
  openWindow,
  browser,
  watched,
}) => {
  const peer = await startPeer();
  const other = await openWindow(peer.url);
  const context = await browser.newContext();
  await context.addInitScript(() => {
    delete (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection;
  });
  const app = await watched(await context.newPage()).open(peer.url);
  await app.write('without', 'web', 'rtc');
  await other.hasFact('without', 'rtc');
  await other.write('with', 'web', 'rtc');
  await app.hasFact('with', 'rtc');
  await app.show('Status');
  const problems = app.page.getByRole('region', { name: 'Problems' });
  await expect(problems).toContainText('NO_WEBRTC');
  await expect(problems).toContainText('it syncs through Node peers');
  await app.show('Peers');
  await expect(app.peers).toHaveCount(1);
  await expect(app.peers).toContainText('WebSocket');
  await context.close();
});
