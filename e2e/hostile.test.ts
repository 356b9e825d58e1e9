/** A hostile peer gets nothing in and nothing out, and honest peers go on. */

import { FORGED } from '../apps/flood/forgeries.ts';
import type { Job } from './hostile.ts';
import { type App, expectEqualRoots } from './support/app.ts';
import { test as base, expect } from './support/fixtures.ts';
import { type HostilePeer, startHostile } from './support/hostile-peer.ts';
import type { NodePeer } from './support/node-peer.ts';

const test = base.extend<{ hostile: (job: Job) => Promise<HostilePeer> }>({
  hostile: async ({ browserName: _ }, use) => {
    const peers: HostilePeer[] = [];
    await use(async (job) => {
      const peer = await startHostile(job);
      peers.push(peer);
      return peer;
    });
    await Promise.all(peers.map((peer) => peer.stop()));
  },
});

const WRONG = ['signature', 'payload', 'space', 'work', 'tail'];

test('what a hostile peer pushes never shows, is counted, and honest facts go on [STS-10]', async ({
  startPeer,
  openWindow,
  hostile,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  await app.write('honest', 'before', 'attack');
  await hostile({ kind: 'push', invite: peer.invite, target: peer.address(), forgeries: WRONG });
  await expect.poll(() => rejected(peer), { timeout: 15_000 }).toBe(WRONG.length + 2);
  await hostile({ kind: 'garbage', invite: peer.invite, target: peer.address() });
  await expect
    .poll(() => peer.metric(/^aver_sync_faults/), { timeout: 15_000 })
    .toBeGreaterThanOrEqual(WRONG.length);

  await expectHonest(peer, app);
  expect((await peer.status()).quarantined).toBeGreaterThan(0);
});

test('a window that is lured into syncing with a hostile peer takes nothing from it [STS-15]', async ({
  startPeer,
  openWindow,
  hostile,
}) => {
  const peer = await startPeer();
  const app = await openWindow(peer.url);
  await app.write('honest', 'before', 'attack');
  const { addresses } = await hostile({ kind: 'serve', invite: peer.invite, forgeries: WRONG });
  await app.show('Peers');
  const form = app.page.getByRole('form', { name: 'Connect to a peer' });
  await form.getByRole('textbox').fill(addresses[0] ?? '');
  await form.getByRole('button').click();
  await peer.api('POST', '/connect', { address: addresses[0] });
  await expect.poll(() => peer.metric(/^aver_assertions_refused/), { timeout: 15_000 }).toBeGreaterThan(0);
  await expect.poll(() => peer.metric(/^aver_sync_faults/)).toBeGreaterThan(0);

  await app.show('Status');
  await expect.poll(() => app.detail('Space', 'Refused')).not.toMatch(/^0 /);
  await app.show('Facts');
  await expectHonest(peer, app);
});

test('in an invited space the facts of those who were not admitted never show', async ({
  startPeer,
  openWindow,
  hostile,
}) => {
  const peer = await startPeer();
  const { id } = await peer.api<{ id: string }>('POST', '/spaces', { name: 'club', write: 'invited' });
  const { link, text } = await peer.api<{ link: string; text: string }>('POST', peer.at('/invite', id), {
    base: `${peer.url}/`,
  });
  const app = await openWindow(link);
  await app.write('honest', 'before', 'attack');
  await expect.poll(() => peer.objects('honest', id)).toEqual(['attack']);
  const outsiders = ['unadmitted', 'selfAdmitted'];
  await hostile({ kind: 'push', invite: text, target: peer.address(), forgeries: outsiders });
  await expect.poll(() => rejected(peer), { timeout: 15_000 }).toBe(outsiders.length + 2);
  expect(await peer.metric(/push_rejected.*NOT_ADMITTED/)).toBe(outsiders.length);
  await expectHonest(peer, app, id);
});

test('a stranger with everything but the secret of a space gets nothing out and nothing in', async ({
  startPeer,
  openWindow,
  hostile,
}) => {
  const peer = await startPeer();
  const { id } = await peer.api<{ id: string }>('POST', '/spaces', { name: 'vault', read: 'secret' });
  const { link, text } = await peer.api<{ link: string; text: string }>('POST', peer.at('/invite', id), {
    base: `${peer.url}/`,
  });
  const app = await openWindow(link);
  await app.write('combination', 'is', 'swordfish');
  const stranger = await hostile({
    kind: 'stranger',
    invite: text,
    target: peer.address(),
    forgeries: ['honest'],
  });
  const { subscribers, ...answers } = stranger.answers;
  expect(new Set(Object.values(answers))).toEqual(new Set(['denied']));
  await expect.poll(() => rejected(peer), { timeout: 15_000 }).toBeGreaterThan(0);

  await app.write('combination', 'was', 'swordfish');
  await expect.poll(() => peer.objects('combination', id)).toHaveLength(2);
  const { overheard } = await stranger.look();
  for (const message of overheard) {
    expect(Buffer.from(message, 'hex').includes('swordfish')).toBe(false);
    expect(message).not.toContain(id);
  }
  await expectHonest(peer, app, id);
});

/** Messages on topics that were refused for what is in them. */
function rejected(peer: NodePeer): Promise<number> {
  return peer.metric(/^aver_push_rejected/);
}

async function expectHonest(peer: NodePeer, app: App, space = peer.space.id): Promise<void> {
  await app.write('honest', 'after', 'attack');
  await expect.poll(() => peer.objects('honest', space)).toContain('attack');
  await peer.put('node', 'is', 'well', space);
  await app.hasFact('node', 'well');
  expect(await peer.objects(`${FORGED}*`, space)).toEqual([]);
  await app.filter(FORGED);
  await expect(app.page.getByText('No fact matches this filter.')).toBeVisible();
  await app.filter('');
  await expectEqualRoots([app], [async () => (await peer.status(space)).root]);
}
