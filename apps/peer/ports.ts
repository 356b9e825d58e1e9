/**
 * Which ports a peer listens on. What somebody asked for is used as it is; otherwise the ports of the
 * last start, then the usual ones, then any free one: addresses in invites should go on working.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { AverError } from '../../src/base/errors.ts';
import type { Config } from './config.ts';
import type { DataDir } from './data-dir.ts';
import type { Listeners } from './with-peer.ts';

const NAMES = ['tcp', 'ws', 'webrtcDirect'] as const;
type Name = (typeof NAMES)[number];

const PROBES = { tcp: probeTcp, ws: probeTcp, webrtcDirect: probeUdp } as const;
const FLAGS = { tcp: '--tcp', ws: '--ws', webrtcDirect: '--webrtc-direct' } as const;

export async function chooseListeners(config: Config, data: DataDir): Promise<Listeners> {
  const last = await data.ports();
  const host = config.p2pHost;
  const chosen: Record<Name, number | false> = { tcp: false, ws: false, webrtcDirect: false };
  const taken = new Set<number>();
  for (const name of NAMES) {
    const wanted = config[name];
    if (wanted === false) continue;
    const exact = config.source(name) !== 'default' && wanted !== 0;
    const port = exact
      ? await mustBeFree(name, host, wanted)
      : await firstFree(name, host, [last[name], wanted, 0], taken);
    taken.add(port);
    chosen[name] = port;
  }
  const ports = Object.entries(chosen).filter((entry): entry is [Name, number] => entry[1] !== false);
  await data.setPorts(Object.fromEntries(ports));
  return { host, ...chosen };
}

/** Whether a peer could listen there now; `port` is that of the HTTP interface. */
export async function isPortFree(name: Name | 'port', host: string, port: number): Promise<boolean> {
  const probe = name === 'port' ? probeTcp : PROBES[name];
  return (await probe(host, port)) !== undefined;
}

/** Probed only to name the port: the listeners start together, and their failure does not say which one. */
async function mustBeFree(name: Name, host: string, port: number): Promise<number> {
  if ((await PROBES[name](host, port)) !== undefined) return port;
  const what = name === 'webrtcDirect' ? 'UDP port' : 'Port';
  throw new AverError(
    'LISTEN_FAILED',
    `${what} ${port} of ${host} is taken or not allowed (${FLAGS[name]}).`,
  );
}

async function firstFree(
  name: Name,
  host: string,
  wishes: readonly (number | undefined)[],
  taken: ReadonlySet<number>,
): Promise<number> {
  for (const wish of wishes) {
    if (wish === undefined || taken.has(wish)) continue;
    const port = await PROBES[name](host, wish);
    if (port !== undefined) return port;
  }
  // Nothing could be bound; the listener itself will say why.
  return 0;
}

function probeTcp(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

function probeUdp(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind({ address: host, port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}
