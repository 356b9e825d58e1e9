/** Several tabs of one browser profile: one is the peer, the others follow it and take over. */
import { expectEqualRoots } from './support/app.ts';
import { expect, test } from './support/fixtures.ts';
import { follows, twoTabs } from './support/tabs.ts';

test('a second tab follows: it shows the same facts live and writes through the first', async ({
  startPeer,
  context,
  watched,
}) => {
  const peer = await startPeer();
  const { first, second } = await twoTabs(context, watched, peer.url);
  await first.write('from', 'the', 'peer tab');
  await second.hasFact('from', 'peer tab');
  await second.write('through', 'the', 'peer tab');
  await first.hasFact('through', 'peer tab');
  await expect.poll(() => peer.objects('through')).toEqual(['peer tab']);
  // One writer: both tabs went on with the same chain.
  await expect(second.outcome).toContainText('number 2');
  await expectEqualRoots([first, second]);
  // What the peer tab says of itself, as now that its addresses are gone, leaves the other what it is.
  await peer.kill();
  await expect.poll(() => second.detail('This peer', 'Addresses')).toMatch(/^none/);
  await expect(follows(second)).toBeVisible();
  expect(await second.detail('This peer', 'Role')).toContain('follows');
});

test('when the peer tab closes the other takes over, and no acknowledged write is lost', async ({
  startPeer,
  context,
  watched,
}) => {
  const peer = await startPeer();
  const { first, second } = await twoTabs(context, watched, peer.url);
  for (let i = 0; i < 5; i++) await second.write(`fact ${i}`, 'written', 'through');
  // One more is under way while the tab goes.
  await second.fill('fact 5', 'written', 'through');
  await Promise.all([first.page.close(), second.send()]);
  await expect(second.outcome).toContainText('Saved here');
  await expect(follows(second)).toBeHidden();
  for (let i = 0; i < 6; i++) await second.hasFact(`fact ${i}`, 'through');
  await second.write('fact 6', 'written', 'as the peer');
  await expect.poll(() => peer.objects('fact 6')).toEqual(['as the peer']);
  await second.page.reload();
  await second.ready();
  for (let i = 0; i < 7; i++) await expect(second.fact(`fact ${i}`)).toBeVisible();
});

test('`?profile=NAME` is another peer in the same browser', async ({ startPeer, context, watched }) => {
  const peer = await startPeer();
  const me = await watched(await context.newPage()).open(peer.url);
  const other = await watched(await context.newPage()).open(peer.url, { profile: 'other' });
  await expect(follows(other)).toBeHidden();
  await me.write('from', 'profile', 'default');
  await other.hasFact('from', 'default');
  expect(await other.detail('Space', 'Your author key')).not.toBe(
    await me.detail('Space', 'Your author key'),
  );
  expect(await other.detail('This peer', 'Peer id')).not.toBe(await me.detail('This peer', 'Peer id'));
  expect(await other.detail('This peer', 'Profile')).toBe('other');
  await me.isEqualWith(2);
});
