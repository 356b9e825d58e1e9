import { afterEach, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { ADVICE, AverError } from '../base/errors.ts';
import type { Clock, Store } from '../base/ports.ts';
import { systemClock } from '../base/system-clock.ts';
import { systemRandom } from '../base/system-random.ts';
import { MemoryHub } from '../net/memory-hub.ts';
import type { Replica } from '../set/replica.ts';
import { memoryStore } from '../store/memory.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { createMemoryPeer } from '../testing/memory-peer.ts';
import type { Fact, Peer, Space, WatchEvent } from './api.ts';
import type { Problem } from './problems.ts';

const peers: Peer[] = [];
const hub = new MemoryHub({ clock: systemClock, random: systemRandom });

afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

async function newPeer(
  options: { store?: Store; clock?: Clock; near?: Peer; problems?: readonly Problem[] } = {},
): Promise<Peer> {
  const { near, ...rest } = options;
  const bootstrap = near === undefined ? [] : (await near.info()).addresses;
  const peer = await createMemoryPeer({ hub, bootstrap, ...rest });
  peers.push(peer);
  return peer;
}

/** Two peers in one space, the second by the first's invite. */
async function pair(options: Parameters<Peer['create']>[0]): Promise<[Peer, Peer, Space, Space]> {
  const a = await newPeer();
  const b = await newPeer({ near: a });
  const mine = await a.create({ pow: [], ...options });
  const theirs = await b.open((await mine.invite()).text);
  return [a, b, mine, theirs];
}

/** Resolves with the first fact of the subject that the space shows. */
async function factOf(space: Space, subject: string): Promise<Fact> {
  for await (const event of space.watch({ subject }, { signal: AbortSignal.timeout(10_000) })) {
    if (event.type !== 'erased' && event.facts[0] !== undefined) return event.facts[0];
  }
  throw new Error(`"${subject}" never came`);
}

async function all(space: Space): Promise<Fact[]> {
  return Array.fromAsync(space.query());
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof AverError) return error.code;
    throw error;
  }
  return 'no error';
}

async function metric(peer: Peer, name: string, labels: Record<string, string>): Promise<number> {
  const samples = (await peer.metrics()).filter((sample) => sample.name === name);
  const wanted = JSON.stringify(Object.entries(labels).sort());
  return (
    samples.find((sample) => JSON.stringify(Object.entries(sample.labels).sort()) === wanted)?.value ?? 0
  );
}

async function* fileOf(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

describe('two peers in an open space', () => {
  it('show each other what they write, and come to the same root [STC-01][STC-09]', async () => {
    const [, , mine, theirs] = await pair({ name: 'commons' });
    await mine.assert({ subject: 'a', predicate: 'is', object: 1 });
    await theirs.assert({ subject: 'b', predicate: 'is', object: [true, null, 'x'] });
    expect((await factOf(theirs, 'a')).object).toBe(1);
    expect((await factOf(mine, 'b')).object).toEqual([true, null, 'x']);
    expect((await mine.status()).root).toBe((await theirs.status()).root);
  });

  it('resolve competing claims alike: the latest wins, the others stay [STC-14][STC-15]', async () => {
    const [, , mine, theirs] = await pair({ name: 'commons' });
    await mine.assert({ subject: 'sky', predicate: 'colour', object: 'grey' });
    await factOf(theirs, 'sky');
    await theirs.assert({ subject: 'sky', predicate: 'colour', object: 'blue', confidence: 0.5 });
    await theirs.settled({ replicas: 1, signal: AbortSignal.timeout(10_000) });
    for (const space of [mine, theirs]) {
      const { winner, candidates } = await space.get('sky', 'colour');
      expect(winner?.object).toBe('blue');
      expect(winner?.confidence).toBe(0.5);
      expect(candidates.map((fact) => fact.object)).toEqual(['blue', 'grey']);
    }
  });

  it('can tell that it is settled: the other durably holds all of it [STC-25]', async () => {
    const [, b, mine] = await pair({ name: 'commons' });
    await mine.assert({ subject: 'a', predicate: 'is', object: 1 });
    const { replicas } = await mine.settled({ replicas: 1, signal: AbortSignal.timeout(10_000) });
    expect(replicas).toEqual([(await b.info()).peerId]);
  });
});

describe('what is written', () => {
  it('builds on the two newest claims of the same subject and predicate, and on no others [STC-04] [STC-05]', async () => {
    const peer = await newPeer();
    const space = (await peer.create({ name: 'commons', pow: [] })) as Space & { replica: Replica };
    const written = [];
    for (const subject of ['a', 'a', 'b', 'ab', 'a']) {
      written.push((await space.assert({ subject, predicate: 'n', object: 1 })).id);
    }
    await space.assert({ subject: 'a', predicate: 'other', object: 1 });
    const receipt = await space.assert([
      { subject: 'a', predicate: 'n', object: 2 },
      { subject: 'b', predicate: 'n', object: 2 },
      { subject: 'c', predicate: 'n', object: 2 },
    ]);
    const assertion = await space.replica.journal.find(hexToBytes(receipt.id));
    expect(assertion?.parents.map(bytesToHex)).toEqual([written[1], written[2], written[4]].sort());
  });

  it('does not build on what comes from so far ahead that it would drag the clock along', async () => {
    const ahead = await newPeer({
      clock: { nowMs: () => Date.now() + 90_000, setTimer: systemClock.setTimer.bind(systemClock) },
    });
    const theirs = await ahead.create({ name: 'commons', pow: [] });
    await theirs.assert({ subject: 'a', predicate: 'n', object: 'early' });
    const right = await newPeer({ near: ahead });
    const space = (await right.open((await theirs.invite()).text)) as Space & { replica: Replica };
    expect((await factOf(space, 'a')).object).toBe('early');
    const own = await space.assert({ subject: 'a', predicate: 'n', object: 'now' });
    const next = await space.assert({ subject: 'a', predicate: 'n', object: 'next' });
    const parentsOf = async (id: string) =>
      (await space.replica.journal.find(hexToBytes(id)))?.parents.map(bytesToHex);
    expect(await parentsOf(own.id)).toEqual([]);
    expect(await parentsOf(next.id)).toEqual([own.id]);
  });
});

describe('a watch', () => {
  it('begins with a snapshot and tells each later fact once, while others write', async () => {
    const peer = await newPeer();
    const space = await peer.create({ name: 'commons', pow: [] });
    for (let i = 0; i < 20; i++) await space.assert({ subject: `old/${i}`, predicate: 'n', object: i });
    const seen: string[] = [];
    const stop = new AbortController();
    const writing = (async () => {
      for (let i = 0; i < 20; i++) await space.assert({ subject: `new/${i}`, predicate: 'n', object: i });
    })();
    for await (const event of space.watch({}, { signal: stop.signal })) {
      if (event.type !== 'erased') seen.push(...event.facts.map((fact) => fact.subject));
      if (seen.length >= 40) stop.abort();
    }
    await writing;
    expect(new Set(seen).size).toBe(40);
    expect(seen.length).toBe(40);
  });

  it('ends when its signal aborts, also while nothing happens', async () => {
    const space = await (await newPeer()).create({ name: 'commons', pow: [] });
    const stop = new AbortController();
    const events: WatchEvent[] = [];
    for await (const event of space.watch({}, { signal: stop.signal })) {
      events.push(event);
      queueMicrotask(() => stop.abort());
    }
    expect(events).toEqual([{ type: 'snapshot', facts: [], complete: true }]);
  });
});

describe('an invited space', () => {
  it('lets in who comes by an invite, and nobody else', async () => {
    const [, , mine, theirs] = await pair({ name: 'club', write: 'invited' });
    await theirs.assert({ subject: 'guest', predicate: 'is', object: 'in' });
    expect((await factOf(mine, 'guest')).object).toBe('in');

    const reader = await newPeer({ near: peers[0] as Peer });
    const readOnly = await reader.open((await mine.invite({ readOnly: true })).text);
    expect((await factOf(readOnly, 'guest')).object).toBe('in');
    expect((await readOnly.status()).mayWrite).toBe(false);
    expect(await codeOf(readOnly.assert({ subject: 'x', predicate: 'y', object: 1 }))).toBe('NOT_ADMITTED');
  });

  it('admits the author key that a guest names, and refuses the link in other hands', async () => {
    const host = await newPeer();
    const guest = await newPeer({ near: host });
    const thief = await newPeer({ near: host });
    const club = await host.create({ name: 'club', write: 'invited' });
    const invite = await club.invite({ author: (await guest.info()).author });
    await (await guest.open(invite.text)).assert({ subject: 'guest', predicate: 'is', object: 'in' });
    expect((await factOf(club, 'guest')).author).toBe((await guest.info()).author);
    expect(await codeOf(thief.open(invite.text))).toBe('NOT_ADMITTED');
  });

  it('lets a reader write as soon as it opens an invite that admits it', async () => {
    const host = await newPeer();
    const guest = await newPeer({ near: host });
    const club = await host.create({ name: 'club', write: 'invited' });
    const theirs = await guest.open((await club.invite({ readOnly: true })).text);
    await guest.open((await club.invite()).text);
    expect((await theirs.status()).mayWrite).toBe(true);
    await theirs.assert({ subject: 'guest', predicate: 'is', object: 'in' });
    expect((await factOf(club, 'guest')).object).toBe('in');
  });

  it('cannot be opened for writing by who did not make it', async () => {
    const [, , , theirs] = await pair({ name: 'club', write: 'invited' });
    expect(await codeOf(theirs.invite())).toBe('NOT_ADMITTED');
    expect((await theirs.invite({ readOnly: true })).grants).toEqual({ read: true, write: false });
  });
});

describe('a restart', () => {
  it('keeps spaces, facts, root and author [STC-12][STC-13]', async () => {
    const store = memoryStore();
    const kept: Store = { ...bound(store), close: async () => undefined };
    const first = await createMemoryPeer({ hub, store: kept });
    const space = await first.create({ name: 'commons', pow: [] });
    const receipt = await space.assert({ subject: 'a', predicate: 'is', object: 1 });
    const before = await space.status();
    await first.stop();
    const again = await newPeer({ store: kept });
    const reopened = await again.open(space.id);
    expect(await reopened.status()).toMatchObject({
      root: before.root,
      assertions: 1,
      author: receipt.author,
    });
    expect((await reopened.assert({ subject: 'a', predicate: 'is', object: 2 })).seq).toBe(2);
  });

  it('of a restored backup forks its chain, keeps both branches, and goes on under a new key [STC-09]', async () => {
    const store = memoryStore();
    const original = await createMemoryPeer({
      hub,
      store: { ...bound(store), close: async () => undefined },
    });
    const space = await original.create({ name: 'commons', pow: [] });
    await space.assert({ subject: 'before', predicate: 'n', object: 0 });
    const backup = await copyOf(store);
    await space.assert({ subject: 'original', predicate: 'n', object: 1 });
    peers.push(original);
    const restored = await newPeer({ store: backup });
    const copy = await restored.open(space.id);
    const fork = await copy.assert({ subject: 'restored', predicate: 'n', object: 1 });
    expect(fork.seq).toBe(2);
    await restored.connect((await original.info()).addresses[0] as string);
    await factOf(copy, 'original');
    await factOf(space, 'restored');
    const after = await copy.assert({ subject: 'after', predicate: 'n', object: 2 });
    expect(after.author).not.toBe(fork.author);
    await factOf(space, 'after');
    const facts = (await all(space)).map((fact) => fact.subject).sort();
    expect(facts).toEqual(['after', 'before', 'original', 'restored']);
  });
});

describe('an export file', () => {
  it('carries ids, signatures and root to an empty peer, of a secret invited space too', async () => {
    const [, , mine, theirs] = await pair({ name: 'club', write: 'invited', read: 'secret' });
    await mine.assert([1, 2, 3].map((n) => ({ subject: `s${n}`, predicate: 'n', object: n })));
    await theirs.assert({ subject: 'b', predicate: 'is', object: new Uint8Array([1, 2]) });
    await factOf(mine, 'b');
    const file = await Array.fromAsync(mine.export());
    const empty = await newPeer();
    const report = await empty.import(fileOf(file));
    expect(report).toMatchObject({ space: mine.id, accepted: 2, refused: 0, pending: 0 });
    const imported = await empty.open(mine.id);
    expect((await imported.status()).root).toBe((await mine.status()).root);
    expect(await all(imported)).toEqual(await all(mine));
    expect(await empty.import(fileOf(file))).toMatchObject({ accepted: 0, known: 2 });
  });

  it('that is cut off at any frame says so; a changed byte is refused or said to be damage', async () => {
    const space = await (await newPeer()).create({ name: 'commons', pow: [] });
    for (let i = 0; i < 3; i++) await space.assert({ subject: `s${i}`, predicate: 'n', object: i });
    const file = Buffer.concat(await Array.fromAsync(space.export()));
    for (let cut = 0; cut < file.length; cut += 7) {
      const target = await createMemoryPeer({ hub });
      expect(await codeOf(target.import(fileOf([file.subarray(0, cut)])))).toBe('BAD_INPUT');
      await target.stop();
    }
    const flipped = Uint8Array.from(file);
    const at = file.length - 120;
    flipped[at] = (flipped[at] as number) ^ 1;
    const target = await newPeer();
    const report = await target.import(fileOf([flipped])).catch((error: unknown) => error as AverError);
    if (report instanceof AverError) expect(['BAD_ENCODING', 'BAD_INPUT']).toContain(report.code);
    else expect(report.refused).toBe(1);
  });
});

describe('a wrong clock', () => {
  /** A peer whose clock is off, in a space of one whose clock is right, after they met. */
  async function offBy(ms: number | (() => number)): Promise<[Peer, Space]> {
    const clock = {
      nowMs: () => Date.now() + (typeof ms === 'number' ? ms : ms()),
      steadyMs: () => performance.now(),
      setTimer: systemClock.setTimer.bind(systemClock),
    };
    const right = await newPeer();
    const space = await right.create({ name: 'commons', pow: [] });
    const wrong = await newPeer({ near: right, clock });
    const theirs = await wrong.open((await space.invite()).text);
    await wrong.connect((await right.info()).addresses[0] as string);
    await theirs.sync({ signal: AbortSignal.timeout(10_000) });
    return [wrong, theirs];
  }

  it.each([
    [5_000, 'CLOCK_AHEAD', 'they may hold the facts'],
    [-5_000, 'CLOCK_BEHIND', 'the facts look older'],
  ] as const)('that is off by %i ms is told to the writer, and counted', async (ms, code, text) => {
    const [wrong, space] = await offBy(ms);
    const { warning } = await space.assert({ subject: 'soon', predicate: 'n', object: 1 });
    expect(warning).toEqual({ code, message: expect.stringContaining(text) });
    expect(await metric(wrong, 'writes_warned', { code })).toBe(1);
    expect((await wrong.info()).problems).toEqual([]);
  });

  it.each([
    [600_000, 'CLOCK_AHEAD'],
    [-600_000, 'CLOCK_BEHIND'],
  ] as const)('that is off by %i ms is a problem of the peer', async (ms, code) => {
    const [wrong] = await offBy(ms);
    expect((await wrong.info()).problems).toEqual([expect.objectContaining({ code, advice: ADVICE[code] })]);
    expect(await metric(wrong, 'problems', { code })).toBe(1);
  });

  it('that is so far ahead that peers would hold the facts refuses to write them', async () => {
    const [wrong, space] = await offBy(600_000);
    const writing = space.assert({ subject: 'late', predicate: 'n', object: 1 });
    expect(await codeOf(writing)).toBe('CLOCK_AHEAD');
    expect(await metric(wrong, 'errors', { code: 'CLOCK_AHEAD', where: 'assert' })).toBe(1);
    expect(await all(space)).toEqual([]);
  });

  it('that jumps is noticed by the next write, not by the next ping', async () => {
    let offMs = 0;
    const [, space] = await offBy(() => offMs);
    await space.assert({ subject: 'right', predicate: 'n', object: 1 });
    offMs = 600_000;
    const writing = [2, 3].map((object) => space.assert({ subject: 'late', predicate: 'n', object }));
    expect(await Promise.all(writing.map(codeOf))).toEqual(['CLOCK_AHEAD', 'CLOCK_AHEAD']);
    offMs = 0;
    const { seq, warning } = await space.assert({ subject: 'right', predicate: 'n', object: 4 });
    expect({ seq, warning }).toEqual({ seq: 2, warning: undefined });
  });
});

describe('a full disk', () => {
  it('refuses the write, is told as a problem and counted, and is over once there is room', async () => {
    const store = faultyStore(memoryStore());
    const peer = await newPeer({ store });
    const space = await peer.create({ name: 'commons', pow: [] });
    await space.assert({ subject: 'kept', predicate: 'n', object: 1 });
    const told: string[][] = [];
    peer.on('info', ({ problems }) => told.push(problems.map(({ code }) => code)));

    store.failNext('write', 'STORE_FULL');
    expect(await codeOf(space.assert({ subject: 'lost', predicate: 'n', object: 1 }))).toBe('STORE_FULL');
    expect((await peer.info()).problems.map(({ code }) => code)).toEqual(['STORE_FULL']);
    expect(await metric(peer, 'problems', { code: 'STORE_FULL' })).toBe(1);
    for (const where of ['store', 'assert'])
      expect(await metric(peer, 'errors', { code: 'STORE_FULL', where })).toBe(1);

    await space.assert({ subject: 'again', predicate: 'n', object: 1 });
    expect((await peer.info()).problems).toEqual([]);
    expect(await metric(peer, 'problems', { code: 'STORE_FULL' })).toBe(0);
    expect((await all(space)).map(({ subject }) => subject)).toEqual(['again', 'kept']);
    expect(told).toEqual([['STORE_FULL'], []]);
  });
});

describe('what the platform lacks', () => {
  it('is told by info and shown by the metrics', async () => {
    const problem = { code: 'NO_WEBRTC', message: 'This browser has no WebRTC.' } as const;
    const peer = await newPeer({ problems: [problem] });
    expect((await peer.info()).problems).toEqual([{ ...problem, advice: ADVICE.NO_WEBRTC }]);
    expect(await metric(peer, 'problems', { code: 'NO_WEBRTC' })).toBe(1);
  });
});

describe('a call that fails', () => {
  it.each<[string, string, (peer: Peer) => Promise<unknown>]>([
    ['open', 'BAD_INVITE', (peer) => peer.open('http://localhost/#nonsense')],
    ['open', 'UNKNOWN_SPACE', (peer) => peer.open('00'.repeat(32))],
    ['import', 'BAD_INPUT', (peer) => peer.import(fileOf([]))],
    ['connect', 'BAD_INPUT', (peer) => peer.connect('nowhere')],
  ])('%s with %s is counted', async (where, code, call) => {
    const peer = await newPeer();
    expect(await codeOf(call(peer))).toBe(code);
    expect(await metric(peer, 'errors', { code, where })).toBe(1);
  });

  it('in the middle of an iteration is counted', async () => {
    const peer = await newPeer();
    const space = await peer.create({ name: 'commons', pow: [] });
    expect(await codeOf(Array.fromAsync(space.query({ author: 'nobody' })))).toBe('BAD_INPUT');
    expect(await metric(peer, 'errors', { code: 'BAD_INPUT', where: 'query' })).toBe(1);
  });

  it('because its invite expired is counted too', async () => {
    const peer = await newPeer();
    const space = await peer.create({ name: 'commons', pow: [] });
    const { text } = await space.invite({ ttlMs: 0 });
    expect(await codeOf(peer.open(text))).toBe('INVITE_EXPIRED');
    expect(await metric(peer, 'errors', { code: 'INVITE_EXPIRED', where: 'open' })).toBe(1);
  });
});

describe('a signal', () => {
  it('that is aborted ends every call with ABORTED, and nothing is written', async () => {
    const [peer, other, space] = await pair({ name: 'commons' });
    const signal = AbortSignal.abort();
    const { id } = await space.assert({ subject: 'a', predicate: 'is', object: 1 });
    const calls: readonly (() => Promise<unknown>)[] = [
      () => peer.info({ signal }),
      () => peer.peers({ signal }),
      () => peer.metrics({ signal }),
      () => peer.spaces({ signal }),
      () => peer.create({ name: 'never', signal }),
      () => peer.open(space.id, { signal }),
      () => peer.import(fileOf([]), { signal }),
      () => space.assert({ subject: 'b', predicate: 'is', object: 1 }, { signal }),
      () => space.get('a', 'is', { signal }),
      () => Array.fromAsync(space.query({}, { signal })),
      () => space.status({ signal }),
      () => space.invite({ signal }),
      () => space.erase(id, { signal }),
      () => space.trie('', { signal }),
      () => space.settled({ replicas: 1, signal }),
      () => space.sync({ signal }),
      async () => space.compare((await other.info()).peerId, { signal }),
      () => Array.fromAsync(space.export({ signal })),
    ];
    for (const call of calls) expect(await codeOf(call()), String(call)).toBe('ABORTED');
    expect((await all(space)).map((fact) => fact.subject)).toEqual(['a']);
    expect(await Array.fromAsync(space.watch({}, { signal }))).toEqual([]);
  });
});

describe('erasing', () => {
  it('forgets the payload here, keeps root and count, and leaves others alone', async () => {
    const [, , mine, theirs] = await pair({ name: 'commons' });
    const { id } = await mine.assert({ subject: 'secret', predicate: 'is', object: 'x' });
    await factOf(theirs, 'secret');
    const before = await mine.status();
    await mine.erase(id);
    expect(await all(mine)).toEqual([]);
    expect(await mine.status()).toMatchObject({ root: before.root, assertions: before.assertions });
    expect((await all(theirs)).length).toBe(1);
    expect(await codeOf(mine.erase('00'.repeat(32)))).toBe('NOT_FOUND');
  });
});

/** The store's methods as plain properties, so that single ones can be replaced. */
function bound(store: Store): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    range: (range) => store.range(range),
    write: (batch, options) => store.write(batch, options),
    flush: () => store.flush(),
    close: () => store.close(),
  };
}

async function copyOf(store: Store): Promise<Store> {
  const copy = memoryStore();
  for await (const [key, value] of store.range({ gte: new Uint8Array(0), lt: new Uint8Array([0xff]) })) {
    await copy.write([{ key, value }], { durable: true });
  }
  return copy;
}
