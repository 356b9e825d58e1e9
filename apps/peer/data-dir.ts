/**
 * The data directory: the store, `config.json`, `token` (who may use the HTTP interface), `peer.json`
 * (where the running peer answers) and `ports.json` (the ports of the last start, so that addresses
 * in invites go on working). Readable by its owner only.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { AverError } from '../../src/base/errors.ts';

const runningSchema = v.object({
  url: v.pipe(v.string(), v.url()),
  pid: v.number(),
  /** Random; `/healthz` repeats it, so a leftover file never points at somebody else's port. */
  instance: v.string(),
  startedAtMs: v.number(),
});
export type Running = v.InferOutput<typeof runningSchema>;

/** With the inode of the directory: a copy of it is the directory of another peer. */
const runningFileSchema = v.object({ ...runningSchema.entries, directory: v.number() });

const portsSchema = v.record(v.string(), v.number());
export type Ports = Readonly<Record<string, number>>;

export interface DataDir {
  readonly path: string;
  readonly configPath: string;
  readonly storePath: string;
  readonly tokenPath: string;
  exists(): boolean;
  create(): Promise<void>;
  /** The token, made on first use. */
  token(): Promise<string>;
  running(): Promise<Running | undefined>;
  setRunning(running: Running): Promise<void>;
  /** Removes `peer.json` if it is still ours. */
  clearRunning(instance: string): Promise<void>;
  ports(): Promise<Ports>;
  setPorts(ports: Ports): Promise<void>;
}

export function openDataDir(path: string): DataDir {
  const file = (name: string): string => join(path, name);
  const running = async (): Promise<Running | undefined> => {
    const found = await readJson(file('peer.json'), runningFileSchema);
    return found === undefined || found.directory !== (await stat(path)).ino ? undefined : found;
  };
  return {
    path,
    configPath: file('config.json'),
    storePath: file('store'),
    tokenPath: file('token'),
    exists: () => existsSync(path),
    create: async () => {
      await mkdir(path, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
        throw new AverError('STORE_FAILED', `The data directory ${path} cannot be made.`, { cause });
      });
    },
    token: () => readOrMakeToken(file('token')),
    running,
    setRunning: async (running) => {
      const { ino: directory } = await stat(path);
      await writePrivate(file('peer.json'), `${JSON.stringify({ ...running, directory })}\n`);
    },
    clearRunning: async (instance) => {
      const current = await running();
      if (current?.instance === instance) await rm(file('peer.json'), { force: true });
    },
    ports: async () => (await readJson(file('ports.json'), portsSchema)) ?? {},
    setPorts: (ports) => writePrivate(file('ports.json'), `${JSON.stringify(ports)}\n`),
  };
}

async function readOrMakeToken(path: string): Promise<string> {
  const found = await readFile(path, 'utf8').catch(() => '');
  if (found.trim() !== '') return found.trim();
  // Linked into place, so that of two processes that make it at once both use the same token.
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(beside, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 }).catch(
    notWritable(path),
  );
  await link(beside, path).catch(() => undefined);
  await rm(beside, { force: true });
  return (await readFile(path, 'utf8')).trim();
}

/** Undefined when the file is missing or damaged: these files are hints that the next start renews. */
async function readJson<S extends v.GenericSchema>(
  path: string,
  schema: S,
): Promise<v.InferOutput<S> | undefined> {
  try {
    const parsed = v.safeParse(schema, JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Written beside and renamed, so that a reader never sees half a file. */
async function writePrivate(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(beside, text, { mode: 0o600 });
    await chmod(beside, 0o600);
    await rename(beside, path);
  } catch (error) {
    notWritable(path)(error);
  }
}

function notWritable(path: string): (cause: unknown) => never {
  return (cause) => {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new AverError('STORE_FAILED', `${path} cannot be written (${why}).`, { cause });
  };
}
