/** `verify`, `repair` and `doctor` on real stores that were damaged. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { damageRow, type RowAt } from '../crash/raw-rows.ts';
import { aver, startAver } from './testing/processes.ts';
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
])(
  'verify names what is damaged in $at.table $at.index ($how): $codes [STC-35]',
  async ({ at, how, codes }) => {
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
  },
);

test.each([
  { key: 'kadmitter/', lost: false },
  { key: 'kauthor/', lost: true },
])(
  'a damaged key ($key) is named, no other key is taken for it, and repair keeps the rest',
  async ({ key, lost }) => {
    await using dir = await testDir();
    await dataWithFacts(dir.path, 2);
    const before = await shown(dir.path);
    await damageRow(join(dir.path, 'store'), { prefix: key });
    const { code, verified } = await verify(dir.path);
    expect(code).toBe(6);
    expect(verified).toMatchObject({ damaged: 1, damage: [{ code: 'KEY_DAMAGED' }], spaces: [{ runs: 2 }] });
    const run = await cli(['repair', '--data', dir.path, '--json', '--offline']);
    expect(JSON.parse(run.stdout)).toMatchObject({ rebuilt: [{ kept: 2, newAuthor: lost }] });
    const after = await shown(dir.path);
    expect(after.facts).toEqual(before.facts);
    expect(after.author === before.author).toBe(!lost);
  },
);

/** A bit of the rows of every table, in the middle. */
async function damageTables(store: string): Promise<void> {
  const tables = (await readdir(store)).filter((name) => name.endsWith('.ldb'));
  expect(tables.length).toBeGreaterThan(0);
  for (const name of tables) {
    const bytes = await readFile(join(store, name));
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] as number) ^ 4;
    await writeFile(join(store, name), bytes);
  }
}

test('a table that the disk damaged keeps the store shut; verify names it, and repair keeps what is sound [STC-35]', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 6);
  await damageTables(join(dir.path, 'store'));
  const query = await cli(['query', '--data', dir.path]);
  expect([query.code, query.stdout]).toEqual([6, '']);
  expect(query.stderr).toMatch(/STORE_CORRUPT: Files of .* are damaged: \d+\.ldb/);
  expect(query.stderr).toContain('aver repair');
  const run = await cli(['verify', '--data', dir.path, '--json']);
  expect(run.code).toBe(6);
  const { damage } = JSON.parse(run.stdout) as { damage: { code: string; message: string }[] };
  expect(damage[0]).toMatchObject({
    code: 'FILE_DAMAGED',
    message: expect.stringMatching(/^\d+\.ldb: 1 of \d+ blocks of rows$/),
  });
  const repair = await cli(['repair', '--data', dir.path, '--offline', '--json']);
  expect(JSON.parse(repair.stdout)).toMatchObject({ unopened: expect.stringContaining('.ldb') });
  expect((await verify(dir.path)).code).toBe(0);
  expect((await readdir(dir.path)).sort()).not.toContain('store.view');
});

test('damage that is found when the peer runs already stops it, and says what to do', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 6);
  await damageTables(join(dir.path, 'store'));
  const peer = startCli(['start', '--data', dir.path, '--json', '--port', '0'], { makePeer: testPeers(0) });
  const { code, stderr } = await peer.done;
  expect(code).toBe(6);
  expect(stderr).toContain('STORE_CORRUPT');
});

test.each([
  { found: 'before it opens', checkBytesMax: undefined },
  { found: 'while the peer runs', checkBytesMax: 0 },
])(
  'a peer that nobody attends rebuilds its store, damaged as is found $found, once [STC-35]',
  async ({ checkBytesMax }) => {
    await using dir = await testDir();
    await dataWithFacts(dir.path, 6);
    await damageTables(join(dir.path, 'store'));
    const refused = await cli(['start', '--data', dir.path, '--port', '0']);
    expect(refused).toMatchObject({ code: 6, stderr: expect.stringContaining('aver repair') });
    const start = ['start', '--repair', '--data', dir.path, '--json', '--port', '0'];
    const peer = startCli(start, { makePeer: testPeers(checkBytesMax) });
    await vi.waitFor(() => expect(existsSync(join(dir.path, 'store.damaged'))).toBe(true), 10_000);
    peer.interrupt();
    const { code, stderr } = await peer.done;
    expect(code).toBe(0);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: 'STORE_CORRUPT' }) }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ event: 'repaired' }));
    expect((await verify(dir.path)).code).toBe(0);
    // What was put aside is not given up for a second repair that nobody asked for.
    await damageTables(join(dir.path, 'store'));
    expect((await cli(start)).code).toBe(6);
  },
);

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

interface Repaired {
  readonly aside?: string;
  readonly unopened?: string;
  readonly rebuilt: readonly { kept: number; lost: number; newAuthor: boolean; mayWrite: boolean }[];
  readonly healed: readonly { back: number; peers: number }[];
}

interface Facts {
  readonly root: string;
  readonly author: string;
  readonly facts: readonly string[];
}

async function shown(data: string): Promise<Facts> {
  const status = JSON.parse((await cli(['status', '--data', data, '--json'])).stdout) as {
    spaces: { root: string; author: string }[];
  };
  const query = await cli(['query', '--data', data, '--json']);
  const [space] = status.spaces;
  const facts = query.stdout.trim().split('\n').sort();
  return { root: space?.root ?? '', author: space?.author ?? '', facts };
}

test('a sound store is not touched by repair', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 2);
  const before = await shown(dir.path);
  const run = await cli(['repair', '--data', dir.path, '--json']);
  expect(run.code).toBe(0);
  const repaired = JSON.parse(run.stdout) as Repaired;
  expect(repaired.rebuilt).toEqual([]);
  expect(repaired.aside).toBeUndefined();
  expect(await shown(dir.path)).toEqual(before);
});

test.each<RowAt & { how: 'flip' | 'remove' }>([
  { table: 'i', index: 0, how: 'flip' },
  { table: 'c', index: 1, how: 'remove' },
  { table: 's', index: 0, how: 'flip' },
  { table: 't', index: 0, how: 'flip' },
  { table: 'n', index: 0, how: 'remove' },
])(
  'repair makes a row of $table again that is lost ($how), from the runs alone, and nothing else changes',
  async ({ how, ...at }) => {
    await using dir = await testDir();
    await dataWithFacts(dir.path, 4);
    const before = await shown(dir.path);
    await damageRow(join(dir.path, 'store'), at, how);
    const run = await cli(['repair', '--data', dir.path, '--json', '--offline']);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ rebuilt: [{ kept: 4, newAuthor: false }] });
    expect((await verify(dir.path)).code).toBe(0);
    expect(await shown(dir.path)).toEqual(before);
  },
);

test('repair without peers steps back to what is provable, goes on under a new key, and keeps what was', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 5);
  const before = await shown(dir.path);
  await damageRow(join(dir.path, 'store'), { table: 'b', index: 2 });
  const run = await cli(['repair', '--data', dir.path, '--json', '--offline']);
  expect(run.code).toBe(0);
  const repaired = JSON.parse(run.stdout) as Repaired;
  expect(repaired.rebuilt).toMatchObject([{ kept: 2, lost: 3, newAuthor: true, mayWrite: true }]);
  expect(existsSync(repaired.aside ?? '')).toBe(true);
  expect((await verify(dir.path)).code).toBe(0);
  const after = await shown(dir.path);
  expect(after.facts.every((fact) => before.facts.includes(fact))).toBe(true);
  expect(after.facts).toHaveLength(2);
  expect(after.author).not.toBe(before.author);
});

test('what was erased stays erased when the store is rebuilt', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 2);
  const makePeer = testPeers();
  const log = silentLog;
  const settings = { dataDir: dir.path, listen: false, bootstrap: [], announce: [], log } as const;
  const peer = await makePeer(settings);
  const [space] = await peer.spaces();
  const [fact] = await Array.fromAsync(space?.query() ?? []);
  await space?.erase(fact?.id ?? '');
  await peer.stop();
  await damageRow(join(dir.path, 'store'), { table: 't', index: 0 });
  expect((await cli(['repair', '--data', dir.path, '--offline'])).code).toBe(0);
  const store = await openLevelDb({ directory: join(dir.path, 'store') });
  const wanted = [];
  const prefix = Buffer.concat([Buffer.from('s'), Buffer.from(space?.id ?? '', 'hex'), Buffer.from('w')]);
  for await (const [key] of store.range({ gte: prefix, lt: Buffer.concat([prefix, Buffer.alloc(33, 255)]) }))
    wanted.push(key);
  await store.close();
  expect(wanted).toEqual([]);
  expect((await shown(dir.path)).facts).toHaveLength(1);
});

test('what was erased in a run that is lost stays erased when the run comes again', async () => {
  await using dir = await testDir();
  await dataWithFacts(dir.path, 3);
  const file = join(dir.path, 'before.aver');
  await cli(['export', file, '--data', dir.path]);
  const { facts } = await shown(dir.path);
  const makePeer = testPeers();
  const peer = await makePeer({
    dataDir: dir.path,
    listen: false,
    bootstrap: [],
    announce: [],
    log: silentLog,
  });
  const [space] = await peer.spaces();
  const erased = (await Array.fromAsync(space?.query() ?? []))[1];
  await space?.erase(erased?.id ?? '');
  await peer.stop();
  for (const index of [0, 1, 2]) await damageRow(join(dir.path, 'store'), { table: 'b', index });
  const repair = await cli(['repair', '--data', dir.path, '--offline', '--json']);
  expect(JSON.parse(repair.stdout)).toMatchObject({ rebuilt: [{ kept: 0 }] });
  expect((await cli(['import', file, '--data', dir.path])).code).toBe(0);
  const after = await shown(dir.path);
  expect(after.facts).toEqual(facts.filter((_, i) => i !== 1));
  expect((await verify(dir.path)).code).toBe(0);
});

test('a damaged run comes back from a peer, its author goes on under a new key, and no chain forks', {
  timeout: 60_000,
}, async () => {
  await using hurt = await testDir();
  await using whole = await testDir();
  const data = ['--data', hurt.path];
  const a = await startAver(hurt.path);
  await aver(['join', a.invite, '--data', whole.path]);
  const b = await startAver(whole.path);
  await using _b = b.process;
  const first = await aver(['put', 'own', 'is', '1', ...data, '--json']);
  await aver(['put', 'own', 'is', '2', ...data, '--replicas', '1']);
  await a.process.stop();
  await damageRow(join(hurt.path, 'store'), { table: 'b', index: 0 });

  const address = b.addresses.find((each) => each.includes('/tcp/') && !each.includes('/ws')) ?? '';
  const run = await aver(['repair', ...data, '--json', '--peer', address]);
  expect(run).toMatchObject({ code: 0 });
  const { rebuilt, healed } = JSON.parse(run.stdout) as Repaired;
  expect(rebuilt).toMatchObject([{ kept: 0, lost: 2, newAuthor: true }]);
  expect(healed).toMatchObject([{ back: 2, peers: 1 }]);
  await b.process.stop();

  const { verified } = await verify(hurt.path);
  expect(verified).toMatchObject({ damaged: 0, spaces: [{ assertions: 3, claims: 2 }] });
  const { author } = JSON.parse(first.stdout) as { author: string };
  expect((await shown(hurt.path)).author).not.toBe(author);
});

test('a repair that ended between its last two steps is finished by whoever opens the store next', async () => {
  await using dir = await testDir();
  await aver(['create', 'team', '--write', 'invited', '--data', dir.path]);
  await rename(join(dir.path, 'store'), join(dir.path, 'store.new'));
  expect((await aver(['spaces', '--data', dir.path])).stdout).toContain('team');
  expect(existsSync(join(dir.path, 'store.new'))).toBe(false);
});

test.each(['CURRENT', 'MANIFEST'])(
  'a store without its %s is opened again by repair, with all that it had',
  async (name) => {
    await using dir = await testDir();
    await dataWithFacts(dir.path, 3);
    const before = await shown(dir.path);
    const store = join(dir.path, 'store');
    const file = (await readdir(store)).find((each) => each.startsWith(name)) ?? '';
    await rm(join(store, file));
    const query = await cli(['query', '--data', dir.path]);
    expect(query.code).toBe(6);
    expect(query.stderr).toContain('aver repair');
    expect((await cli(['verify', '--data', dir.path])).code).toBe(6);
    const run = await cli(['repair', '--data', dir.path, '--json', '--offline']);
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ rebuilt: [{ kept: 3, lost: 0, newAuthor: true }] });
    expect((await shown(dir.path)).facts).toEqual(before.facts);
  },
);
