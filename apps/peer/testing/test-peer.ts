/** Real peers for tests: the store is LevelDB in a temporary directory, the network is in this process. */
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { MemoryMetrics } from '../../../src/base/counters.ts';
import type { AverError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Ports } from '../../../src/base/ports.ts';
import { systemClock } from '../../../src/base/system-clock.ts';
import { systemRandom } from '../../../src/base/system-random.ts';
import { nodeCrypto } from '../../../src/crypto/crypto-node.ts';
import { MemoryHub } from '../../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../../src/net/memory-network.ts';
import type { Peer } from '../../../src/peer/api.ts';
import { keyringOf, LocalPeer } from '../../../src/peer/local-peer.ts';
import { openLevelDb } from '../../../src/store/leveldb.ts';
import type { CliIo } from '../cli/context.ts';
import { runCli } from '../cli/program.ts';
import type { MakePeer } from '../with-peer.ts';

let peersMade = 0;

/** Makes peers that know each other by one hub. `checkBytesMax`: of tables, before the store opens. */
export function testPeers(checkBytesMax?: number): MakePeer {
  const hub = new MemoryHub({ clock: systemClock, random: systemRandom });
  return async ({ dataDir, bootstrap }): Promise<Peer> => {
    const ports: Ports = {
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      crypto: nodeCrypto(),
      metrics: new MemoryMetrics(),
    };
    const directory = join(dataDir, 'store');
    const ended = Promise.withResolvers<AverError>();
    const check = checkBytesMax === undefined ? {} : { checkBytesMax };
    const store = await openLevelDb({ directory, onEnd: ended.resolve, ...check });
    const peer = await LocalPeer.start({
      store,
      network: new MemoryNetwork(hub, `peer-${++peersMade}`),
      ports,
      keyring: keyringOf(store, ports),
      bootstrap,
      version: 'test',
      storage: async () => ({
        kind: 'leveldb',
        persistent: true,
        usedBytes: undefined,
        quotaBytes: undefined,
        place: directory,
      }),
    });
    void ended.promise.then((why) => peer.end(why));
    return peer;
  };
}

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly done: Promise<CliRun>;
  /** Resolves with what was printed once `stdout` matches. */
  printed(pattern: RegExp): Promise<string>;
  interrupt(): void;
}

export interface CliOptions {
  readonly makePeer?: MakePeer;
  readonly environment?: Record<string, string>;
  readonly stdin?: string;
}

/** Runs a command line in this process. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const stop = new AbortController();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const printed = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  stdout.on('data', (chunk: Buffer) => {
    printed.stdout += chunk.toString('utf8');
    for (const watcher of watchers) watcher();
  });
  stderr.on('data', (chunk: Buffer) => {
    printed.stderr += chunk.toString('utf8');
  });
  const io: CliIo = {
    environment: options.environment ?? {},
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    stdout,
    stderr,
    signal: stop.signal,
    makePeer: options.makePeer ?? testPeers(),
    nowMs: Date.now,
  };
  const done = runCli(args, io, '0.0.0-test').then((code) => ({ code, ...printed }));
  return {
    done,
    interrupt: () => stop.abort(),
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(printed.stdout)) return;
          watchers.delete(look);
          resolve(printed.stdout);
        };
        watchers.add(look);
        look();
        void done.then((run) => reject(new Error(`ended with ${run.code}: ${run.stderr}`)));
      }),
  };
}

export function cli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return startCli(args, options).done;
}
