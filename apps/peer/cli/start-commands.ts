/** `init` and `start`. */

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { AverError, isAverError } from '../../../src/base/errors.ts';
import { scoped } from '../../../src/base/scoped.ts';
import { DEFAULT_SPACE, dataDirOf, type SettingName } from '../config.ts';
import { openDataDir } from '../data-dir.ts';
import { type RunningPeer, startPeer } from '../running-peer.ts';
import { findRunning } from '../with-peer.ts';
import type { Context } from './context.ts';
import { shortId } from './format.ts';
import type { AddCommand, Options } from './program.ts';
import { repairFirst } from './repair-command.ts';

/** Settings that `start` takes as flags and `init` writes to `config.json`. */
const SETTINGS: readonly SettingName[] = [
  'host',
  'port',
  'p2pHost',
  'tcp',
  'ws',
  'webrtcDirect',
  'bootstrap',
  'announce',
  'space',
  'allowHosts',
  'logLevel',
];

export function addStartCommands(add: AddCommand): void {
  add({
    usage: 'init',
    summary: 'Make a data directory with a first space; flags become its config.json.',
    options: listenOptions,
    examples: ['aver init', 'aver init --data ./peer-a --port 9000', 'aver init --space recipes'],
    run: init,
  });
  add({
    usage: 'start',
    summary: 'Run a peer until interrupted, with the web app and the HTTP interface.',
    options: (command) =>
      listenOptions(command).option(
        '--repair',
        'where the store is damaged, rebuild it as `aver repair` does, once, instead of ending',
      ),
    examples: [
      'aver start',
      'aver start --data ./peer-a --port 9000',
      'aver start --bootstrap /ip4/192.0.2.7/tcp/4410/p2p/12D3KooW…',
      'aver start --host 0.0.0.0 --allow-hosts aver.example',
      'aver start --repair --json',
    ],
    run: start,
  });
}

function listenOptions(command: Command): Command {
  return command
    .option('-p, --port <port>', 'port of web app and HTTP interface (default: 8080, or the next free one)')
    .option('--host <address>', 'address of web app and HTTP interface (default: 127.0.0.1)')
    .option('--p2p-host <address>', 'address where other peers may connect (default: 0.0.0.0)')
    .option('--tcp <port>', 'port for Node peers, or off')
    .option('--ws <port>', 'WebSocket port for browsers, or off')
    .option('--webrtc-direct <port>', 'UDP port for browsers, or off')
    .option('-b, --bootstrap <addresses>', 'peers to stay connected to, with commas between')
    .option(
      '--announce <addresses>',
      'addresses to tell others beside those listened on, with commas between',
    )
    .option('--allow-hosts <names>', 'host names that the HTTP interface answers to, besides localhost')
    .option(
      '-s, --space <name>',
      `the space of the web app, made when there is none (default: ${DEFAULT_SPACE})`,
    );
}

async function init(context: Context, _args: readonly string[], options: Options): Promise<void> {
  const { config, out } = context;
  const data = openDataDir(config.dataDir);
  await data.create();
  await data.token();
  const given = SETTINGS.filter((name) => config.source(name) !== 'default' && options[name] !== undefined);
  if (given.length > 0) {
    const kept = SETTINGS.filter((name) => config.source(name) === 'file' || given.includes(name));
    const settings = Object.fromEntries(kept.map((name) => [name, config[name]]));
    await writeFile(data.configPath, `${JSON.stringify(settings, undefined, 2)}\n`, { mode: 0o600 });
  }
  await context.usePeer(async (peer) => {
    const known = await peer.spaces();
    const space = known[0] ?? (await peer.create({ name: config.space }));
    const value = { data: config.dataDir, space: space.id, name: space.name, created: known.length === 0 };
    await out.result(value, () => config.dataDir);
    const made = known.length === 0 ? 'Made the space' : 'There already is the space';
    const aver = averCommand(context.io);
    const data = dataFlag(context.io, config.dataDir);
    out.message(
      `${made} ${space.name} (${shortId(space.id)}). Next: ${aver} start${data}, or ${aver} put earth shape round${data}.`,
    );
  });
}

async function start(context: Context, _args: readonly string[], { repair }: Options): Promise<void> {
  const { config, log, io } = context;
  const already = await findRunning(config.dataDir);
  if (already !== undefined) throw lockedBy(config.dataDir, already);
  const run = () => startPeer({ config, log, makePeer: io.makePeer });
  const mend = async (why: unknown): Promise<RunningPeer> => {
    if (repair !== true || !isAverError(why, 'STORE_CORRUPT')) throw why;
    await repairFirst(context, why);
    return run();
  };
  const running = await run().catch(async (error: unknown) => {
    if (!isAverError(error, 'STORE_LOCKED')) return mend(error);
    throw lockedBy(config.dataDir, await findRunning(config.dataDir), error);
  });
  return until(context, running, mend);
}

/** Runs the peer until it is interrupted, and another when `mend` helped where it ended by itself. */
async function until(
  context: Context,
  running: RunningPeer,
  mend: (why: unknown) => Promise<RunningPeer>,
): Promise<void> {
  const why = await scoped(running, async (peer) => {
    await announce(context, peer);
    const interrupted = new Promise<void>((resolve) => {
      context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const ended = context.signal.aborted ? undefined : await Promise.race([peer.ended, interrupted]);
    if (ended === undefined) context.out.message('Stopping …');
    return ended;
  });
  if (why !== undefined) return until(context, await mend(why), mend);
}

export function lockedBy(
  dataDir: string,
  running: { readonly url: string; readonly pid: number } | undefined,
  cause?: unknown,
): AverError {
  const message =
    running === undefined
      ? `Another process has the store in ${dataDir} open.`
      : `A peer (process ${running.pid}) runs on ${dataDir} already, at ${running.url}; commands with this data directory use it.`;
  const fields = running === undefined ? {} : { url: running.url, pid: running.pid };
  return new AverError('STORE_LOCKED', message, { cause, fields });
}

async function announce({ config, out, io }: Context, peer: RunningPeer): Promise<void> {
  const { url, info, invite } = peer;
  const space = { id: invite.space, name: invite.name };
  const value = { url, invite: invite.link, data: config.dataDir, peerId: info.peerId, space };
  const aver = averCommand(io);
  const data = dataFlag(io, config.dataDir);
  const rows = [
    ['  open', url],
    ['  invite', invite.link],
    ['  data', `${config.dataDir} (${info.storage.kind})`],
    ['  space', `${space.name} (${shortId(space.id)})`],
    ['  listens', listenText(info.addresses)],
    ['  peer', info.peerId],
  ];
  const width = '  listens'.length;
  await out.result({ ...value, addresses: info.addresses }, () =>
    [
      `Aver ${info.version} runs.`,
      '',
      ...rows.map(([name = '', text = '']) => `${name.padEnd(width)}  ${text}`),
      '',
      'Next, in another terminal:',
      `  ${aver} put earth shape round${data}`,
      `  ${aver} watch${data}`,
      'Ctrl-C stops the peer; the data stays.',
    ].join('\n'),
  );
  for (const { code, message, advice } of info.problems) {
    out.message(`${out.style('yellow', `problem ${code}`)}: ${message} ${advice}`);
  }
}

/** Transports with their ports, and where: whole addresses are in `aver status`. */
function listenText(addresses: readonly string[]): string {
  const ports = new Set<string>();
  const hosts = new Set<string>();
  for (const address of addresses) {
    const [, , host = '', , port = '', ...rest] = address.split('/');
    if (rest.includes('p2p-circuit')) continue;
    const transport = rest.includes('ws') ? 'ws' : rest.includes('webrtc-direct') ? 'webrtc-direct' : 'tcp';
    ports.add(`${transport} ${port}`);
    hosts.add(host);
  }
  return ports.size === 0 ? 'nowhere' : `${[...ports].join(', ')} on ${[...hosts].join(', ')}`;
}

/** How the program is called where this one was. */
function averCommand(io: Context['io']): string {
  return io.environment.npm_lifecycle_event === undefined ? 'aver' : 'npm run -s aver --';
}

/** What a second command needs to find the same peer. */
function dataFlag(io: Context['io'], dataDir: string): string {
  return dataDir === dataDirOf({}, io.environment) ? '' : ` --data ${dataDir}`;
}
