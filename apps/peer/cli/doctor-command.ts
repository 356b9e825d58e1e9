/** `doctor`: what is wrong with the peer, the machine and the way to others, and what to do. */
import { AverError, toAverError } from '../../../src/base/errors.ts';
import type { Peer } from '../../../src/peer/api.ts';
import { openDataDir } from '../data-dir.ts';
import {
  type Check,
  checkClock,
  checkDirectory,
  checkPorts,
  checkProgram,
  checkRunning,
  checkSkew,
  checkStoreError,
} from '../doctor.ts';
import { packageVersion } from '../package-root.ts';
import type { Reached } from '../with-peer.ts';
import type { Context } from './context.ts';
import type { AddCommand, Options } from './program.ts';

/** So long an address may take to answer. */
const DIAL_MS = 5000;
const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export function addDoctorCommand(add: AddCommand): void {
  add({
    usage: 'doctor',
    summary: 'Say what is wrong with clock, storage, lock, ports, relay and versions, and what to do.',
    options: (command) => command.option('--offline', 'do not try to reach the bootstrap peers'),
    examples: ['aver doctor', 'aver doctor --json | jq \'.checks[] | select(.state != "ok")\''],
    run: doctor,
  });
}

async function doctor(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const { out, config, io } = context;
  const data = openDataDir(config.dataDir);
  const leadMs = (): number => io.nowMs() - performance.now();
  const beganAhead = leadMs();
  const checks: Check[] = [...checkProgram(packageVersion()), ...(await checkDirectory(data))];
  if (data.exists()) {
    try {
      checks.push(...(await checkPeer(context, options.offline === true)));
    } catch (error) {
      checks.push(await checkStoreError(data, error), ...(await checkPorts(config)));
    }
  } else checks.push(...(await checkPorts(config)));
  checks.push(checkClock(io.nowMs(), leadMs() - beganAhead));
  const failed = checks.filter(({ state }) => state === 'fail');
  const value = { data: config.dataDir, ok: failed.length === 0, checks };
  await out.result(value, () => checksText(context, checks));
  const [first] = failed;
  if (first?.code === undefined) return;
  const names = failed.map(({ name }) => name).join(', ');
  throw new AverError(first.code, `${failed.length} of ${checks.length} checks failed: ${names}.`);
}

/** Over the running peer, or over the store, which is opened for it. */
function checkPeer(context: Context, isOffline: boolean): Promise<Check[]> {
  const online = !isOffline && context.config.bootstrap.length > 0;
  return context.usePeer(
    async (peer, { running }) => {
      const { config } = context;
      const reached = isOffline ? [] : await checkBootstraps(peer, config.bootstrap, running);
      const info = await peer.info();
      const spaces = (await peer.spaces()).length;
      const store = `${info.storage.kind} opens, ${spaces} ${spaces === 1 ? 'space' : 'spaces'}`;
      const checks: Check[] = [{ name: 'store', state: 'ok', message: store }, ...reached];
      if (running === undefined) checks.push(...(await checkPorts(config)));
      else {
        const message = `process ${running.pid} answers at ${running.url}`;
        checks.push({ name: 'running', state: 'ok', message }, checkVersion(info.version));
        checks.push(...checkRunning(info, await damagedRuns(peer)));
      }
      // Without a way to peers there is nothing to compare with.
      if (running !== undefined || online) checks.push(checkSkew(info.clock.skewMs));
      return checks;
    },
    { online },
  );
}

function checkVersion(version: string): Check {
  const mine = packageVersion();
  if (version === mine) return { name: 'running', state: 'ok', message: `it is of version ${version}` };
  const message = `the running peer is of version ${version}, this command of ${mine}`;
  return { name: 'running', state: 'warn', message, advice: 'Start the peer anew.' };
}

async function damagedRuns(peer: Peer): Promise<{ met: number; healed: number }> {
  const metrics = await peer.metrics();
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? 0;
  return { met: of('blocks_damaged'), healed: of('blocks_restored') };
}

async function checkBootstraps(
  peer: Peer,
  addresses: readonly string[],
  running: Reached['running'],
): Promise<Check[]> {
  if (addresses.length === 0)
    return [{ name: 'bootstrap', state: 'ok', message: 'none is configured: peers are met by invites' }];
  const connected = new Set((await peer.peers()).map(({ id }) => id));
  return Promise.all(
    addresses.map(async (address): Promise<Check> => {
      const id = address.split('/p2p/').at(-1) ?? '';
      if (running !== undefined && connected.has(id))
        return { name: 'bootstrap', state: 'ok', message: `${address} is connected` };
      try {
        await peer.connect(address, { signal: AbortSignal.timeout(DIAL_MS) });
        return { name: 'bootstrap', state: 'ok', message: `${address} answers` };
      } catch (error) {
        const { message } = toAverError(error);
        const advice = 'Check the address, and that its peer runs; what was written is kept until then.';
        return { name: 'bootstrap', state: 'warn', message: `${address}: ${message}`, advice };
      }
    }),
  );
}

function checksText({ out }: Context, checks: readonly Check[]): string {
  const layout = out.layout(checks.map(({ name, state }) => [state, name, '']));
  return checks
    .map(({ name, state, message, advice }) => {
      const line = layout([state, name, message]);
      const shown = out.style(COLOURS[state], line.slice(0, state.length)) + line.slice(state.length);
      return advice === undefined ? shown : `${shown}\n      ${advice}`;
    })
    .join('\n');
}
