/** `verify`, `repair` and `doctor` on real stores that were damaged. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { damageRow, type RowAt } from '../crash/raw-rows.ts';
import { testDir } from './testing/test-dir.ts';
import { cli, startCli, testPeers } from './testing/test-peer.ts';

interface Verified {
  readonly damaged: number;
  readonly spaces: readonly {
    readonly root: string;
    readonly runs: number;
    readonly assertions: number;
    readonly claims: number;
    readonly damage: readonly { readonly code: string; readonly table?: string; readonly arrival?: number }[];
  }[];
}

/** A data directory whose space needs no work, with so many facts, a run each. */
async function dataWithFacts(data: string, facts: number): Promise<void> {
  await cli(['create', 'team', '--write', 'invited', '--data', data]);
  for (let i = 0; i < facts; i++) await cli(['put', `item/${i % 3}`, 'number', `${i}`, '--data', data]);
}

async function verify(
  data: string,
): Promise<{ readonly code: number; readonly verified: Verified; readonly error: string }> {
  const run = await cli(['verify', '--data', data, '--json']);
  return { code: run.code, verified: JSON.parse(run.stdout) as Verified, error: run.stderr };
}

test('a sound store is verified: every run, row and root is as the peer shows them', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 5);
  const { code, verified } = await verify(dir.path);
  const status = JSON.parse((await cli(['status', '--data', dir.path, '--json'])).stdout) as {
    spaces: { root: string }[];
  };
  expect([code, verified.damaged]).toEqual([0, 0]);
  expect(verified.spaces).toMatchObject([
    { runs: 5, assertions: 5, claims: 5, root: status.spaces[0]?.root },
  ]);
});

test.each<{ at: RowAt; how?: 'flip' | 'remove'; codes: string[] }>([
  { at: { table: 'b', index: 2 }, codes: ['RUN_DAMAGED', 'RUN_ORPHANED', 'RUN_ORPHANED'] },
  { at: { table: 'b', index: 2 }, how: 'remove', codes: ['RUN_MISSING', 'RUN_ORPHANED', 'RUN_ORPHANED'] },
  { at: { table: 'b', index: -1 }, how: 'remove', codes: ['RUN_MISSING'] },
  { at: { table: 'i', index: 0 }, codes: ['ROW_DAMAGED place'] },
  { at: { table: 'i', index: 0 }, how: 'remove', codes: ['ROW_DAMAGED place'] },
  { at: { table: 'c', index: 0 }, codes: ['ROW_DAMAGED chain'] },
  { at: { table: 's', index: 0 }, codes: ['ROW_DAMAGED claim'] },
  { at: { table: 't', index: 0 }, codes: ['ROW_DAMAGED tip'] },
  { at: { table: 'n', index: 0 }, how: 'remove', codes: ['ROW_DAMAGED counters'] },
])('verify names what is damaged in $at.table $at.index ($how): $codes [STC-35]', async ({ at, how, codes }) => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 5);
  await damageRow(join(dir.path, 'store'), at, how);
  const { code, verified, error } = await verify(dir.path);
  expect(code).toBe(6);
  expect(error).toContain('STORE_CORRUPT');
  const found = verified.spaces.flatMap(({ damage }) => damage);
  expect(found.map((one) => (one.table === undefined ? one.code : `${one.code} ${one.table}`))).toEqual(
    codes,
  );
});

test('verify leaves a store alone that a running peer has, and names the peer', async () => {
  await using dir = await testDir();
  const makePeer = testPeers();
  const peer = startCli(['start', '--data', dir.path, '--json', '--port', '0'], { makePeer });
  await peer.printed(/\n/);
  const run = await cli(['verify', '--data', dir.path]);
  expect(run.code).toBe(5);
  expect(run.stderr).toMatch(/STORE_LOCKED: A peer \(process \d+\) runs on/);
  peer.interrupt();
  await peer.done;
});
