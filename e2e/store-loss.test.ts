/** The store goes from under a running app: its data is deleted, or another version of the app takes it. */
import { type App, expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';
import { follows, twoTabs } from './support/tabs.ts';

test('where site data is cleared, every tab says so and stops; a reload begins anew, and no chain forks', async ({
  startPeer,
  context,
  watched,
}) => {
  const peer = await startPeer();
  const { first, second } = await twoTabs(context, watched, peer.url);
  await first.write('before', 'the', 'loss');
  await expect.poll(() => peer.objects('before')).toEqual(['loss']);
  const author = await authorOf(first);

  // As the user does; who deletes the database alone is heard the same way (indexeddb.browser.test.ts).
  const devtools = await context.newCDPSession(second.page);
  await devtools.send('Storage.clearDataForOrigin', {
    origin: new URL(peer.url).origin,
    storageTypes: 'all',
  });
  for (const tab of [first, second]) {
    await expect(stopped(tab)).toContainText('STORE_GONE');
    await expect(tab.summary).toContainText('Stopped');
    await tab.fill('into', 'the', 'void');
    await tab.send();
    await expect(tab.outcome).toContainText('STORE_GONE');
  }

  await stopped(second).getByRole('button', { name: 'Reload' }).click();
  await second.ready();
  await second.hasFact('before', 'loss');
  await second.write('after', 'the', 'loss');
  await expect(second.outcome).toContainText('number 1.');
  expect(await authorOf(second)).not.toBe(author);
  // Nothing of this comes to the tab that stopped, until it begins anew too.
  await expect(stopped(first)).toBeVisible();
  await first.page.reload();
  await expect(follows(first)).toBeVisible();
  await first.hasFact('after', 'loss');
  await expect(stopped(first)).toBeHidden();
  await expectEqualRoots([first, second], [async () => (await peer.status()).root]);
  expect(await peer.objects('into')).toEqual([]);
});

test('tabs give way to a newer version of the app and say so; an older one leaves a newer store alone', async ({
  startPeer,
  context,
  watched,
}) => {
  const peer = await startPeer();
  const { first, second } = await twoTabs(context, watched, peer.url);
  await first.write('before', 'the', 'update');
  await expect.poll(() => peer.objects('before')).toEqual(['update']);
  // As the newer version would. It gets the store at once: nobody blocks it.
  const outcome = await second.page.evaluate(
    (name) =>
      new Promise<string>((resolve) => {
        const request = indexedDB.open(name, 1000);
        request.onblocked = () => resolve('blocked');
        request.onsuccess = () => {
          request.result.close();
          resolve('opened');
        };
      }),
    'aver-default',
  );
  expect(outcome).toBe('opened');
  for (const tab of [first, second]) {
    await expect(stopped(tab)).toContainText('STORE_VERSION');
    await tab.fill('into', 'the', 'void');
    await tab.send();
    await expect(tab.outcome).toContainText('STORE_VERSION');
  }
  await first.page.reload();
  const refusal = first.page.getByRole('alert');
  await expect(refusal).toContainText('STORE_VERSION');
  await expect(refusal).toContainText('update Aver');
});

/** What stands above everything in a tab whose peer has ended. */
function stopped(app: App) {
  return app.page.getByRole('alert').filter({ has: app.page.getByRole('button', { name: 'Reload' }) });
}

async function authorOf(app: App): Promise<string> {
  const author = await app.detail('Space', 'Your author key');
  await app.show('Facts');
  return author;
}
