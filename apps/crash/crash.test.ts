/** The short versions of `npm run crash`: real processes, real LevelDB. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { damageFiles } from './damage.ts';
import { buildFailingDisk } from './failing-disk.ts';
import { type FaultReport, failPort } from './faults.ts';
import { killWriters } from './kills.ts';
import { Hub, openSpace } from './peers.ts';
import { cutPower } from './power.ts';
import { readRows } from './raw-rows.ts';
import { rawSet } from './raw-set.ts';

const TIMEOUT_MS = 180_000;

let place: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'aver-crash-test-'));
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

test('writers that are killed at every named point lose nothing acknowledged, and open with the root of their runs [STC-12][STC-13][STC-34]', {
  timeout: TIMEOUT_MS,
}, async () => {
  const lives = await killWriters({ kills: 22, seed: 1 });
  expect(
    lives.flatMap(({ life, at, breaches }) => breaches.map((breach) => `${life} ${at}: ${breach}`)),
  ).toEqual([]);
  expect(Math.max(...lives.map(({ acknowledged }) => acknowledged))).toBeGreaterThan(50);
});

test('whichever write fails says so, loses nothing acknowledged and forks no chain, and the next one works [STC-12]', {
  timeout: TIMEOUT_MS,
}, async () => {
  const reports: FaultReport[] = [];
  await failPort((report) => void reports.push(report));
  expect(reports.length).toBeGreaterThan(10);
  expect(reports.filter(({ breaches }) => breaches.length > 0)).toEqual([]);
  expect(reports.some(({ codes }) => codes.includes('STORE_FAILED'))).toBe(true);
});

describe('on a machine with a C compiler', () => {
  test('what was not synced may vanish: what was acknowledged and all that it builds on stays [STC-12][STC-04]', {
    timeout: TIMEOUT_MS,
  }, async ({ skip }) => {
    if (buildFailingDisk(place) === undefined) skip('syncs cannot be watched here');
    const cuts = await cutPower({ cuts: 4, states: 5, seed: 1 });
    expect(cuts?.flatMap(({ breaches }) => breaches)).toEqual([]);
  });
});

test('a log that is cut anywhere keeps what is before, and a peer gives the rest again; a manifest that is damaged says so and can be repaired [STC-35]', {
  timeout: TIMEOUT_MS,
}, async () => {
  const reports = await damageFiles({ step: 8000, flips: 0, tables: 0, seed: 1 });
  const cuts = reports.filter(({ file }) => file === '*.log');
  expect(cuts.length).toBeGreaterThan(5);
  expect(reports.flatMap(({ breaches }) => breaches)).toEqual([]);
  expect(cuts.filter(({ healed, opened }) => !healed || (opened !== 'less' && opened !== 'whole'))).toEqual(
    [],
  );
  const files = reports.filter(({ file }) => file === 'MANIFEST' || file === 'CURRENT');
  // LevelDB's own repair does not tell what it dropped, so the author goes on under a new key.
  expect(files.map(({ opened, repaired, healed, forgot }) => [opened, repaired, healed, forgot])).toEqual([
    ['STORE_CORRUPT', true, true, true],
    ['STORE_CORRUPT', true, true, true],
  ]);
});

test('a bit that flips in any part of a table keeps the store shut, shows and serves nobody what was not written, and everything is back after a repair [STC-35]', {
  timeout: TIMEOUT_MS,
}, async () => {
  const reports = await damageFiles({ step: 1_000_000, flips: 0, tables: 24, seed: 1 });
  const tables = reports.filter(({ file, damage }) => file === '*.ldb' && damage !== 'empty');
  expect(tables).toHaveLength(24);
  expect(reports.flatMap(({ breaches }) => breaches)).toEqual([]);
  // Of the footer some bytes mean nothing.
  const unnoticed = tables.filter(({ opened }) => opened !== 'STORE_CORRUPT');
  expect(unnoticed.filter(({ damage, opened }) => opened !== 'whole' || !damage.includes('footer'))).toEqual(
    [],
  );
  // Where all rows are there, nothing of the own chain can be lost.
  const sound = tables.filter(({ damage }) => /filter|index|footer/.test(damage));
  expect(sound.filter(({ forgot }) => forgot)).toEqual([]);
});

test('a backup that is put back writes beside its later self: both stay, and it goes on under a new key [MSH-07]', {
  timeout: TIMEOUT_MS,
}, async () => {
  const [data, backup] = [join(place, 'data'), join(place, 'backup')];
  const hub = new Hub();
  let peer = await hub.start(await openLevelDb({ directory: data }));
  let { space } = await openSpace(peer);
  const neighbour = await hub.neighbour(peer, space);
  await space.assert({ subject: 'day', predicate: 'is', object: 1 });
  await peer.stop();
  cpSync(data, backup, { recursive: true });

  peer = await hub.start(await openLevelDb({ directory: data }));
  ({ space } = await openSpace(peer));
  const { author } = await space.status();
  await peer.connect((await neighbour.peer.info()).addresses[0] as string);
  await space.assert({ subject: 'day', predicate: 'is', object: 2 });
  await space.settled({ replicas: 1, signal: AbortSignal.timeout(10_000) });
  await peer.stop();

  // Off the network it cannot know that it wrote more once.
  rmSync(data, { recursive: true });
  cpSync(backup, data, { recursive: true });
  peer = await hub.start(await openLevelDb({ directory: data }));
  ({ space } = await openSpace(peer));
  const again = await space.assert({ subject: 'day', predicate: 'is', object: 3 });
  expect(again).toMatchObject({ author, seq: 2 });
  await peer.connect((await neighbour.peer.info()).addresses[0] as string);
  await space.settled({ replicas: 1, signal: AbortSignal.timeout(10_000) });
  // Both ways: it must have seen what its later self wrote before it writes again.
  for (const each of [neighbour.space, space]) await each.sync({ signal: AbortSignal.timeout(10_000) });

  const after = await space.assert({ subject: 'day', predicate: 'is', object: 4 });
  expect(after.author).not.toBe(author);
  await space.settled({ replicas: 1, signal: AbortSignal.timeout(10_000) });
  const { candidates } = await neighbour.space.get('day', 'is');
  expect(candidates.map(({ object }) => object).sort()).toEqual([1, 2, 3, 4]);
  expect((await neighbour.space.status()).root).toBe((await space.status()).root);
  const metrics = await peer.metrics();
  expect(metrics.find(({ name }) => name === 'author_keys_retired')?.value).toBe(1);
  const { id, root } = { id: space.id, root: (await space.status()).root };
  await neighbour.peer.stop();
  await peer.stop();
  const set = rawSet(await readRows(data), id);
  expect(set.root).toBe(root);
  expect(set.faults.every((fault) => fault.includes('the chain forks'))).toBe(true);
  expect(set.faults).toHaveLength(1);
});
