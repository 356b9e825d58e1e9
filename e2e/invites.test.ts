/** Inviting somebody to a space, as people do it: with a link from one window into another. */
import { type App, expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';

/** Makes a secret space for invited people and gives the link that the app shows. */
async function createClub(app: App): Promise<string> {
  const { page } = app;
  await page.getByRole('button', { name: 'New space' }).click();
  const dialog = page.getByRole('dialog', { name: 'New space' });
  await dialog.getByLabel('Name').fill('club');
  await dialog.getByRole('group', { name: 'Who may write' }).getByLabel('Invited people').check();
  await dialog.getByRole('group', { name: 'Who may read' }).getByLabel('Holders of the secret').check();
  await dialog.getByRole('button', { name: 'Create space' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('combobox', { name: 'Space' })).toContainText('club');
  return inviteLink(app);
}

async function inviteLink(app: App): Promise<string> {
  await app.page.getByRole('button', { name: 'Invite', exact: true }).click();
  const dialog = app.page.getByRole('dialog', { name: 'Invite to club' });
  await expect(dialog.getByRole('img', { name: /^QR code of the invite/ })).toBeVisible();
  const link = await dialog.getByRole('textbox', { name: 'Link' }).inputValue();
  await app.page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  return link;
}

test('who opens the link of a secret, invited space reads and writes in it', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  const host = await openWindow(peer.url);
  const link = await createClub(host);
  expect(link).toMatch(/^http:\/\/localhost:\d+\/#[\w-]+$/);
  await host.write('welcome', 'to', 'the club');

  const guest = await openWindow(link);
  await expect(guest.page).not.toHaveURL(/#/);
  await guest.hasFact('welcome', 'the club');
  await guest.write('thanks', 'from', 'the guest');
  await host.hasFact('thanks', 'the guest');
  expect(await guest.detail('Space', 'May read')).toBe('holders of the secret');
  await expectEqualRoots([host, guest]);
  // The Node peer carries the signalling and knows nothing of the space.
  const { spaces } = await peer.api<{ spaces: { name: string }[] }>('GET', '/spaces');
  expect(spaces.map(({ name }) => name)).toEqual(['commons']);
});

test('an invite that was made on the command line is taken as text in the dialog', async ({
  startPeer,
  openWindow,
}) => {
  const peer = await startPeer();
  await peer.aver('create', 'team', '--read', 'secret');
  await peer.aver('put', 'plan', 'is', 'ready', '--space', 'team');
  const { stdout } = await peer.aver('invite', '--space', 'team', '--json');
  const { text } = JSON.parse(stdout) as { text: string };
  const app = await openWindow(peer.url);
  await app.page.getByRole('button', { name: 'Join', exact: true }).click();
  const dialog = app.page.getByRole('dialog', { name: 'Join a space' });
  await dialog.getByLabel('Invite link or text').fill(`  ${text}\n`);
  await dialog.getByRole('button', { name: 'Join space' }).click();
  await app.hasFact('plan', 'ready');
});

test('a damaged, a cut and an expired link each say what to do', async ({
  startPeer,
  openWindow,
  page,
  watched,
}) => {
  const peer = await startPeer();
  const lifetime = { ttlMs: 1, base: `${peer.url}/` };
  const { link: expired } = await peer.api<{ link: string }>('POST', peer.at('/invite'), lifetime);
  const good = peer.invite;
  const flipped = `${good.slice(0, -9)}${good.at(-9) === 'A' ? 'B' : 'A'}${good.slice(-8)}`;
  const cases = [
    { link: flipped, code: 'BAD_INVITE', advice: 'Copy the whole link again' },
    { link: good.slice(0, -20), code: 'BAD_INVITE', advice: 'Copy the whole link again' },
    { link: expired, code: 'INVITE_EXPIRED', advice: 'Ask for a new invite' },
  ];
  const app = await openWindow(peer.url);
  for (const { link, code, advice } of cases) {
    await app.page.goto('about:blank');
    await app.page.goto(link);
    const dialog = app.page.getByRole('dialog', { name: 'This invite cannot be used' });
    await expect(dialog.getByRole('alert')).toContainText(code);
    await expect(dialog.getByRole('alert')).toContainText(advice);
    await dialog.getByRole('button', { name: 'Go on' }).click();
    await expect(app.page.getByRole('combobox', { name: 'Space' })).toContainText('commons');
  }
  // Somebody who has no space yet is told on the first page.
  const stranger = watched(page);
  await page.route('**/bootstrap.json', (route) => route.fulfill({ json: { addresses: [] } }));
  await page.goto(expired);
  await expect(page.getByRole('alert')).toContainText('INVITE_EXPIRED');
  await expect(stranger.page.getByRole('heading', { name: 'No space yet' })).toBeVisible();
});
