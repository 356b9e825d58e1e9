/** The machine's clock jumps by an hour, ahead and back, while the app runs. */
import type { Page } from '@playwright/test';
import { expect, test } from './support/fixtures.ts';
import { factsAt } from './support/recorder.ts';

const HOUR_MS = 3_600_000;

test('[STC-06] [STC-30] over jumps of the clock the chain stays one line in order, and what is wrong is said', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow('about:blank');
  await app.page.addInitScript(() => {
    const now = Date.now.bind(Date);
    const page = globalThis as unknown as { clockOffMs: number };
    page.clockOffMs = 0;
    Date.now = () => now() + page.clockOffMs;
  });
  await app.open(peer.url);
  await app.isEqualWith(1);
  await app.write('at', 'the', 'right time');

  // With a peer that knows better nothing is written that it would hold back.
  await setClock(app.page, HOUR_MS);
  await app.fill('an', 'hour', 'ahead');
  await app.send();
  await expect(app.outcome).toContainText('CLOCK_AHEAD');
  await expect(app.outcome).toContainText('This clock is 3600 s ahead of the peers’ clocks');
  await app.page.screenshot({ path: '/tmp/shots/clock-ahead.png' });
  await setClock(app.page, 0);
  await app.write('right', 'time', 'again');
  await expect(app.outcome).toContainText('number 2.');

  await setClock(app.page, -HOUR_MS);
  await app.write('an', 'hour', 'behind');
  await expect(app.outcome).toContainText('CLOCK_BEHIND');
  await expect(app.outcome).toContainText('number 3.');
  await app.page.screenshot({ path: '/tmp/shots/clock-behind.png' });
  await setClock(app.page, 0);

  // Alone nobody can tell. What is written meanwhile waits at the peers, and so does all that follows it.
  await peer.kill();
  await expect(app.summary).toContainText('No peers');
  await setClock(app.page, HOUR_MS);
  await app.write('alone', 'hour', 'ahead');
  await setClock(app.page, 0);
  await app.write('alone', 'right', 'time');
  await expect(app.outcome).toContainText('number 5.');
  await peer.restart();
  await expect(app.summary).not.toContainText('No peers', { timeout: 40_000 });
  await expect(async () => {
    await app.fill('back', 'with', 'peers');
    await app.send();
    await expect(app.outcome).toContainText('What was written last is dated', { timeout: 2000 });
  }).toPass();
  await app.page.screenshot({ path: '/tmp/shots/clock-after.png' });

  const facts = await app.page.evaluate(() => 0);
  const chain = (await factsAt(peer)).sort((a, b) => a.seq - b.seq);
  console.log(chain, facts);
});

async function setClock(page: Page, offMs: number): Promise<void> {
  await page.evaluate((ms) => {
    (globalThis as unknown as { clockOffMs: number }).clockOffMs = ms;
  }, offMs);
}
