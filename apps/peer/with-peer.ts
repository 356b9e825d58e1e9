/**
 * The peer that a command talks to: the running one through its HTTP interface, and where none runs
 * the store itself, opened for as long as the command takes.
 */
import { AverError, isAverError } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import type { Log } from '../../src/base/ports.ts';
import type { Peer } from '../../src/peer/api.ts';
import type { Config } from './config.ts';
import { openDataDir, type Running } from './data-dir.ts';
import { createHttpPeer } from './http-client.ts';

/** Where a peer listens: ports, 0 for any free one, `false` for none. */
export interface Listeners {
  readonly host: string;
  readonly tcp: number | false;
  readonly ws: number | false;
  readonly webrtcDirect: number | false;
}

export interface PeerSettings {
  readonly dataDir: string;
  /** `false` stays off the network. */
  readonly listen: Listeners | false;
  readonly bootstrap: readonly string[];
  readonly announce: readonly string[];
  readonly log: Log;
}
export type MakePeer = (settings: PeerSettings) => Promise<Peer>;

export interface Access {
  readonly config: Config;
  readonly makePeer: MakePeer;
  readonly log: Log;
}

/** Where the peer was found; undefined when the command opened the store itself. */
export type Reached = { readonly running: Running | undefined };

export interface UseOptions {
  /** The command needs other peers: where none runs, it connects to them itself. */
  readonly online?: boolean;
  /** The command may be the first on its data directory, which is then made. */
  readonly first?: boolean;
}

const HEALTH_TIMEOUT_MS = 2000;
const LOCK_RETRY_MS = 50;

export async function withPeer<T>(
  access: Access,
  use: (peer: Peer, reached: Reached) => Promise<T>,
  options: UseOptions = {},
): Promise<T> {
  const { peer, running } = await reach(access, options);
  try {
    return await use(peer, { running });
  } finally {
    await peer.stop();
  }
}

/** The running peer's address, if it is really this data directory's peer that answers there. */
export async function findRunning(dataDir: string): Promise<Running | undefined> {
  const running = await openDataDir(dataDir).running();
  if (running === undefined) return undefined;
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    const response = await fetch(new URL('/healthz', running.url), { signal });
    const health = (await response.json()) as { readonly instance?: unknown };
    return health.instance === running.instance ? running : undefined;
  } catch {
    return undefined;
  }
}

async function reach(
  access: Access,
  options: UseOptions,
): Promise<{ peer: Peer; running: Running | undefined }> {
  const { dataDir } = access.config;
  const data = openDataDir(dataDir);
  if (options.first === true) await data.create();
  if (!data.exists()) {
    const message = `There is no data directory ${dataDir}; make one with "aver init" or "aver start".`;
    throw new AverError('NOT_FOUND', message);
  }
  return onStore<{ peer: Peer; running: Running | undefined }>(
    dataDir,
    async () => ({ peer: await openStore(access, options), running: undefined }),
    async (running) => ({ peer: createHttpPeer(running.url, await data.token()), running }),
  );
}

/** Opens the store, or does what is to be done where a peer runs on it. Waits for another short command: kinder than failing. */
export async function onStore<T>(
  dataDir: string,
  open: () => Promise<T>,
  whereRunning: (running: Running) => Promise<T>,
): Promise<T> {
  const giveUpMs = Date.now() + limits.storeLockWaitMs;
  for (;;) {
    const running = await findRunning(dataDir);
    if (running !== undefined) return whereRunning(running);
    try {
      return await open();
    } catch (error) {
      if (!isAverError(error, 'STORE_LOCKED') || Date.now() > giveUpMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }
}

/** Listens nowhere: a command that comes and goes serves nobody. */
function openStore({ config, makePeer, log }: Access, { online }: UseOptions): Promise<Peer> {
  const { dataDir, bootstrap } = config;
  const nowhere = { host: config.p2pHost, tcp: false, ws: false, webrtcDirect: false } as const;
  return makePeer({ dataDir, listen: online === true && nowhere, bootstrap, announce: [], log });
}
