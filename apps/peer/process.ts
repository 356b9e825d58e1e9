/** A command line in this process: its streams, its signals, and the Node peer. */

import { exitCodes } from './cli/exit-codes.ts';
import { runCli } from './cli/program.ts';
import { makeNodePeer } from './node-peer.ts';
import { packageVersion } from './package-root.ts';

/** After the first signal a command has this long to end by itself. */
const STOP_TIMEOUT_MS = 10_000;

export async function runProcess(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    // The second one is meant.
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort();
    setTimeout(() => process.exit(exitCodes.interrupted), STOP_TIMEOUT_MS).unref();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `aver query | head`: the reader has enough.
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    throw error;
  });
  const code = await runCli(
    args,
    {
      environment: process.env,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      signal: stop.signal,
      makePeer: makeNodePeer,
      nowMs: Date.now,
    },
    packageVersion(),
  );
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGHUP', onSignal);
  return code;
}
