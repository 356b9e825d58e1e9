/** A Node peer in a process of its own: `aver start` over a data directory, killed and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../apps/setup/process.mjs';

const PROGRAM = join(ROOT, 'apps', 'peer', 'main.ts');
/** A start reads every file of the program from the disk, on a machine that may be busy. */
const START_TIMEOUT_MS = 60_000;

/** What `aver start --json` says. */
interface Announcement {
  readonly url: string;
  readonly invite: string;
  readonly peerId: string;
  readonly space: { readonly id: string; readonly name: string };
  readonly addresses: readonly string[];
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** An existing data directory; a new one that goes with the peer when absent. */
  readonly data?: string;
  /** Further flags of `aver start`. */
  readonly flags?: readonly string[];
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class NodePeer {
  readonly data: string;
  readonly #flags: readonly string[];
  readonly #ownsData: boolean;
  #child: ChildProcess | undefined;
  #told: Announcement | undefined;
  /** Everything that the processes wrote to stderr. */
  log = '';

  private constructor({ data, flags = [] }: StartOptions) {
    this.#ownsData = data === undefined;
    this.data = data ?? mkdtempSync(join(tmpdir(), 'aver-e2e-'));
    this.#flags = flags;
  }

  /** Resolves when the peer has printed where it is. Rejects with its stderr when it ends before. */
  static async start(options: StartOptions = {}): Promise<NodePeer> {
    const peer = new NodePeer(options);
    await peer.#spawn('0');
    return peer;
  }

  get #known(): Announcement {
    if (this.#told === undefined) throw new Error('The peer has not started.');
    return this.#told;
  }

  /** What a person opens. */
  get url(): string {
    return this.#known.url;
  }
  get invite(): string {
    return this.#known.invite;
  }
  get peerId(): string {
    return this.#known.peerId;
  }
  get space(): Announcement['space'] {
    return this.#known.space;
  }
  /** The loopback address of a transport, for `--bootstrap`. */
  address(transport: 'tcp' | 'ws' | 'webrtc-direct' = 'tcp'): string {
    const form = { tcp: /\/tcp\/\d+\/p2p\//, ws: /\/ws\//, 'webrtc-direct': /\/webrtc-direct\// }[transport];
    const found = this.#known.addresses.find((one) => form.test(one) && one.startsWith('/ip4/127.'));
    if (found === undefined) throw new Error(`No ${transport} address: ${this.#known.addresses.join(' ')}`);
    return found;
  }

  /** Starts again on the same data and the same ports. */
  async restart(): Promise<void> {
    await this.#spawn(new URL(this.url).port);
  }

  /** As a power cut would end it. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As Ctrl-C ends it. Throws when it does not end well. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    if (code !== 0) throw new Error(`The peer ended with ${code}:\n${this.log}`);
  }

  /** Kills what still runs and removes its data. */
  async dispose(): Promise<void> {
    await this.kill();
    if (this.#ownsData) rmSync(this.data, { recursive: true, force: true });
  }

  /** One command of the command line on this peer's data, as somebody in another terminal types it. */
  aver(...args: string[]): Promise<CommandResult> {
    return aver([...args, '--data', this.data]);
  }

  /** A request to `/api/v1`. Throws what the answer says when it is an error. */
  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const token = readFileSync(join(this.data, 'token'), 'utf8').trim();
    const response = await fetch(`${this.#localUrl}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Path of this peer's own space, or of another one. */
  at(path: string, space = this.space.id): string {
    return `/spaces/${space}${path}`;
  }

  async put(subject: string, predicate: string, object: unknown, space?: string): Promise<void> {
    await this.api('POST', this.at('/facts', space), { subject, predicate, object });
  }

  async status(space?: string): Promise<NodeStatus> {
    return this.api('GET', this.at('/status', space));
  }

  /** Objects of the facts of a subject. */
  async objects(subject: string, space?: string): Promise<unknown[]> {
    const query = new URLSearchParams({ subject });
    const { facts } = await this.api<{ facts: { object: unknown }[] }>(
      'GET',
      this.at(`/facts?${query}`, space),
    );
    return facts.map(({ object }) => object);
  }

  /** The metrics whose names match, added up. */
  async metric(name: RegExp): Promise<number> {
    const text = await (await fetch(`${this.#localUrl}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => !line.startsWith('#') && name.test(line))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** By number: a look-up of `localhost` may try IPv6 first. */
  get #localUrl(): string {
    return this.url.replace('//localhost:', '//127.0.0.1:');
  }

  async #spawn(port: string): Promise<void> {
    const free = ['--port', port, '--tcp', '0', '--ws', '0', '--webrtc-direct', '0'];
    const child = spawn(
      process.execPath,
      [...NODE_FLAGS, PROGRAM, 'start', '--json', '--data', this.data, ...free, ...this.#flags],
      { stdio: ['ignore', 'pipe', 'pipe'], env: cleanEnvironment() },
    );
    running.add(child);
    child.once('close', () => running.delete(child));
    this.#child = child;
    child.stderr?.on('data', (chunk) => {
      this.log += String(chunk);
    });
    this.#told = JSON.parse(await firstLine(child, () => this.log)) as Announcement;
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | string | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
    return child.exitCode ?? child.signalCode;
  }
}

export interface NodeStatus {
  readonly root: string;
  readonly assertions: number;
  readonly pending: number;
  readonly quarantined: number;
  readonly peers: readonly { readonly id: string; readonly relation: string; readonly transport: string }[];
}

const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

/** Of the person at the keyboard, no settings of a peer of their own. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AVER_|npm_|FORCE_COLOR$)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/** Runs the command line to its end. */
export async function aver(args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  return { code: code ?? -1, stdout, stderr };
}

function firstLine(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string) => reject(new Error(`The peer ${why}:\n${output}${log()}`));
    const timer = setTimeout(() => fail(`said nothing for ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal}`);
    });
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      const end = output.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(output.slice(0, end));
    });
  });
}
