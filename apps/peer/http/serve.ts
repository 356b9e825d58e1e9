/** Binds the HTTP interface to a port, or to the next free one. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { AverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';

/** Slow senders of headers hold a socket no longer than this. */
const HEADERS_TIMEOUT_MS = 10_000;

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  /** Whether a taken port is an error, because somebody asked for exactly this one. */
  readonly exact: boolean;
}

export interface HttpServer {
  /** Base address for people: one name for one origin, so that a browser finds its data again. */
  readonly url: string;
  /** The same for programs on this machine, without a look-up of a name. */
  readonly localUrl: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Throws `LISTEN_FAILED`. */
export async function serveHttp(app: Hono, options: ServeOptions): Promise<HttpServer> {
  const server = createServer(getRequestListener(app.fetch));
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  // A big import may take longer than any fixed time; the body limit bounds everything else.
  server.requestTimeout = 0;
  const port = await listenOnFree(server, options);
  const anywhere = options.host === '0.0.0.0' || options.host === '::';
  const loopback = options.host === '127.0.0.1' || options.host === '::1';
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${anywhere || loopback ? 'localhost' : host}:${port}`,
    localUrl: `http://${anywhere ? '127.0.0.1' : host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listenOnFree(server: Server, { host, port, exact }: ServeOptions): Promise<number> {
  const tries = exact || port === 0 ? 1 : limits.portAttemptsMax;
  for (let i = 0; i < tries; i++) {
    try {
      return await listen(server, host, port + i);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRINUSE' || i === tries - 1) {
        const which = i === 0 ? `Port ${port}` : `Every port from ${port} to ${port + i}`;
        const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code ?? 'unknown'})`;
        throw new AverError('LISTEN_FAILED', `${which} of ${host} ${why}.`, { cause: error });
      }
    }
  }
  throw new AverError('LISTEN_FAILED', `No free port from ${port} on.`);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
