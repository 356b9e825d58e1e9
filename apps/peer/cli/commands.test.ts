import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testDir } from '../testing/test-dir.ts';
import { cli, startCli, testPeers } from '../testing/test-peer.ts';

const PORTS = ['--port', '0', '--p2p-host', '127.0.0.1', '--tcp', '0', '--ws', '0', '--webrtc-direct', '0'];

test('init makes a data directory that only its owner reads, with a first space', async () => {
  await using dir = await testDir();
  const data = join(dir.path, 'data');
  const run = await cli(['init', '--data', data, '--json']);
  expect(run.code).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ data, name: 'commons', created: true });
  expect((await stat(join(data, 'token'))).mode & 0o777).toBe(0o600);
  const again = await cli(['init', '--data', data, '--json']);
  expect(JSON.parse(again.stdout)).toMatchObject({ created: false });
});

test('init keeps the given flags in config.json', async () => {
  await using dir = await testDir();
  await cli([
    'init',
    '--data',
    dir.path,
    '--port',
    '9123',
    '--space',
    'recipes',
    '--announce',
    '/dns/a/tcp/1',
  ]);
  const config: unknown = JSON.parse(await readFile(join(dir.path, 'config.json'), 'utf8'));
  expect(config).toEqual({ port: 9123, space: 'recipes', announce: ['/dns/a/tcp/1'] });
  const spaces = await cli(['spaces', '--data', dir.path, '--json']);
  expect(JSON.parse(spaces.stdout)).toMatchObject([{ name: 'recipes' }]);
});

test('facts are written and read without a running peer, values intact', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const put = await cli(['put', 'earth', 'radius', '-6371.5', '--data', dir.path, '--json', '-c', '0.5']);
  expect(put.code).toBe(0);
  expect(JSON.parse(put.stdout)).toMatchObject({ seq: 1, claims: 1, durable: true });
  await cli(['put', 'earth', 'zip', '007', '--data', dir.path]);
  await cli(['put', 'earth', 'tags', '["a",1,null]', '--data', dir.path]);
  await cli(['put', 'earth', 'text', '42', '--text', '--data', dir.path]);
  const rows = await cli(['query', '--subject', 'ear*', '--data', dir.path, '--json']);
  const facts = rows.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(facts.map(({ predicate, object, confidence }) => [predicate, object, confidence])).toEqual([
    ['radius', -6371.5, 0.5],
    ['tags', ['a', 1, null], 1],
    ['text', '42', 1],
    ['zip', '007', 1],
  ]);
  const got = await cli(['get', 'earth', 'zip', '--data', dir.path]);
  expect(got.stdout).toBe('007\n');
});

test('two commands at once on one data directory both succeed', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const runs = await Promise.all([1, 2, 3].map((n) => cli(['put', 'n', 'is', `${n}`, '--data', dir.path])));
  expect(runs.map((run) => run.code)).toEqual([0, 0, 0]);
  const rows = await cli(['query', '--data', dir.path, '--json']);
  expect(rows.stdout.trim().split('\n')).toHaveLength(3);
});

test.each([
  { args: ['get', 'nothing', 'here'], code: 3, error: 'NOT_FOUND' },
  { args: ['put', 'a', 'b', 'c', '--space', 'nowhere'], code: 3, error: 'UNKNOWN_SPACE' },
  { args: ['import', '/no/such/file.csv'], code: 3, error: 'NOT_FOUND' },
  { args: ['peers'], code: 4, error: 'NO_PEER' },
  { args: ['join', 'no-invite'], code: 2, error: 'BAD_INVITE' },
  { args: ['put', 'a', 'b'], code: 2, error: 'BAD_INPUT' },
  { args: ['put', 'a', 'b', 'c', '--confidence', 'much'], code: 2, error: 'BAD_INPUT' },
  { args: ['put', 'a', '', 'c'], code: 2, error: 'BAD_VALUE' },
  { args: ['query', '--since', 'yesterday'], code: 2, error: 'BAD_INPUT' },
  { args: ['query', '--nonsense'], code: 2, error: 'BAD_INPUT' },
  { args: ['fly'], code: 2, error: 'BAD_INPUT' },
  { args: ['put', 'a', 'b', 'c', '--replicas', '1', '--timeout', '0.05s'], code: 4, error: 'TIMEOUT' },
])('$args ends with $code and $error', async ({ args, code, error }) => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const run = await cli([...args, '--data', dir.path, '--json']);
  expect(run.code).toBe(code);
  const last = JSON.parse(run.stderr.trim().split('\n').at(-1) ?? '') as {
    error: { code: string; advice: string };
  };
  expect(last.error.code).toBe(error);
  expect(last.error.advice).not.toBe('');
});

test('an error without --json names code, sentence and advice, without colour in a pipe', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const run = await cli(['get', 'x', 'y', '--data', dir.path]);
  expect(run.stdout).toBe('');
  expect(run.stderr).toBe(
    'error NOT_FOUND: Nobody says anything about x y in commons.\n  There is nothing under that name.\n',
  );
});

test('a command on a data directory that is not there says how to make one', async () => {
  await using dir = await testDir();
  const run = await cli(['status', '--data', join(dir.path, 'absent')]);
  expect(run.code).toBe(3);
  expect(run.stderr).toContain('aver init');
  expect(existsSync(join(dir.path, 'absent'))).toBe(false);
});

test('every command has a help text with examples, and the program lists its exit codes', async () => {
  const all = await cli(['--help']);
  expect(all.code).toBe(0);
  expect(all.stdout).toContain('Exit codes:');
  const names = [...all.stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] ?? '');
  const expected =
    'init start status peers put get query watch import export invite join spaces create connect verify repair doctor';
  expect(names).toEqual(expect.arrayContaining(expected.split(' ')));
  for (const name of expected.split(' ')) {
    const help = await cli([name, '--help']);
    expect(help.stdout, name).toMatch(/Examples:\n {2}\$ /);
  }
});

test('an export is taken in by an empty peer with the same root, ids intact', async () => {
  await using a = await testDir();
  await using b = await testDir();
  await cli(['init', '--data', a.path]);
  await cli(['put', 'earth', 'shape', 'round', '--data', a.path]);
  const file = join(a.path, 'commons.aver');
  expect((await cli(['export', file, '--data', a.path])).code).toBe(0);
  expect((await cli(['export', file, '--data', a.path])).code).toBe(2);
  await cli(['init', '--data', b.path, '--space', 'other']);
  const taken = await cli(['import', file, '--data', b.path, '--json']);
  expect(JSON.parse(taken.stdout)).toMatchObject({ accepted: 1, refused: 0 });
  const [rootA, rootB] = await Promise.all(
    [a, b].map(async (dir) => {
      const status = JSON.parse((await cli(['status', '--data', dir.path, '--json'])).stdout) as {
        spaces: { name: string; root: string }[];
      };
      return status.spaces.find((space) => space.name === 'commons')?.root;
    }),
  );
  expect(rootA).toMatch(/^[0-9a-f]{64}$/);
  expect(rootB).toBe(rootA);
});

test('commands use the running peer; a second start is refused and names it', async () => {
  await using dir = await testDir();
  const makePeer = testPeers();
  const peer = startCli(['start', '--data', dir.path, '--json', ...PORTS], { makePeer });
  const started = JSON.parse(await peer.printed(/\n/)) as { url: string; invite: string };
  expect(started.invite).toMatch(new RegExp(`^${started.url}/#`));

  const watching = startCli(['watch', '--data', dir.path, '--json', '--count', '1'], { makePeer });
  await watching.printed(/"live"/);
  expect((await cli(['put', 'door', 'is', 'open', '--data', dir.path], { makePeer })).code).toBe(0);
  const seen = await watching.done;
  expect(seen.code).toBe(0);
  expect(seen.stdout).toContain('"event":"fact","fact":{"subject":"door","predicate":"is","object":"open"');

  const second = await cli(['start', '--data', dir.path, ...PORTS], { makePeer });
  expect(second.code).toBe(5);
  expect(second.stderr).toMatch(/STORE_LOCKED: A peer \(process \d+\) runs on .* already, at http:\/\/127/);

  const status = JSON.parse((await cli(['status', '--data', dir.path, '--json'], { makePeer })).stdout) as {
    running: { pid: number };
  };
  expect(status.running.pid).toBe(process.pid);
  peer.interrupt();
  expect((await peer.done).code).toBe(0);
  expect(existsSync(join(dir.path, 'peer.json'))).toBe(false);
  expect((await cli(['get', 'door', 'is', '--data', dir.path], { makePeer })).stdout).toBe('open\n');
});

test('a peer.json that was left behind does not keep commands from the store', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const { ino: directory } = await stat(dir.path);
  const left = { url: 'http://127.0.0.1:9', pid: 1, instance: 'gone', startedAtMs: 0, directory };
  await writeFile(join(dir.path, 'peer.json'), JSON.stringify(left));
  expect((await cli(['put', 'a', 'b', 'c', '--data', dir.path])).code).toBe(0);
});

test('join may be the first command on a data directory, which then has no other space', async () => {
  await using a = await testDir();
  await using b = await testDir();
  await cli(['init', '--data', a.path]);
  const { link } = JSON.parse((await cli(['invite', '--data', a.path, '--json'])).stdout) as { link: string };
  const data = join(b.path, 'new');
  expect((await cli(['join', link, '--data', data])).code).toBe(0);
  const ids = await Promise.all(
    [a.path, data].map(async (path) => {
      const { stdout } = await cli(['spaces', '--data', path, '--json']);
      return (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id);
    }),
  );
  expect(ids[0]).toHaveLength(1);
  expect(ids[1]).toEqual(ids[0]);
});

test('a port that was asked for and is taken is named', async () => {
  await using dir = await testDir();
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const run = await cli(['start', '--data', dir.path, ...PORTS, '--tcp', `${port}`]);
  holder.close();
  expect(run.code).toBe(1);
  expect(run.stderr).toContain(`LISTEN_FAILED: Port ${port} of 127.0.0.1 is taken or not allowed (--tcp).`);
});

test('a fact that other peers do not confirm in time is named by its id, for it stays', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const run = await cli([
    'put',
    'a',
    'b',
    'c',
    '--replicas',
    '1',
    '--timeout',
    '0.05s',
    '--data',
    dir.path,
    '--json',
  ]);
  const { error } = JSON.parse(run.stderr) as { error: { fields: { id: string } } };
  const facts = await cli(['query', '--data', dir.path, '--json']);
  expect(JSON.parse(facts.stdout)).toMatchObject({ id: error.fields.id });
});

test('a file of the data directory that cannot be written is named, and no defect', async () => {
  await using dir = await testDir();
  const blocked = join(dir.path, 'ports.json');
  await mkdir(blocked);
  const run = await cli(['start', '--data', dir.path, ...PORTS]);
  expect(run.code).toBe(6);
  expect(run.stderr).toContain(`STORE_FAILED: ${blocked} cannot be written (EISDIR).`);
});
