import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';
import { aver, Process, startAver } from './testing/processes.ts';
import { testDir } from './testing/test-dir.ts';

const TIMEOUT_MS = 60_000;

/** A space that asks for no proof of work, for tests that write much. */
async function quickSpace(dataDir: string): Promise<readonly string[]> {
  await aver(['create', 'quick', '--write', 'invited', '--data', dataDir]);
  return ['--space', 'quick'];
}

test('a started peer serves commands, stops on SIGTERM, and keeps what was written', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using dir = await testDir();
  const data = ['--data', dir.path];
  const { process: peer, url } = await startAver(dir.path);
  await using _peer = peer;
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/api/v1/info`)).status).toBe(401);

  await using watch = new Process(['watch', ...data, '--json', '--count', '1']);
  await watch.printed(/"live"/);
  const put = await aver(['put', 'earth', 'shape', 'round', ...data]);
  expect(put).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  expect((await watch.ended).stdout).toContain('"object":"round"');
  expect((await aver(['get', 'earth', 'shape', ...data])).stdout).toBe('round\n');

  expect(await peer.stop('SIGTERM')).toMatchObject({ code: 0 });
  expect(await aver(['get', 'earth', 'shape', ...data])).toMatchObject({ code: 0, stdout: 'round\n' });
});

test('what was compiled is kept beside the code', { timeout: TIMEOUT_MS }, async () => {
  await using dir = await testDir();
  expect(await aver(['init', '--data', dir.path])).toMatchObject({ code: 0 });
  expect(await readdir(join(packageRoot(), '.cache', 'compiled'))).not.toEqual([]);
});

test('a second start on the directory of a running peer is refused and names it', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using dir = await testDir();
  const { process: peer } = await startAver(dir.path);
  await using _peer = peer;
  const second = await aver(['start', '--data', dir.path, '--json', '--port', '0']);
  expect(second.code).toBe(5);
  const { error } = JSON.parse(second.stderr.trim()) as { error: { code: string; fields: { pid: number } } };
  expect(error).toMatchObject({ code: 'STORE_LOCKED', fields: { pid: peer.child.pid } });
});

test('after a crash the next command finds the store, not the dead peer', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using dir = await testDir();
  const { process: peer } = await startAver(dir.path);
  expect((await aver(['put', 'a', 'b', 'c', '--data', dir.path])).code).toBe(0);
  await peer.stop('SIGKILL');
  expect(await readFile(join(dir.path, 'peer.json'), 'utf8')).toContain('"url"');
  expect((await aver(['get', 'a', 'b', '--data', dir.path])).stdout).toBe('c\n');
});

test('a copy of the directory of a running peer is a peer of its own', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using dir = await testDir();
  await using copy = await testDir();
  const { process: peer } = await startAver(dir.path);
  await using _peer = peer;
  expect((await aver(['put', 'a', 'b', 'c', '--data', dir.path])).code).toBe(0);
  await cp(dir.path, copy.path, { recursive: true });
  expect((await aver(['put', 'only', 'in', 'copy', '--data', copy.path])).code).toBe(0);
  expect((await aver(['get', 'only', 'in', '--data', dir.path])).code).not.toBe(0);
  expect((await aver(['get', 'only', 'in', '--data', copy.path])).stdout).toBe('copy\n');
});

test('a fact put on one peer is durable on another that joined by the invite', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using one = await testDir();
  await using two = await testDir();
  const a = await startAver(one.path);
  await using _a = a.process;
  await aver(['init', '--data', two.path, '--space', 'own']);
  const joined = await aver(['join', a.invite, '--data', two.path]);
  expect(joined).toMatchObject({ code: 0, stdout: `${a.space.id}\n` });
  const b = await startAver(two.path);
  await using _b = b.process;
  const put = await aver(['put', 'x', 'is', '1', '--data', one.path, '--replicas', '1', '--json']);
  expect(put.stderr).toBe('');
  expect((JSON.parse(put.stdout) as { replicas: string[] }).replicas).toHaveLength(1);
  const got = await aver(['get', 'x', 'is', '--data', two.path, '--space', 'commons']);
  expect(got.stdout).toBe('1\n');
});

test('facts are imported from a pipe into the running peer; a bad row keeps all out', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using dir = await testDir();
  const { process: peer } = await startAver(dir.path);
  await using _peer = peer;
  const data = ['--data', dir.path, ...(await quickSpace(dir.path))];
  const rows = Array.from({ length: 3000 }, (_, i) => `item/${i},number,${i}`);
  const bad = await aver(['import', '-', ...data], [...rows, 'only-one-cell'].join('\n'));
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain('standard input:3001:2: predicate is missing: the row has 1 cells');
  expect((await aver(['query', ...data, '--json'])).stdout).toBe('');
  const good = await aver(['import', '-', ...data, '--json'], rows.join('\n'));
  expect(JSON.parse(good.stdout)).toMatchObject({ claims: 3000, skipped: 0 });
  const all = await aver(['query', '--predicate', 'number', ...data, '--json']);
  expect(all.stdout.trim().split('\n')).toHaveLength(3000);
});

test('a reader that has enough ends the command without an error', { timeout: TIMEOUT_MS }, async () => {
  await using dir = await testDir();
  await aver(['init', '--data', dir.path]);
  const data = ['--data', dir.path, ...(await quickSpace(dir.path))];
  const rows = Array.from({ length: 20_000 }, (_, i) => `item/${i},number,${i}`).join('\n');
  expect((await aver(['import', '-', ...data], rows)).code).toBe(0);
  const query = new Process(['query', ...data, '--json']);
  await query.printed(/\n/);
  query.child.stdout?.destroy();
  expect(await query.ended).toMatchObject({ code: 0, stderr: '' });
});
