/** What every command gets: configuration, output, the peer, and the space that is meant. */
import type { Readable } from 'node:stream';
import type { Log } from '../../../src/base/ports.ts';
import type { Peer, Space } from '../../../src/peer/api.ts';
import { type Config, type Environment, type Flags, readConfig } from '../config.ts';
import { createPinoLog } from '../log.ts';
import { type MakePeer, type Reached, type UseOptions, withPeer } from '../with-peer.ts';
import { pickSpace } from './format.ts';
import { Output, type Terminal } from './output.ts';

/** The world of a command, passed in so that tests run commands without a process. */
export interface CliIo {
  readonly environment: Environment;
  readonly stdin: Readable;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly makePeer: MakePeer;
  readonly nowMs: () => number;
}

export interface Context {
  readonly io: CliIo;
  readonly config: Config;
  readonly out: Output;
  readonly log: Log;
  readonly signal: AbortSignal;
  usePeer<T>(use: (peer: Peer, reached: Reached) => Promise<T>, options?: UseOptions): Promise<T>;
  useSpace<T>(
    use: (space: Space, peer: Peer, reached: Reached) => Promise<T>,
    options?: UseOptions,
  ): Promise<T>;
}

export async function createContext(io: CliIo, flags: Flags, json: boolean): Promise<Context> {
  const config = await readConfig(flags, io.environment);
  const log = createPinoLog(config.logLevel);
  const usePeer: Context['usePeer'] = (use, options) =>
    withPeer({ config, makePeer: io.makePeer, log }, use, options);
  return {
    io,
    config,
    log,
    out: new Output(json, io.stdout, io.stderr, io.environment),
    signal: io.signal,
    usePeer,
    useSpace: (use, options) =>
      usePeer(async (peer, reached) => {
        const asked = config.source('space') !== 'default';
        return use(await pickSpace(await peer.spaces(), config.space, asked), peer, reached);
      }, options),
  };
}
