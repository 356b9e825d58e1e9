/**
 * Configuration: flags, then environment, then `config.json` in the data directory, then defaults.
 * Every value passes the same schema, and an error names where the bad value came from.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { AverError } from '../../src/base/errors.ts';

const text = v.pipe(v.string('expected text'), v.nonEmpty('expected text that is not empty'));
const port = v.pipe(
  v.number('expected a port number'),
  v.integer('expected a port number'),
  v.minValue(0, 'expected a port from 0 (any free one) to 65535'),
  v.maxValue(65_535, 'expected a port from 0 (any free one) to 65535'),
);
const listener = v.union([port, v.literal(false)], 'expected a port from 0 to 65535, or off (false)');

const settingSchemas = {
  /** Where the HTTP interface and the web app are served. */
  host: text,
  port,
  /** Where other peers may connect; a listener that is `false` is off. */
  p2pHost: text,
  tcp: listener,
  ws: listener,
  webrtcDirect: listener,
  /** Addresses of peers to stay connected to. */
  bootstrap: v.array(text, 'expected a list of addresses'),
  /** Addresses to tell others beside those listened on: a public name, a proxy with TLS. */
  announce: v.array(text, 'expected a list of addresses'),
  /** The space that commands mean: its name, its id, or the beginning of its id. */
  space: text,
  /** Host names, besides localhost and IP addresses, under which the HTTP interface may be reached. */
  allowHosts: v.array(text, 'expected a list of host names'),
  logLevel: v.picklist(['debug', 'info', 'warn', 'error'], 'expected debug, info, warn or error'),
};
const fileSchema = v.partial(v.strictObject(settingSchemas));

export type Settings = {
  readonly [K in keyof typeof settingSchemas]: v.InferOutput<(typeof settingSchemas)[K]>;
};
export type SettingName = keyof Settings;
export type SettingSource = 'flag' | 'environment' | 'file' | 'default';

export interface Config extends Settings {
  readonly dataDir: string;
  /** Where a value came from: an unasked-for port may be replaced by a free one. */
  source(name: SettingName): SettingSource;
}

export const DEFAULT_SPACE = 'commons';

export const defaults: Settings = {
  host: '127.0.0.1',
  port: 8080,
  p2pHost: '0.0.0.0',
  tcp: 4410,
  ws: 4411,
  webrtcDirect: 4412,
  bootstrap: [],
  announce: [],
  space: DEFAULT_SPACE,
  allowHosts: [],
  logLevel: 'warn',
};

/** Environment variable of each setting. `AVER_DATA` names the data directory. */
export const environmentNames: Readonly<Record<SettingName, string>> = {
  host: 'AVER_HOST',
  port: 'AVER_PORT',
  p2pHost: 'AVER_P2P_HOST',
  tcp: 'AVER_TCP_PORT',
  ws: 'AVER_WS_PORT',
  webrtcDirect: 'AVER_WEBRTC_PORT',
  bootstrap: 'AVER_BOOTSTRAP',
  announce: 'AVER_ANNOUNCE',
  space: 'AVER_SPACE',
  allowHosts: 'AVER_ALLOW_HOSTS',
  logLevel: 'AVER_LOG_LEVEL',
};

/** Values of the command line: absent, or as text, or already of their type. */
export type Flags = { readonly data?: string | undefined } & {
  readonly [K in SettingName]?: string | boolean | readonly string[] | undefined;
};

export type Environment = Readonly<Record<string, string | undefined>>;

export function dataDirOf(flags: Pick<Flags, 'data'>, environment: Environment): string {
  return resolve(flags.data ?? (environment.AVER_DATA || join(homedir(), '.aver')));
}

/** Throws `BAD_INPUT` that names the flag, the variable or the path in the file that is wrong. */
export async function readConfig(flags: Flags, environment: Environment): Promise<Config> {
  const dataDir = dataDirOf(flags, environment);
  const file = await readConfigFile(join(dataDir, 'config.json'));
  const settings: Record<string, unknown> = {};
  const sources = new Map<SettingName, SettingSource>();
  for (const name of Object.keys(settingSchemas) as SettingName[]) {
    const variable = environmentNames[name];
    const fromEnvironment = environment[variable];
    if (flags[name] !== undefined) {
      settings[name] = parseSetting(name, flags[name], `--${kebab(name)}`);
      sources.set(name, 'flag');
    } else if (fromEnvironment !== undefined && fromEnvironment !== '') {
      settings[name] = parseSetting(name, fromEnvironment, variable);
      sources.set(name, 'environment');
    } else if (file[name] !== undefined) {
      settings[name] = file[name];
      sources.set(name, 'file');
    } else settings[name] = defaults[name];
  }
  return {
    ...(settings as unknown as Settings),
    dataDir,
    source: (name) => sources.get(name) ?? 'default',
  };
}

async function readConfigFile(path: string): Promise<Partial<Settings>> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new AverError('BAD_INPUT', `${path} cannot be read: ${(error as Error).message}.`);
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new AverError('BAD_INPUT', `${path} is not JSON: ${(error as Error).message}.`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new AverError('BAD_INPUT', `${path}: the file: expected an object with settings.`);
  }
  const parsed = v.safeParse(fileSchema, json);
  if (parsed.success) return parsed.output as Partial<Settings>;
  throw badSetting(path, parsed.issues[0]);
}

function badSetting(path: string, issue: v.BaseIssue<unknown>): AverError {
  const at = v.getDotPath(issue) ?? '';
  const known = Object.keys(settingSchemas).join(', ');
  const why =
    issue.type === 'strict_object' && at !== '' ? `is unknown; known are ${known}` : `${issue.message}`;
  const received = issue.type === 'strict_object' ? '' : `, got ${issue.received}`;
  return new AverError('BAD_INPUT', `${path}: ${at}: ${why}${received}.`, {
    fields: { path, setting: at },
  });
}

/** A setting from text, as flags and variables carry it. */
function parseSetting(name: SettingName, given: Flags[SettingName], origin: string): unknown {
  const value = typeof given === 'string' ? fromText(name, given) : given;
  const parsed = v.safeParse(settingSchemas[name] as v.GenericSchema, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw new AverError('BAD_INPUT', `${origin}: ${issue.message}, got "${String(given)}".`, {
    fields: { setting: name },
  });
}

function fromText(name: SettingName, given: string): unknown {
  switch (name) {
    case 'port':
      return /^\d+$/.test(given) ? Number(given) : given;
    case 'tcp':
    case 'ws':
    case 'webrtcDirect':
      return given === 'off' ? false : /^\d+$/.test(given) ? Number(given) : given;
    case 'bootstrap':
    case 'announce':
    case 'allowHosts':
      return given.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
    default:
      return given;
  }
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
