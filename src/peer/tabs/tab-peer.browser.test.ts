import { afterEach, expect, test, vi } from 'vitest';
import { AverError } from '../../base/errors.ts';
import type { Store } from '../../base/ports.ts';
import { systemClock } from '../../base/system-clock.ts';
import { systemRandom } from '../../base/system-random.ts';
import { MemoryHub } from '../../net/memory-hub.ts';
import { memoryStore } from '../../store/memory.ts';
import { faultyStore } from '../../testing/faulty-store.ts';
import { createMemoryPeer } from '../../testing/memory-peer.ts';
import { TabPeer } from './tab-peer.ts';

const tabs: TabPeer[] = [];
let profiles = 0;

/** As a tab of its own: all that tabs of one profile share is the browser. */
function tab(profile: string, startPeer: ConstructorParameters<typeof TabPeer>[1]): TabPeer {
  tabs.push(new TabPeer(profile, startPeer));
  return tabs.at(-1) as TabPeer;
}

const newHub = () => new MemoryHub({ clock: systemClock, random: systemRandom });
const newProfile = () => `test-${++profiles}-${Math.random()}`;

afterEach(async () => {
  await Promise.all(tabs.splice(0).map((each) => each.stop()));
});

test('a tab that could not become the peer says why, and follows the first that could', async () => {
  const profile = newProfile();
  const first = tab(profile, async () => {
    throw new AverError('STORE_LOCKED', 'A sleeping tab holds the store.');
  });
  await expect(first.info()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  const second = tab(profile, () => createMemoryPeer({ hub: newHub() }));
  expect(await second.info()).toMatchObject({ role: 'peer' });
  await vi.waitFor(async () => expect(await first.info()).toMatchObject({ role: 'follower' }));
});

test('what the store refuses a peer tab that is being taken over, the next one does', async () => {
  const profile = newProfile();
  const hub = newHub();
  // Both use it, as two tabs do: neither closes it for the other.
  const store = { ...faultyStore(memoryStore()), close: async () => undefined };
  const refused = Promise.withResolvers<void>();
  let isFenced = false;
  const fenced: Store = {
    ...store,
    write: async (batch, options) => {
      if (!isFenced) return store.write(batch, options);
      refused.resolve();
      throw new AverError('STORE_FENCED', 'Another tab writes to this store now.');
    },
  };
  const first = tab(profile, () => createMemoryPeer({ hub, store: fenced }));
  const space = await first.create({ name: 'moving', pow: [] });
  isFenced = true;
  const writing = space.assert({ subject: 's', predicate: 'p', object: 1 });
  await refused.promise;
  // As a tab does that had no answer for so long that the first must be frozen.
  const second = tab(profile, () => createMemoryPeer({ hub, store }));
  void navigator.locks.request(`aver-peer:${profile}`, { steal: true }, () => undefined);
  expect(await writing).toMatchObject({ seq: 1 });
  expect(await second.info()).toMatchObject({ role: 'peer' });
});

test('when the store ends under the peer all tabs say why and stop; a new one begins anew', async () => {
  const profile = newProfile();
  const hub = newHub();
  let end: (why: AverError) => void = () => undefined;
  const first = tab(profile, (onEnd) => {
    end = onEnd;
    return createMemoryPeer({ hub });
  });
  await first.info();
  const second = tab(profile, () => createMemoryPeer({ hub }));
  expect(await second.info()).toMatchObject({ role: 'follower' });
  const space = await second.create({ name: 'gone', pow: [] });
  const told: string[] = [];
  for (const each of [first, second]) each.on('ended', ({ code }) => told.push(code));

  end(new AverError('STORE_GONE', 'The data of this site was deleted.'));
  const gone = { code: 'STORE_GONE' };
  await vi.waitFor(() => expect(told).toEqual(['STORE_GONE', 'STORE_GONE']));
  for (const each of [first, second]) await expect(each.info()).rejects.toMatchObject(gone);
  await expect(space.assert({ subject: 's', predicate: 'p', object: 1 })).rejects.toMatchObject(gone);

  const third = tab(profile, () => createMemoryPeer({ hub }));
  expect(await third.info()).toMatchObject({ role: 'peer', spaces: [] });
  await expect(second.info()).rejects.toMatchObject(gone);
});
