/**
 * What may be wrong with a peer and the machine under it, looked at from outside: program, clock, data
 * directory, store, ports, peers. Every check ends with a word on what to do; none changes anything.
 */
import { readFile, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADVICE, type ErrorCode, toAverError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import type { PeerInfo } from '../../src/peer/api.ts';
import type { Config } from './config.ts';
import type { DataDir } from './data-dir.ts';
import { isPortFree } from './ports.ts';

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  /** What to do; undefined where all is well. */
  readonly advice?: string;
  /** Of what failed. */
  readonly code?: ErrorCode;
}

const NODE_MAJOR_MIN = 22;
/** No clock that is right shows less: the first version is of 2026. */
const BUILT_MS = Date.UTC(2026, 0, 1);
/** LevelDB writes tables of 2 MiB, a merge several at once. */
const FREE_BYTES_FAIL = 16 * 1024 * 1024;
const FREE_BYTES_WARN = 256 * 1024 * 1024;
const MIB = 1024 * 1024;

const ok = (name: string, message: string): Check => ({ name, state: 'ok', message });
const warn = (name: string, message: string, advice: string): Check => ({
  name,
  state: 'warn',
  message,
  advice,
});
const fail = (name: string, code: ErrorCode, message: string, advice: string = ADVICE[code]): Check => ({
  name,
  state: 'fail',
  code,
  message,
  advice,
});

export function checkProgram(version: string): Check[] {
  const node = process.versions.node;
  const isOld = Number.parseInt(node, 10) < NODE_MAJOR_MIN;
  return [
    ok('version', `Aver ${version}`),
    isOld
      ? fail('node', 'BAD_INPUT', `Node ${node}`, `Install Node ${NODE_MAJOR_MIN} or newer.`)
      : ok('node', `Node ${node} on ${process.platform} ${process.arch}`),
  ];
}

/** `leadMs`: how much more this clock went on than a steady one, since the doctor came. */
export function checkClock(nowMs: number, leadMs: number): Check {
  const setIt = 'Set this machine’s clock, best by NTP.';
  if (nowMs < BUILT_MS)
    return fail('clock', 'CLOCK_BEHIND', `it is ${new Date(nowMs).toISOString()} here`, setIt);
  if (Math.abs(leadMs) > limits.clockSkewWarnMs)
    return warn('clock', `it jumped by ${Math.round(leadMs)} ms while it was looked at`, setIt);
  return ok('clock', `${new Date(nowMs).toISOString()}, steady`);
}

/** The clock against the other peers’. */
export function checkSkew(skewMs: number | undefined): Check {
  if (skewMs === undefined) return ok('clock of peers', 'no peer is connected to compare with');
  const message = `this clock is ${Math.round(Math.abs(skewMs))} ms ${skewMs < 0 ? 'behind' : 'ahead of'} the peers’`;
  if (Math.abs(skewMs) > limits.hlcWriteAheadMsMax)
    return fail('clock of peers', skewMs > 0 ? 'CLOCK_AHEAD' : 'CLOCK_BEHIND', message);
  if (Math.abs(skewMs) > limits.clockSkewWarnMs)
    return warn('clock of peers', message, 'Set this machine’s clock, best by NTP.');
  return ok('clock of peers', message);
}

export async function checkDirectory(data: DataDir): Promise<Check[]> {
  if (!data.exists()) {
    const advice = 'Make one with "aver init" or "aver start".';
    return [fail('directory', 'NOT_FOUND', `there is no ${data.path}`, advice)];
  }
  return [await checkWritable(data), await checkSpace(data), ...(await checkFiles(data))];
}

async function checkWritable({ path }: DataDir): Promise<Check> {
  const probe = join(path, `.doctor.${process.pid}.tmp`);
  try {
    await writeFile(probe, 'written', { flush: true });
    await unlink(probe);
    return ok('directory', `${path} can be written`);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const advice = 'Give this user the right to write there, or free the disk.';
    return fail(
      'directory',
      code === 'ENOSPC' ? 'STORE_FULL' : 'STORE_FAILED',
      `${path} cannot be written (${code})`,
      advice,
    );
  }
}

async function checkSpace({ path }: DataDir): Promise<Check> {
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const message = `${Math.round(free / MIB)} MiB free`;
  if (free < FREE_BYTES_FAIL) return fail('disk', 'STORE_FULL', message);
  if (free < FREE_BYTES_WARN) return warn('disk', message, 'Free disk space before writes are refused.');
  return ok('disk', message);
}

async function checkFiles(data: DataDir): Promise<Check[]> {
  const checks: Check[] = [];
  const mode = (await stat(data.tokenPath).catch(() => undefined))?.mode;
  if (mode !== undefined && process.platform !== 'win32' && (mode & 0o077) !== 0)
    checks.push(
      warn('token', 'others on this machine can read the token file', `chmod 600 ${data.tokenPath}`),
    );
  const aside = `${data.storePath}.damaged`;
  if ((await stat(aside).catch(() => undefined)) !== undefined)
    checks.push(warn('repair', `${aside} is what a repair put aside`, 'Remove it when nothing is missing.'));
  return checks;
}

/** A store that could not be opened, or was not for its lock. */
export async function checkStoreError(data: DataDir, error: unknown): Promise<Check> {
  const { code, message, advice } = toAverError(error);
  if (code !== 'STORE_LOCKED') return fail('store', code, message, advice);
  const holder = await lockHolder(join(data.storePath, 'LOCK'));
  const who = holder === undefined ? 'a process' : `process ${holder}`;
  return fail('store', code, `${who} has the store open, and no peer answers for it`, advice);
}

/** Id of the process that has a lock on the file, where Linux tells. */
async function lockHolder(path: string): Promise<number | undefined> {
  try {
    const { ino } = await stat(path);
    const locks = await readFile('/proc/locks', 'utf8');
    const match = new RegExp(`WRITE +(\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `).exec(locks);
    return match === null ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

/** Ports that a peer would listen on, while none runs. */
export async function checkPorts(config: Config): Promise<Check[]> {
  const ports = [
    ['port', '--port', config.host, config.port],
    ['tcp', '--tcp', config.p2pHost, config.tcp],
    ['ws', '--ws', config.p2pHost, config.ws],
    ['webrtcDirect', '--webrtc-direct', config.p2pHost, config.webrtcDirect],
  ] as const;
  const checks = ports.map(async ([name, flag, host, port]): Promise<Check> => {
    const what = `${flag} ${port === false ? 'off' : port}`;
    if (port === false || port === 0) return ok('port', what);
    if (await isPortFree(name, host, port)) return ok('port', `${what} of ${host} is free`);
    const message = `${what} of ${host} is taken or not allowed`;
    if (config.source(name) === 'default')
      return warn('port', message, 'The next start takes another one; choose one to keep addresses stable.');
    return fail('port', 'LISTEN_FAILED', message);
  });
  return Promise.all(checks);
}

/** What a running peer says of itself. */
export function checkRunning(
  info: PeerInfo,
  damaged: { readonly met: number; readonly healed: number },
): Check[] {
  const browsers = info.addresses.filter((address) => /\/(?:ws|wss|webrtc-direct)(?:\/|$)/.test(address));
  const listens =
    browsers.length > 0
      ? ok('relay', `browsers can connect, and meet through this peer: ${browsers[0]}`)
      : warn('relay', 'browsers cannot connect to this peer', 'Let it listen: --ws PORT.');
  const problems = info.problems.map(({ code, message, advice }) => fail('problem', code, message, advice));
  if (damaged.met > damaged.healed) {
    const message = `${damaged.met} stored runs were found damaged, ${damaged.healed} of them came again from peers`;
    problems.push(fail('store', 'STORE_CORRUPT', message));
  }
  return [listens, ...problems];
}
