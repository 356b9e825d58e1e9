/** A writer in a process of its own, and the ways to kill it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { POINTS, type Point } from './deadly-store.ts';
import type { Mix, Said, WriterPlan } from './writer.ts';

/** Changes of LevelDB's files at which a writer is killed, from outside and so right after them. */
export const FILE_EVENTS = {
  'a log begins': /\.log$/,
  'a table is written': /\.ldb$/,
  'a manifest is written': /^MANIFEST/,
  'CURRENT is renamed': /^(?:CURRENT|.*\.dbtmp)$/,
} as const;
export type FileEvent = keyof typeof FILE_EVENTS;

export type Death =
  | { readonly at: Point; readonly nth: number }
  | { readonly at: FileEvent; readonly nth: number; readonly afterMs?: number }
  | { readonly at: 'any time'; readonly afterMs: number }
  /** It stops as it should. */
  | { readonly at: 'no'; readonly afterMs: number };

/** A point may never come: then it is killed after so long. */
const PATIENCE_MS = 1500;

export interface Life {
  /** `undefined` where the process ended by itself. */
  readonly killed: boolean;
  readonly openMs: number | undefined;
  readonly stderr: string;
}

export interface LifeOptions {
  readonly directory: string;
  readonly life: number;
  readonly death: Death;
  readonly mix: Mix;
  /** Beside this process' own; see `failing-disk.ts`. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly heard: (said: Said) => void;
}

/** One life of the writer. Resolves when it is dead and all that it said was heard. */
export async function live(options: LifeOptions): Promise<Life> {
  const { directory, death, heard } = options;
  mkdirSync(join(directory, 'store'), { recursive: true });
  const child = start(options);
  let openMs: number | undefined;
  let stderr = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr += String(bytes);
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => resolve(signal));
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => {
    const said = parse(line);
    if (said === undefined) return;
    heard(said);
    if (said.type !== 'opened') return;
    openMs = said.ms;
    const afterMs = death.at === 'any time' ? death.afterMs : PATIENCE_MS;
    if (death.at !== 'no') setTimeout(() => child.kill('SIGKILL'), afterMs).unref();
  });
  const heardAll = new Promise<void>((resolve) => lines.on('close', resolve));
  const unwatch = killAtFile(child, join(directory, 'store'), death);
  const signal = await ended;
  unwatch();
  await heardAll;
  return { killed: signal === 'SIGKILL', openMs, stderr };
}

function start({ directory, life, death, mix, environment }: LifeOptions): ChildProcess {
  const plan: WriterPlan = {
    directory,
    life,
    mix,
    nth: 'nth' in death ? death.nth : 1,
    ...(isPoint(death.at) ? { point: death.at } : {}),
    ...(death.at === 'no' ? { stopAfterMs: death.afterMs } : {}),
    // Who is to be killed while closing has to close.
    ...(/clos/.test(death.at) ? { stopAfterMs: 100 } : {}),
  };
  const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', writer, JSON.stringify(plan)];
  const env = { ...process.env, ...environment };
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
}

function isPoint(at: string): at is Point {
  return (POINTS as readonly string[]).includes(at);
}

/** Undefined for a line that the death cut. */
function parse(line: string): Said | undefined {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return undefined;
  }
}

function killAtFile(child: ChildProcess, directory: string, death: Death): () => void {
  const pattern = (FILE_EVENTS as Readonly<Record<string, RegExp>>)[death.at];
  if (pattern === undefined || !('nth' in death)) return () => undefined;
  let left = death.nth;
  const afterMs = 'afterMs' in death ? death.afterMs : 0;
  const watcher = watch(directory, (event, name) => {
    // Not each time that something is appended.
    if (event !== 'rename' || name === null || !pattern.test(name) || --left > 0) return;
    if (afterMs > 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
    else child.kill('SIGKILL');
  });
  return () => watcher.close();
}
