/** The program as people run it: real processes, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

const MAIN = join(packageRoot(), 'apps', 'peer', 'main.ts');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Process implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    const env = { ...process.env, NO_COLOR: '1', ...environment };
    this.child = spawn(process.execPath, ['--no-warnings', MAIN, ...args], { env });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      for (const watcher of this.#watchers) watcher();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** The first match of `pattern` in what was printed, once there is one. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#stdout);
        if (match === null) return;
        this.#watchers.delete(look);
        resolve(match);
      };
      this.#watchers.add(look);
      look();
      void this.ended.then((end) => reject(new Error(`ended with ${end.code}: ${end.stderr}`)));
    });
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop('SIGKILL');
  }
}

/** Ends with its result; `input` goes to standard input. */
export function aver(args: readonly string[], input = ''): Promise<Ended> {
  const run = new Process(args);
  run.child.stdin?.end(input);
  return run.ended;
}

const LOOPBACK = [
  '--port',
  '0',
  '--p2p-host',
  '127.0.0.1',
  '--tcp',
  '0',
  '--ws',
  '0',
  '--webrtc-direct',
  'off',
];

export interface Started {
  readonly process: Process;
  readonly url: string;
  readonly invite: string;
  readonly addresses: readonly string[];
  readonly space: { readonly id: string };
}

export async function startAver(data: string, ...more: readonly string[]): Promise<Started> {
  const process = new Process(['start', '--data', data, '--json', ...LOOPBACK, ...more]);
  const [line] = await process.printed(/^\{.*\}$/m);
  return { process, ...(JSON.parse(line) as Omit<Started, 'process'>) };
}
