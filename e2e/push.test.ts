/** Two windows on the printed address: what is written in one shows in the other at once. */

import type { App } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';

/** Milliseconds from the press of "Write" in one window to the row in the other. */
async function pushMs(from: App, to: App, subject: string): Promise<number> {
  await from.fill(subject, 'measured', 'push');
  const shown = to.page.evaluate(whenShown, subject);
  const pressed = from.page.evaluate(whenSubmitted);
  await from.form.getByRole('button', { name: 'Write' }).click();
  return (await shown) - (await pressed);
}

/** Runs in the page. Both windows are on one machine, so their clocks agree. */
function whenShown(subject: string): Promise<number> {
  return new Promise((resolve) => {
    const look = (): boolean => {
      const cells = [...document.querySelectorAll('[role=table] .clip')];
      return cells.some((cell) => cell.textContent === subject);
    };
    const observer = new MutationObserver(() => {
      if (!look()) return;
      observer.disconnect();
      resolve(Date.now());
    });
    observer.observe(document.body, { childList: true, subtree: true, characterData: true });
  });
}

function whenSubmitted(): Promise<number> {
  return new Promise((resolve) => {
    document.addEventListener('submit', () => resolve(Date.now()), { once: true, capture: true });
  });
}

test('a fact written in one window shows in the other in under a second', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const a = await openWindow(peer.url);
  const b = await openWindow(peer.url);
  await a.write('earth', 'shape', 'round');
  await b.hasFact('earth', 'round');
  await b.write('moon', 'shape', 'round');
  await a.hasFact('moon', 'round');

  const times: number[] = [];
  for (let i = 0; i < 9; i++) times.push(await pushMs(i % 2 ? b : a, i % 2 ? a : b, `push ${i}`));
  const sorted = times.toSorted((x, y) => x - y);
  test.info().annotations.push({ type: 'push, ms', description: sorted.join(' ') });
  console.log(`push from window to window, ms: ${sorted.join(' ')}`);
  expect(sorted[4]).toBeLessThan(1000);
});

test('a fact put on the command line shows in a window, and one written there is found on the command line', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  expect(await peer.aver('put', 'alice', 'likes', '["tea","rain"]')).toMatchObject({ code: 0 });
  await app.hasFact('alice', 'rain');

  await app.write('bob', 'age', '42');
  await expect.poll(() => peer.objects('bob')).toEqual([42]);
  const { stdout } = await peer.aver('get', 'bob', 'age', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ winner: { object: 42 } });
});
