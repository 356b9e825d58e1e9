/** The installed app starts without any network and shows what it has. */
import { expect, test } from './support/fixtures.ts';

test('once loaded, the app opens without its server, shows its facts and takes new ones [STC-10]', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  await app.write('kept', 'for', 'the tunnel');
  await app.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await peer.kill();
  await app.page.context().setOffline(true);

  await app.page.goto(`${peer.url}/?view=facts`);
  await app.ready();
  await app.hasFact('kept', 'the tunnel');
  await app.write('written', 'in', 'the tunnel');
  await expect(app.summary).toContainText('No peers, saved here');
  for (const view of ['Peers', 'Trie', 'Status'] as const) await app.show(view);

  await peer.restart();
  // Once it is online again it does not wait for its turn to dial, which comes every half minute by now.
  await app.page.context().setOffline(false);
  await expect.poll(() => peer.objects('written'), { timeout: 20_000 }).toEqual(['the tunnel']);
});

test('the app can be installed: manifest, icons, and a service worker in control after the next load', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  const manifest = await app.page.evaluate(async () => {
    const href = document.querySelector<HTMLLinkElement>('link[rel=manifest]')?.href ?? '';
    return (await fetch(href)).json();
  });
  expect(manifest).toMatchObject({ name: 'Aver', display: 'standalone' });
  for (const { src } of manifest.icons as { src: string }[])
    expect((await fetch(new URL(src, `${peer.url}/`))).status).toBe(200);
  await app.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await app.page.reload();
  await app.ready();
  expect(await app.page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
});
