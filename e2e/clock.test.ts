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
  await setClock(app.page, 0);
  await app.write('right', 'time', 'again');
  await expect(app.outcome).toContainText('number 2.');

  await setClock(app.page, -HOUR_MS);
  await app.write('an', 'hour', 'behind');
  await expect(app.outcome).toContainText('CLOCK_BEHIND');
  await expect(app.outcome).toContainText('number 3.');
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
    await expect(app.outcome).toContainText('what was written last is dated', { timeout: 2000 });
  }).toPass();

  await expect(app.page.getByTestId('fact-count')).toContainText(/\b[5-9] claims/);
  const chain = (await factsAt(peer)).sort((a, b) => a.seq - b.seq);
  expect(chain.map(({ subject }) => subject)).toEqual(['at', 'right', 'an']);
  expect(chain.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  const hlcs = chain.map(({ hlc }) => hlc);
  expect(hlcs).toEqual(hlcs.toSorted());
});

async function setClock(page: Page, offMs: number): Promise<void> {
  await page.evaluate((ms) => {
    (globalThis as unknown as { clockOffMs: number }).clockOffMs = ms;
  }, offMs);
}
