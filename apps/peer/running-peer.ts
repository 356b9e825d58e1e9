/** A peer that runs: the Node peer, its HTTP interface, its first space, and the file that tells commands. */
import { randomBytes } from 'node:crypto';
import type { AverError } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/ports.ts';
import type { Invite, Peer, PeerInfo, Space } from '../../src/peer/api.ts';
import { type Config, DEFAULT_SPACE } from './config.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { createApp } from './http/app.ts';
import { type HttpServer, serveHttp } from './http/serve.ts';
import { chooseListeners } from './ports.ts';
import type { MakePeer } from './with-peer.ts';

export interface RunningPeer extends AsyncDisposable {
  readonly url: string;
  readonly peer: Peer;
  readonly info: PeerInfo;
  /** To the space that the web app opens. */
  readonly invite: Invite;
  /** Resolves when the store ended under the peer, which stopped. */
  readonly ended: Promise<AverError>;
}

export interface StartOptions {
  readonly config: Config;
  readonly log: Log;
  readonly makePeer: MakePeer;
  readonly webDir?: string;
}

/** Throws `STORE_LOCKED` when another process has the store, `LISTEN_FAILED` when a port cannot be had. */
export async function startPeer(options: StartOptions): Promise<RunningPeer> {
  const data = openDataDir(options.config.dataDir);
  await data.create();
  const undo: Undo = [];
  try {
    return await open(options, data, undo);
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

/** What was begun, to be ended in reverse. */
type Undo = (() => Promise<void> | void)[];

async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

async function open(options: StartOptions, data: DataDir, undo: Undo): Promise<RunningPeer> {
  const { config, log, makePeer } = options;
  const peer = await makePeer({
    dataDir: config.dataDir,
    listen: await chooseListeners(config, data),
    bootstrap: config.bootstrap,
    announce: config.announce,
    log,
  });
  undo.push(() => peer.stop());
  const ended = new Promise<AverError>((resolve) => void peer.on('ended', resolve));
  const space = await firstSpace(peer, config.space);
  const server = await serve(options, peer, space, data, undo);
  const invite = await space.invite({ base: `${server.url}/` });
  const info = await peer.info();
  return { url: server.url, peer, info, invite, ended, [Symbol.asyncDispose]: () => undoAll(undo) };
}

/** The space of that name; where there is no space at all it is made, so that a first start has one. */
async function firstSpace(peer: Peer, wanted: string): Promise<Space> {
  const spaces = await peer.spaces();
  const named = spaces.find((space) => space.name === wanted || space.id.startsWith(wanted));
  const found = named ?? spaces[0];
  if (found !== undefined) return found;
  return peer.create({ name: /^[0-9a-f]{64}$/.test(wanted) ? DEFAULT_SPACE : wanted });
}

async function serve(
  { config, log, webDir }: StartOptions,
  peer: Peer,
  space: Space,
  data: DataDir,
  undo: Undo,
): Promise<HttpServer> {
  const instance = randomBytes(16).toString('hex');
  const closing = new AbortController();
  const app = createApp({
    peer,
    token: await data.token(),
    instance,
    space: space.id,
    allowHosts: config.allowHosts,
    log,
    closing: closing.signal,
    ...(webDir === undefined ? {} : { webDir }),
  });
  const exact = config.source('port') !== 'default';
  const server = await serveHttp(app, { host: config.host, port: config.port, exact });
  undo.push(() => server.close());
  // Streams are ended first (undone in reverse), so that closing the server has nothing to wait for.
  undo.push(() => closing.abort());
  const url = server.localUrl;
  await data.setRunning({ url, pid: process.pid, instance, startedAtMs: Date.now() });
  undo.push(() => data.clearRunning(instance));
  return server;
}
