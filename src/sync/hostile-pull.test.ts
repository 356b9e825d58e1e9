/** Peers that misuse pulls, fetches and their answers. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Run } from '../assertion/model.ts';
import { CborWriter } from '../base/cbor.ts';
import { loadFastHash } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import { systemClock } from '../base/system-clock.ts';
import { TestAuthor } from '../testing/chains.ts';
import { actor, chunk, HostileScene, type Lies } from '../testing/hostile.ts';
import type { Script } from '../testing/raw-peer.ts';
import { type SyncPeer, when } from '../testing/sync-peer.ts';
import { type Answer, answerTypes, requestTypes } from './messages.ts';

const scenes: HostileScene[] = [];
const MILLION = 1_000_000;

beforeAll(() => loadFastHash());

afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.stop();
});

async function scene(script: (honest: SyncPeer) => Script | Promise<Script>): Promise<HostileScene> {
  const started = await HostileScene.start(script);
  scenes.push(started);
  return started;
}

/** Runs of one assertion each, in one chain. */
async function chainOf(honest: SyncPeer, count: number, payloadBytes = 10): Promise<Run[]> {
  const author = await TestAuthor.create(honest.replica.space, honest.crypto, 50);
  const chain = author.chain(count, undefined, (n) => ({ payload: new Uint8Array(payloadBytes).fill(n) }));
  return Promise.all(chain.map((assertion) => author.run([assertion])));
}

/** Has the chain that it says it has, but for its lies. */
function liesOf(count: number, lies: (runs: readonly Run[]) => Lies, payloadBytes?: number) {
  return async (honest: SyncPeer) => {
    const runs = await chainOf(honest, count, payloadBytes);
    return actor(runs.slice(-1), { pull: () => [chunk(runs)], ...lies(runs) });
  };
}

describe('a liar', () => {
  test('that sends half of what was asked for and falls silent loses its turn, and the half is kept', async () => {
    const it = await scene(liesOf(4, (runs) => ({ pull: () => [chunk(runs.slice(0, 2), true)] })));
    const waiting = it.sync();
    await it.honestConverge(2);
    await waiting;
    expect(it.a.metric('sync_failures', { code: 'TIMEOUT' })).toBeGreaterThan(0);
    expect(it.asked('pull')).toBeLessThan(10);
    // Slow, dead or cut off: nobody can tell, so nobody is blamed.
    expect(it.faults()).toBe(0);
  });

  test('whose stream dies within an answer costs one deadline: the next request goes over another', async () => {
    const dead = new Set<number>();
    const it = await scene(async (honest) => {
      const runs = await chainOf(honest, 3);
      const honestly = actor(runs.slice(-1), { pull: () => [chunk(runs)] });
      return (request, id, stream) => {
        if (dead.has(stream)) return [];
        // The first stream of each honest peer dies with its first pull.
        if (request.type !== 'pull' || dead.size === 2) return honestly(request, id, stream);
        dead.add(stream);
        return [chunk(runs.slice(0, 1), true)];
      };
    });
    await it.sync();
    await it.sync();
    await it.honestConverge(3);
    for (const peer of [it.a, it.b]) expect(peer.metric('sync_failures', { code: 'TIMEOUT' })).toBe(1);
  });

  test('that sends more bytes than were asked for is cut off and blamed', async () => {
    const it = await scene(
      liesOf(12, (runs) => ({ pull: () => [chunk(runs, true)], more: () => [chunk(runs, true)] }), 59_000),
    );
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    expect(it.a.metric('bytes_pulled')).toBeLessThanOrEqual(limits.pullBytesMax);
    await it.honestConverge(12);
  });

  test('whose chunks are empty and never the last is cut off at the first and blamed', async () => {
    const it = await scene(
      liesOf(2, () => ({ pull: () => [chunk([], true)], more: () => [chunk([], true)] })),
    );
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    expect(it.asked('more')).toBe(0);
    await it.honestConverge();
  });

  test('that sends chunks without being let is cut off and blamed once for it', async () => {
    const it = await scene(
      liesOf(2, (runs) => ({ pull: () => new Array(6).fill(chunk(runs, true)), more: () => [] })),
    );
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    await it.honestConverge(2);
  });

  test('that answers twice is blamed, and each time', async () => {
    const it = await scene((honest) =>
      liesOf(2, () => ({ ping: () => [] }))(honest).then(
        (script): Script =>
          (request, id, stream) => {
            const answers = script(request, id, stream);
            return request.type === 'hello' ? [...answers, ...answers] : answers;
          },
      ),
    );
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    expect(it.a.metric('sync_unsolicited')).toBe(1);
    await it.honestConverge(2);
  });

  test('whose cursor never ends is asked once more for what it has not brought, not for ever', async () => {
    const cursor = { hlc: { time: 1n, counter: 0 }, id: new Uint8Array(32) };
    const it = await scene(
      liesOf(2, () => ({ pull: () => [{ type: 'runs', runs: [], open: false, cursor }] })),
    );
    await it.sync();
    expect(it.liar.asked.filter(({ type }) => type === 'pull').length).toBeLessThanOrEqual(3);
    await it.honestConverge();
  });

  test('that fills the pending set with runs whose past does not exist keeps nobody else out [ICM-29]', async () => {
    const it = await scene(async (honest) => {
      const runs: Run[] = [];
      for (let n = 0; n < 300; n++) {
        const author = await TestAuthor.create(honest.replica.space, honest.crypto, 50 + n);
        const chain = author.chain(60);
        runs.push(await author.run(chain.slice(10)));
      }
      return actor(runs);
    });
    await it.sync();
    expect(it.a.replica.pendingCount).toBeGreaterThan(0);
    expect(it.a.replica.pendingCount).toBeLessThanOrEqual(limits.pendingAssertionsMax);
    await it.honestConverge();
    await it.a.write(1);
    await it.a.sync.sync();
    expect(it.b.replica.count).toBeGreaterThanOrEqual(5);
  });

  test('that serves a payload as erased which others have costs us nothing but the asking', async () => {
    const it = await scene(async (honest) => {
      const [run] = (await chainOf(honest, 1)) as [Run];
      await honest.replica.ingest([run], { from: 'file', via: 'file' });
      const [assertion] = run.assertions;
      const erased = { ...run, assertions: [{ ...assertion, payload: undefined } as Run['assertions'][0]] };
      return actor([erased]);
    });
    await it.sync(it.b);
    expect((await it.b.replica.journal.wanted(10)).length).toBe(1);
    await it.honestConverge(1);
    expect(await it.b.sync.erasedSync()).toBe(1);
    expect(it.faults(it.b)).toBe(0);
  });
});

describe('an honest peer is not blamed', () => {
  test('for an answer that comes after we gave up', async () => {
    let roots = 0;
    const it = await scene(
      liesOf(2, (runs) => {
        const honestly = actor(runs.slice(-1));
        const afterMs = () => (roots++ === 0 ? 400 : 0);
        return {
          roots: (request, id) =>
            honestly(request, id, 0).map((answer) => ({ answer: answer as Answer, afterMs: afterMs() })),
        };
      }),
    );
    const late = it.sync();
    // Something comes on the stream meanwhile: it is not given up for one answer.
    while (roots === 0) await it.a.sync.compare('liar').catch(() => undefined);
    await it.a.sync.compare('liar');
    await late;
    await when(
      () => it.a.metric('sync_answers_late') > 0,
      (look) => [systemClock.setTimer(200, look), systemClock.setTimer(2000, look)],
    );
    await it.honestConverge(2);
    expect(it.faults()).toBe(0);
  });

  test('for a snapshot that is gone, however often', async () => {
    const it = await scene(
      liesOf(2, () => ({
        nodes: () => [{ type: 'stale' }],
        cells: () => [{ type: 'stale' }],
        diff: () => [{ type: 'stale' }],
      })),
    );
    await it.sync();
    expect(it.asked('roots')).toBeLessThanOrEqual(2 * limits.syncRoundsMax);
    expect(it.faults()).toBe(0);
    await it.honestConverge();
  });
});

describe('a list of a million', () => {
  const tag = (it: HostileScene) => it.space.tag;
  const start = (number: number) => new CborWriter().array(3).uint(1).uint(number);
  const requests: [string, (it: HostileScene) => CborWriter][] = [
    ['ids', (it) => start(requestTypes.fetch).array(2).bytes(tag(it)).array(MILLION)],
    ['ranges', (it) => start(requestTypes.pull).array(4).bytes(tag(it)).array(MILLION)],
    [
      'prefixes',
      (it) =>
        start(requestTypes.nodes)
          .array(4)
          .bytes(tag(it))
          .bytes(new Uint8Array(32))
          .bytes(new Uint8Array(16))
          .array(MILLION),
    ],
    [
      'known points',
      (it) =>
        start(requestTypes.pull)
          .array(4)
          .bytes(tag(it))
          .array(1)
          .array(4)
          .bytes(new Uint8Array(32))
          .uint(1)
          .bytes(new Uint8Array(32))
          .array(MILLION),
    ],
  ];

  test.each(requests)('of %s is refused before any is read, and its sender is blamed', async (_, frame) => {
    const it = await scene(() => actor([]));
    const stream = await it.stream();
    await stream.stream.send(frame(it).finish());
    expect(await stream.next()).toMatchObject({ type: 'error', code: 'BAD_ENCODING' });
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBe(1);
    await it.honestConverge();
  });

  const million =
    (type: 'nodes' | 'runs'): Script =>
    (_, id) => {
      const writer = new CborWriter().array(3).uint(id).uint(answerTypes[type]);
      if (type === 'runs') writer.array(3);
      return [writer.array(MILLION).finish()];
    };
  const noSketch: Script = () => {
    const root = new Uint8Array(32).fill(1);
    return [{ type: 'roots', root, count: 1, flushed: root, sketch: null }];
  };

  test.each<[string, Lies]>([
    ['nodes', { roots: noSketch, nodes: million('nodes') }],
    ['runs', { pull: million('runs') }],
  ])('of %s in an answer is refused before any is read, and its sender is blamed', async (_, lies) => {
    const it = await scene(liesOf(2, () => lies));
    await it.sync();
    expect(it.a.metric('sync_faults', { code: 'BAD_ENCODING' })).toBeGreaterThan(0);
    await it.honestConverge();
  });
});

test('runs that nobody asked for do not come in with those that were asked for', async () => {
  const it = await scene(async (honest) => {
    const [asked] = (await chainOf(honest, 1)) as [Run];
    const other = await TestAuthor.create(honest.replica.space, honest.crypto, 60);
    const unasked = await other.run(other.chain(1));
    return actor([asked], { pull: () => [chunk([unasked, asked])] });
  });
  await it.sync();
  expect(it.a.metric('sync_unsolicited')).toBe(1);
  expect(it.faults()).toBe(1);
  expect(it.a.replica.frontier.authors).toBe(2);
  await it.honestConverge(1);
});
