/** Node peers among themselves: real processes over loopback. */
import { expect, test } from './support/fixtures.ts';
import type { NodePeer } from './support/node-peer.ts';

test('two processes: what is put in one is found in the other, at equal roots, both ways', async ({
  startPeer,
}) => {
  const a = await startPeer();
  const b = await startPeer({ flags: ['--bootstrap', a.address()] });
  await b.api('POST', '/join', { invite: a.invite });
  const space = a.space.id;
  await a.put('from a', 'to', 'b');
  await expect.poll(() => b.objects('from a', space)).toEqual(['b']);
  await b.put('from b', 'to', 'a', space);
  await expect.poll(() => a.objects('from b')).toEqual(['a']);
  await expect.poll(() => roots([a, b], space)).toHaveLength(1);
  // The command line answers "did it sync?".
  const status = await a.aver('status', '--json');
  expect(status.code).toBe(0);
  const put = await a.aver('put', 'on', 'both', 'disks', '--replicas', '1');
  expect(put).toMatchObject({ code: 0 });
  expect(await b.objects('on', space)).toEqual(['disks']);
});

test('three processes in a line: the ends, which never dialled each other, hold the same', async ({
  startPeer,
}) => {
  const hub = await startPeer();
  const space = hub.space.id;
  const flags = ['--bootstrap', hub.address()];
  const [left, right] = await Promise.all([startPeer({ flags }), startPeer({ flags })]);
  await Promise.all([left, right].map((peer) => peer?.api('POST', '/join', { invite: hub.invite })));
  await left.put('from the left', 'to', 'the right', space);
  await expect.poll(() => right.objects('from the left', space)).toEqual(['the right']);
  await right.put('from the right', 'to', 'the left', space);
  await expect.poll(() => left.objects('from the right', space)).toEqual(['the left']);
  await expect.poll(() => roots([hub, left, right], space)).toHaveLength(1);
});

test('eight writers that were offline rejoin one hub, and all hold all eight within 5 s', async ({
  startPeer,
}) => {
  test.setTimeout(120_000);
  const hub = await startPeer();
  const space = hub.space.id;
  const writers: NodePeer[] = [];
  for (let i = 0; i < 8; i++) {
    const writer = await startPeer({ flags: ['--bootstrap', hub.address()] });
    await writer.api('POST', '/join', { invite: hub.invite });
    writers.push(writer);
  }
  await hub.stop();
  // Each alone: no writer has ever seen another's fact.
  await Promise.all(writers.map((writer) => writer.stop()));
  for (const [i, writer] of writers.entries()) {
    const put = await writer.aver('put', `writer ${i}`, 'wrote', 'once', '--space', space);
    expect(put).toMatchObject({ code: 0 });
  }
  await hub.restart();
  await Promise.all(writers.map((writer) => writer.restart()));
  const linked = async () => (await hub.api<{ peers: unknown[] }>('GET', '/peers')).peers.length;
  await expect.poll(linked, { timeout: 30_000, intervals: [50] }).toBe(8);

  const startMs = Date.now();
  const held = () =>
    Promise.all([hub, ...writers].map(async (peer) => (await peer.status(space)).assertions));
  await expect.poll(held, { timeout: 5000, intervals: [50] }).toEqual(Array(9).fill(8));
  const tookMs = Date.now() - startMs;
  console.log(`eight writers hold all eight ${tookMs} ms after the last one reached the hub`);
  expect(await roots([hub, ...writers], space)).toHaveLength(1);
});

test('kill -9 while writes come in loses none that was acknowledged', async ({ startPeer }) => {
  const peer = await startPeer();
  const acknowledged: string[] = [];
  for (let round = 0; round < 3; round++) {
    let alive = true;
    const enough = Promise.withResolvers<void>();
    const write = async (writer: number) => {
      for (let i = 0; alive; i++) {
        const subject = `round ${round} writer ${writer} fact ${i}`;
        try {
          await peer.put(subject, 'is', 'acknowledged');
        } catch {
          return; // Killed before it answered: nothing was promised.
        }
        acknowledged.push(subject);
        if (acknowledged.length >= 40 * (round + 1)) enough.resolve();
      }
    };
    const writers = Array.from({ length: 8 }, (_, i) => write(i));
    await enough.promise;
    await peer.kill();
    alive = false;
    await Promise.all(writers);
    await peer.restart();
    const { stdout } = await peer.aver('query', '--subject', 'round*', '--json');
    const lines = stdout.trim().split('\n');
    const kept = new Set(lines.map((line) => (JSON.parse(line) as { subject: string }).subject));
    expect(acknowledged.filter((subject) => !kept.has(subject))).toEqual([]);
  }
});

async function roots(peers: readonly NodePeer[], space: string): Promise<string[]> {
  return [...new Set(await Promise.all(peers.map(async (peer) => (await peer.status(space)).root)))];
}
