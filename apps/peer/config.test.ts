import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dataDirOf, defaults, readConfig } from './config.ts';
import { testDir } from './testing/test-dir.ts';

test('flags beat the environment, which beats config.json, which beats defaults', async () => {
  await using dir = await testDir();
  await writeFile(join(dir.path, 'config.json'), '{"port":1001,"tcp":1002,"ws":1003,"space":"filed"}');
  const environment = { AVER_DATA: dir.path, AVER_PORT: '2001', AVER_TCP_PORT: '2002' };
  const config = await readConfig({ port: '3001' }, environment);
  expect(config).toMatchObject({ dataDir: dir.path, port: 3001, tcp: 2002, ws: 1003, space: 'filed' });
  expect(config.webrtcDirect).toBe(defaults.webrtcDirect);
  expect([config.source('port'), config.source('tcp'), config.source('ws'), config.source('host')]).toEqual([
    'flag',
    'environment',
    'file',
    'default',
  ]);
});

test('an empty variable counts as absent, lists are split at commas, off is false', async () => {
  await using dir = await testDir();
  const environment = { AVER_PORT: '', AVER_BOOTSTRAP: '/dns/a/tcp/1, /dns/b/tcp/2', AVER_WS_PORT: 'off' };
  const config = await readConfig({ data: dir.path }, environment);
  expect(config).toMatchObject({ port: 8080, bootstrap: ['/dns/a/tcp/1', '/dns/b/tcp/2'], ws: false });
});

test('the data directory is --data, else AVER_DATA, else ~/.aver', () => {
  expect(dataDirOf({ data: '/a' }, { AVER_DATA: '/b' })).toBe('/a');
  expect(dataDirOf({}, { AVER_DATA: '/b' })).toBe('/b');
  expect(dataDirOf({}, {})).toBe(join(homedir(), '.aver'));
});

test.each([
  { file: '{"port":"80"}', says: 'config.json: port: expected a port number, got "80"' },
  {
    file: '{"port":70000}',
    says: 'config.json: port: expected a port from 0 (any free one) to 65535, got 70000',
  },
  { file: '{"bootstrap":["/a",5]}', says: 'config.json: bootstrap.1: expected text, got 5' },
  { file: '{"prot":80}', says: 'config.json: prot: is unknown; known are host, port' },
  { file: '[]', says: 'config.json: the file: ' },
  { file: '{"port":', says: 'config.json is not JSON' },
])('a wrong config.json ($file) is refused with the exact place', async ({ file, says }) => {
  await using dir = await testDir();
  await writeFile(join(dir.path, 'config.json'), file);
  await expect(readConfig({ data: dir.path }, {})).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining(says),
  });
});

test.each([
  { flags: { port: 'http' }, environment: {}, says: '--port: expected a port number, got "http".' },
  { flags: { webrtcDirect: '-1' }, environment: {}, says: '--webrtc-direct: expected a port from 0' },
  { flags: {}, environment: { AVER_PORT: '99999' }, says: 'AVER_PORT: expected a port from 0' },
  { flags: {}, environment: { AVER_LOG_LEVEL: 'loud' }, says: 'AVER_LOG_LEVEL: expected debug, info' },
])('a wrong flag or variable is named: $says', async ({ flags, environment, says }) => {
  await using dir = await testDir();
  await expect(readConfig({ data: dir.path, ...flags }, environment)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining(says),
  });
});
