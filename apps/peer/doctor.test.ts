import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AverError } from '../../src/base/errors.ts';
import { openLevelDb } from '../../src/store/leveldb.ts';
import { openDataDir } from './data-dir.ts';
import { type Check, checkClock, checkSkew, checkStoreError } from './doctor.ts';
import { testDir } from './testing/test-dir.ts';
import { type CliOptions, type CliRun, cli, startCli, testPeers } from './testing/test-peer.ts';

interface Doctored {
  readonly run: CliRun;
  /** `state name` of each check. */
  readonly states: readonly string[];
  readonly checks: readonly Check[];
}

async function doctor(args: readonly string[], options: CliOptions = {}): Promise<Doctored> {
  const run = await cli(['doctor', '--json', ...args], options);
  const { checks } = JSON.parse(run.stdout) as { checks: Check[] };
  return { run, checks, states: checks.map(({ state, name }) => `${state} ${name}`) };
}

const FREE = ['AVER_PORT', 'AVER_TCP_PORT', 'AVER_WS_PORT', 'AVER_WEBRTC_PORT'].map((name) => [name, '0']);
const environment = Object.fromEntries(FREE) as Record<string, string>;

test('without a peer the doctor opens the store, and tells of ports, disk, clock and versions', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const { run, states } = await doctor(['--data', dir.path], { environment });
  expect(run.code).toBe(0);
  const names = 'version node directory disk store bootstrap port port port port clock';
  expect(states).toEqual(names.split(' ').map((name) => `ok ${name}`));
});

test('while a peer runs the doctor asks it, and warns where browsers cannot connect', async () => {
  await using dir = await testDir();
  const makePeer = testPeers();
  const peer = startCli(['start', '--data', dir.path, '--json', '--port', '0'], { makePeer });
  await peer.printed(/\n/);
  const { run, states, checks } = await doctor(['--data', dir.path], { makePeer });
  expect(run.code).toBe(0);
  expect(states.slice(4)).toEqual([
    'ok store',
    'ok bootstrap',
    'ok running',
    'warn running',
    'warn relay',
    'ok clock of peers',
    'ok clock',
  ]);
  expect(checks.find(({ name }) => name === 'running')?.message).toContain(`process ${process.pid}`);
  peer.interrupt();
  await peer.done;
});

test('a store that does not open fails, and the doctor says to repair it', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  await rm(join(dir.path, 'store', 'CURRENT'));
  const { run, checks } = await doctor(['--data', dir.path], { environment });
  expect(run.code).toBe(6);
  const failed = checks.filter(({ state }) => state === 'fail');
  expect(failed).toMatchObject([
    { name: 'store', code: 'STORE_CORRUPT', advice: expect.stringContaining('aver repair') },
  ]);
});

test('a port that was asked for and is taken fails; one that nobody asked for is a warning', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const holder = createServer().listen(0, '0.0.0.0');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const taken = { ...environment, AVER_TCP_PORT: `${port}` };
  const { run, checks } = await doctor(['--data', dir.path], { environment: taken });
  holder.close();
  expect(run.code).toBe(1);
  expect(checks.filter(({ state }) => state === 'fail')).toMatchObject([
    { name: 'port', code: 'LISTEN_FAILED', message: expect.stringContaining(`--tcp ${port}`) },
  ]);
});

test('a bootstrap peer that does not answer is a warning that names it, and --offline asks nobody', async () => {
  await using dir = await testDir();
  await cli(['init', '--data', dir.path]);
  const nobody = { ...environment, AVER_BOOTSTRAP: '/memory/0/p2p/nobody' };
  const asked = await doctor(['--data', dir.path], { environment: nobody });
  expect(asked.checks.find(({ name }) => name === 'bootstrap')).toMatchObject({
    state: 'warn',
    message: expect.stringContaining('/memory/0/p2p/nobody'),
  });
  const offline = await doctor(['--data', dir.path, '--offline'], { environment: nobody });
  expect(offline.states.filter((state) => state.startsWith('warn'))).toEqual([]);
});

test('who has the lock of a store is named where the system tells', async () => {
  await using dir = await testDir();
  const store = await openLevelDb({ directory: join(dir.path, 'store') });
  const check = await checkStoreError(openDataDir(dir.path), new AverError('STORE_LOCKED', 'locked'));
  await store.close();
  expect(check).toMatchObject({ state: 'fail', code: 'STORE_LOCKED' });
  const who = process.platform === 'linux' ? `process ${process.pid}` : 'process';
  expect(check.message).toContain(who);
});

test('a clock that is wrong, jumps, or is far from the peers’ is told from one that is right', () => {
  const nowMs = Date.UTC(2027, 1, 1);
  expect(checkClock(nowMs, 3).state).toBe('ok');
  expect(checkClock(nowMs, -60_000).state).toBe('warn');
  expect(checkClock(0, 0)).toMatchObject({ state: 'fail', code: 'CLOCK_BEHIND' });
  expect(checkSkew(undefined).state).toBe('ok');
  expect(checkSkew(100).state).toBe('ok');
  expect(checkSkew(2000).state).toBe('warn');
  expect(checkSkew(60_000)).toMatchObject({ state: 'fail', code: 'CLOCK_AHEAD' });
  expect(checkSkew(-60_000)).toMatchObject({ state: 'fail', code: 'CLOCK_BEHIND' });
});
