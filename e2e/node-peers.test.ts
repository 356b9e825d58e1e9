/** Node peers among themselves: real processes over loopback. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPeer } from '../src/node.ts';
import { expect, test } from './support/fixtures.ts';
import type { NodePeer } from './support/node-peer.ts';

test('two processes: what is put in one is found in the other, at equal roots, both ways [ICG-38]', async ({
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

test('three processes in a line: the ends, which never dialled each other, hold the same [STS-22]', async ({
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

test('eight writers that were offline rejoin one hub, and all hold all eight within 5 s [STC-03]', async ({
  startPeer,
}) => {
  test.setTimeout(120_000);
  // Between Node peers TCP is enough, and nine processes without the rest leave two cores some air.
  const tcpOnly = ['--ws', 'off', '--webrtc-direct', 'off'];
  const hub = await startPeer({ flags: tcpOnly });
  const space = hub.space.id;
  const folder = mkdtempSync(join(tmpdir(), 'aver-eight-'));
  try {
    const places = Array.from({ length: 8 }, (_, i) => join(folder, `${i}`));
    for (const [i, directory] of places.entries()) await writeOffline(directory, hub.invite, `writer ${i}`);
    const flags = [...tcpOnly, '--bootstrap', hub.address()];
    const writers = await Promise.all(places.map((data) => startPeer({ data, flags })));
    const linked = async () => (await hub.api<{ peers: unknown[] }>('GET', '/peers')).peers.length;
    await expect.poll(linked, { timeout: 30_000, intervals: [50] }).toBe(8);

    const startMs = Date.now();
    const all = [hub, ...writers];
    const held = () => Promise.all(all.map(async (peer) => (await peer.status(space)).assertions));
    await expect.poll(held, { timeout: 5000, intervals: [250] }).toEqual(Array(9).fill(8));
    console.log(`eight writers hold all eight ${Date.now() - startMs} ms after the last one reached the hub`);
    expect(await roots(all, space)).toHaveLength(1);
    await Promise.all(all.map((peer) => peer.stop()));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** One fact by a peer that has never met another. */
async function writeOffline(directory: string, invite: string, subject: string): Promise<void> {
  await using peer = await createPeer({ directory, listen: false });
  const space = await peer.open(invite);
  await space.assert({ subject, predicate: 'wrote', object: 'once' });
}

test('kill -9 while writes come in loses none that was acknowledged [STC-12]', async ({ startPeer }) => {
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
