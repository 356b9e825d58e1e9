/**
 * Calls between the benchmark and the processes it measures. A process offers methods; the benchmark
 * holds a proxy of them. The processes talk over Node's own pipe, never over what is measured.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

// biome-ignore lint/suspicious/noExplicitAny: `Remote` keeps the methods' own types
type Methods = Record<string, (...args: any[]) => unknown>;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}
type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

export type Remote<M extends Methods> = {
  readonly [K in keyof M]: (...args: Parameters<M[K]>) => Promise<Awaited<ReturnType<M[K]>>>;
};

export interface Started<M extends Methods> extends AsyncDisposable {
  readonly call: Remote<M>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

/** Starts a module, of this directory or at an absolute path, as a process of its own. */
export function startProcess<M extends Methods>(
  module: string,
  options: { readonly profiles: string | undefined; readonly exposeGc?: boolean },
): Started<M> {
  const { profiles, exposeGc = false } = options;
  const child = fork(resolve(import.meta.dirname, module), {
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      ...(exposeGc ? ['--expose-gc'] : []),
      ...(profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]),
    ],
    serialization: 'advanced',
  });
  return { call: proxyOf<M>(child), kill: () => kill(child), [Symbol.asyncDispose]: () => end(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** The process ends when its pipe closes; only then does Node write a profile. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  await exited;
}

function proxyOf<M extends Methods>(child: ChildProcess): Remote<M> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 1;
  child.on('message', (answer: Answer) => {
    const caller = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) caller?.reject(new Error(answer.error));
    else caller?.resolve(answer.value);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`The process ended with ${code}.`));
    waiting.clear();
  });
  return new Proxy({} as Remote<M>, {
    get:
      (_, method: string) =>
      (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          const id = nextId++;
          waiting.set(id, { resolve, reject });
          child.send({ id, method, args } satisfies Call);
        }),
  });
}

/** Offers methods to the process that started this one, and ends when that one lets go. */
export function serve(methods: Methods): void {
  process.on('message', async ({ id, method, args }: Call) => {
    let answer: Answer;
    try {
      answer = { id, value: await methods[method]?.(...args) };
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      answer = { id, error: `${method}: ${why}` };
    }
    if (process.connected) process.send?.(answer);
  });
  process.on('disconnect', () => process.exit(0));
}
