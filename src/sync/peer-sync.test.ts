/** When peers sync and whom they tell, in virtual time. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { allowances } from '../base/allowance.ts';
import { loadFastHash } from '../base/hash.ts';
import { pureCrypto } from '../crypto/crypto-pure.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import { TestAuthor, testSpace } from '../testing/chains.ts';
import { actor, chunk } from '../testing/hostile.ts';
import { RawPeer } from '../testing/raw-peer.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { SyncPeer } from '../testing/sync-peer.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { OWN_LIMITS } from './requests.ts';

const SECOND = 1000;
const space = testSpace();
const crypto = pureCrypto({ yieldAfterMs: Number.POSITIVE_INFINITY });
const clock = new VirtualClock();
const stops: (() => Promise<void>)[] = [];

beforeAll(() => loadFastHash());

afterEach(async () => {
  const stopped = Promise.all(stops.splice(0).map((stop) => stop()));
  await clock.advance(60 * SECOND);
  await stopped;
});

test('who falls silent once it has brought something does not keep others from hearing of it [ICG-25]', async () => {
  const hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 20 });
  // Neither anti-entropy nor digests: what is left is that news are told.
  const rarely = { antiEntropyMs: 1000 * SECOND, digestMs: 1000 * SECOND };
  const start = (number: number) => SyncPeer.start({ hub, space, number, crypto, ...rarely });
  const [a, b] = [await start(1), await start(2)];
  stops.push(
    () => a.stop(),
    () => b.stop(),
  );
  void a.connect(b);
  await clock.advance(5 * SECOND);

  const author = await TestAuthor.create(space, crypto, 50);
  const run = await author.run(author.chain(2));
  const honestly = actor([run]);
  let hasBrought = false;
  const silent = await RawPeer.start(hub, 'silent', (request, id, stream) => {
    if (hasBrought) return [];
    hasBrought = request.type === 'pull';
    return hasBrought ? [chunk([run])] : honestly(request, id, stream);
  });
  stops.push(() => silent.network.stop());
  void silent.connect(a.id);
  await clock.advance(3 * SECOND);
  expect([a.replica.count, b.replica.count]).toEqual([2, 2]);
  // The sync that brought it waits for an answer still.
  expect(a.metric('sync_failures', { code: 'TIMEOUT' })).toBe(0);
});

test('a peer that is busy is left alone for as long as it asked, whatever happens meanwhile [ICG-22]', async () => {
  const hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 20 });
  const peer = await SyncPeer.start({ hub, space, number: 1, crypto, antiEntropyMs: 500 });
  stops.push(() => peer.stop());
  const author = await TestAuthor.create(space, crypto, 50);
  const honestly = actor([await author.run(author.chain(2))]);
  const busy = await RawPeer.start(hub, 'busy', (request, id, stream) =>
    request.type === 'roots'
      ? [{ afterMs: 2 * SECOND, answer: { type: 'busy', retryAfterMs: 30 * SECOND } }]
      : honestly(request, id, stream),
  );
  stops.push(() => busy.network.stop());
  void busy.connect(peer.id);
  // While it waits for the answer, anti-entropy wants to look again.
  await clock.advance(25 * SECOND);
  const asked = () => busy.asked.filter(({ type }) => type === 'roots').length;
  expect(asked()).toBe(1);
  await clock.advance(15 * SECOND);
  expect(asked()).toBe(2);
});

test('an application that asks for a sync over and over hears Busy, and its peer is never bothered into blaming it', async () => {
  const hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 0 });
  let offMs = 0;
  const own = { nowMs: () => clock.nowMs() + offMs, setTimer: clock.setTimer.bind(clock) };
  const a = await SyncPeer.start({ hub, space, number: 1, crypto, clock: own });
  const b = await SyncPeer.start({ hub, space, number: 2, crypto });
  stops.push(
    () => a.stop(),
    () => b.stop(),
  );
  void a.connect(b);
  await clock.advance(SECOND);
  const codes = new Map<string, number>();
  const untilMs = clock.nowMs() + 200 * SECOND;
  // Minutes of it, all without a pause.
  while (clock.nowMs() < untilMs) {
    const asked = a.sync.sync().then(
      () => 'fine',
      ({ code }) => code as string,
    );
    await clock.advance(10);
    const code = await asked;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect([...codes.keys()].sort()).toEqual(['BUSY', 'fine']);
  expect(codes.get('fine')).toBeGreaterThanOrEqual(allowances.roots.start);
  expect(b.metric('sync_faults', { code: 'BUSY' })).toBe(0);
  // Told to wait, and then the clock is set back: the wait grows no longer by it.
  for (let isBusy = false; !isBusy; ) {
    const asked = a.sync.sync().then(
      () => false,
      () => true,
    );
    await clock.advance(5);
    isBusy = await asked;
  }
  offMs = -3600 * SECOND;
  await clock.advance(30 * SECOND);
  const later = a.sync.sync();
  await clock.advance(SECOND);
  await later;
});

test('who was denied by a peer that joined in the same moment greets it again, though both hold the same', async () => {
  const hub = new MemoryHub({ clock, random: new SeededRandom(1), latencyMs: 20 });
  const rarely = { antiEntropyMs: 1000 * SECOND, digestMs: 1000 * SECOND };
  const peer = await SyncPeer.start({ hub, space, number: 1, crypto, ...rarely });
  stops.push(() => peer.stop());
  const honestly = actor([]);
  const { tag } = space;
  // It did not know the space when it was greeted; its answer comes after its own greeting.
  let greetings = 0;
  const joiner = await RawPeer.start(hub, 'joiner', (request, id, stream) =>
    request.type === 'hello' && ++greetings === 1
      ? [{ afterMs: 600, answer: { type: 'denied', code: 'UNKNOWN_SPACE' } }]
      : honestly(request, id, stream),
  );
  stops.push(() => joiner.network.stop());
  void joiner.connect(peer.id);
  await clock.advance(100);
  const opening = joiner.open(peer.id);
  await clock.advance(100);
  const stream = await opening;
  void stream.ask({ type: 'hello', tag, proof: null, clockMs: clock.nowMs(), limits: OWN_LIMITS });
  await clock.advance(600);
  expect(greetings).toBe(1);
  void stream.ask({ type: 'roots', tag, root: peer.replica.frontier.root(), count: 0 });
  await clock.advance(5 * SECOND);
  expect(greetings).toBe(2);
  const settling = peer.sync.settled(1);
  await clock.advance(5 * SECOND);
  expect(await settling).toEqual(['joiner']);
});
