/**
 * Aver for Node: composes a peer with LevelDB, TCP, WebSocket, WebRTC-direct and a relay for browsers.
 *
 * ```ts
 * await using peer = await createPeer({ directory: './data' });
 * const space = await peer.create({ name: 'notes' });
 * await space.assert({ subject: 'rfc://9110', predicate: 'title', object: 'HTTP Semantics' });
 * ```
 */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MemoryMetrics } from './base/counters.ts';
import { AverError } from './base/errors.ts';
import { boundedLog, silentLog } from './base/log.ts';
import type { Clock, Log, Metrics, Network, Ports, Store } from './base/ports.ts';
import { systemClock } from './base/system-clock.ts';
import { systemRandom } from './base/system-random.ts';
import { VERSION } from './base/version.ts';
import { nodeCrypto } from './crypto/crypto-node.ts';
import { MemoryHub } from './net/memory-hub.ts';
import { MemoryNetwork } from './net/memory-network.ts';
import { createNodeNetwork } from './net/node-network.ts';
import type { Peer, StorageStatus } from './peer/api.ts';
import { countError } from './peer/count-errors.ts';
import { keyringOf, LocalPeer } from './peer/local-peer.ts';
import { openLevelDb } from './store/leveldb.ts';
import { memoryStore } from './store/memory.ts';
import { finishSwap } from './store/swap-stores-node.ts';

export * from './index.ts';

/** Where a Node peer listens: ports, 0 for any free one, `false` for none. */
export interface Listen {
  /** Interface; all IPv4 ones (`0.0.0.0`) when absent. */
  readonly host?: string;
  readonly tcp?: number | false;
  readonly webSocket?: number | false;
  readonly webRtcDirect?: number | false;
}

export interface NodePeerOptions {
  /** Data directory, made if need be; one process at a time. In memory, and gone with the process, when absent. */
  readonly directory?: string;
  /** `false` stays off the network altogether. Free ports on all interfaces when absent. */
  readonly listen?: Listen | false;
  /** Multiaddrs of peers that are dialled, and dialled again whenever the link is gone. */
  readonly bootstrap?: readonly string[];
  /** Addresses to announce beside those listened on: a public name, a proxy with TLS. */
  readonly announce?: readonly string[];
  readonly log?: Log;
  readonly metrics?: Metrics;
  /** The system's clock when absent; tests pass one that is wrong. */
  readonly clock?: Clock;
}

/** Throws `STORE_LOCKED` when another process has the directory, `LISTEN_FAILED`, `STORE_VERSION`. */
export async function createPeer(options: NodePeerOptions = {}): Promise<Peer> {
  const ports: Ports = {
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log: boundedLog(options.log ?? silentLog, options.clock ?? systemClock),
    crypto: nodeCrypto(),
    metrics: options.metrics ?? new MemoryMetrics(),
  };
  try {
    return await startPeer(options, ports);
  } catch (error) {
    countError(error, 'start', ports.metrics);
    throw error;
  }
}

async function startPeer(options: NodePeerOptions, ports: Ports): Promise<Peer> {
  const directory = options.directory === undefined ? undefined : resolve(options.directory);
  const ended = Promise.withResolvers<AverError>();
  const store = await openStore(directory, ended.resolve);
  try {
    const keyring = keyringOf(store, ports);
    const network = await openNetwork(options, await keyring.peerSeed(), ports);
    const storage = () => storageStatus(directory);
    const { bootstrap = [] } = options;
    const parts = { store, network, ports, keyring, bootstrap, version: VERSION, storage };
    const peer = await LocalPeer.start(parts);
    void ended.promise.then((why) => {
      countError(why, 'store', ports.metrics);
      ports.log.write('error', 'the store ended', { code: why.code, message: why.message });
      return peer.end(why);
    });
    return peer;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openStore(directory: string | undefined, onEnd: (why: AverError) => void): Promise<Store> {
  if (directory === undefined) return memoryStore();
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AverError('STORE_FAILED', `The directory ${directory} cannot be made.`, { cause: error });
  }
  const place = join(directory, 'store');
  await finishSwap(place);
  return openLevelDb({ directory: place, onEnd });
}

async function openNetwork(options: NodePeerOptions, seed: Uint8Array, ports: Ports): Promise<Network> {
  const { listen = {}, announce } = options;
  // A hub of its own: nobody is there.
  if (listen === false) return new MemoryNetwork(new MemoryHub(ports), 'offline');
  return createNodeNetwork({
    seed,
    ports,
    webSocketPort: listen.webSocket ?? 0,
    tcpPort: listen.tcp ?? 0,
    webRtcDirectPort: listen.webRtcDirect ?? 0,
    ...(listen.host === undefined ? {} : { host: listen.host }),
    ...(announce === undefined ? {} : { announce }),
  });
}

async function storageStatus(directory: string | undefined): Promise<StorageStatus> {
  const common = { quotaBytes: undefined };
  if (directory === undefined) {
    return { ...common, kind: 'memory', persistent: false, usedBytes: undefined, place: 'memory' };
  }
  return {
    ...common,
    kind: 'leveldb',
    persistent: true,
    usedBytes: await sizeOf(join(directory, 'store')),
    place: directory,
  };
}

async function sizeOf(directory: string): Promise<number | undefined> {
  try {
    const names = await readdir(directory);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return undefined; // LevelDB replaces files as it likes: the next look has a figure again.
  }
}
