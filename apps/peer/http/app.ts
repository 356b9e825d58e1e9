/** The HTTP interface of a Node peer: API, health, metrics, and the web app (docs/http.md). */
import { join } from 'node:path';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { AverError, toAverError } from '../../../src/base/errors.ts';
import { limits } from '../../../src/base/limits.ts';
import type { Log } from '../../../src/base/ports.ts';
import type { Hex, Peer } from '../../../src/peer/api.ts';
import { packageRoot } from '../package-root.ts';
import { bootstrapFor } from './bootstrap.ts';
import { errorResponse } from './errors.ts';
import { hostGuard, tokenGuard } from './guard.ts';
import { createMetricsPage } from './metrics.ts';
import { peerRoutes } from './peer-routes.ts';
import { spaceRoutes } from './space-routes.ts';
import { securityHeaders, webRoutes } from './web.ts';

export interface AppOptions {
  readonly peer: Peer;
  readonly token: string;
  /** Says which process this is; repeated by `/healthz`. */
  readonly instance: string;
  /** The space that the web app opens first. */
  readonly space: Hex;
  readonly allowHosts: readonly string[];
  readonly log: Log;
  /** Ends open streams when the server stops. */
  readonly closing: AbortSignal;
  readonly webDir?: string;
}

export function createApp(options: AppOptions): Hono {
  const { peer, log, closing } = options;
  const app = new Hono();
  app.onError((error, c) => {
    const { code, message } = toAverError(error);
    log.write(code === 'INTERNAL' ? 'error' : 'debug', 'request failed', { path: c.req.path, code, message });
    return errorResponse(c, error);
  });
  app.notFound((c) =>
    errorResponse(c, new AverError('NOT_FOUND', `There is no ${c.req.method} ${c.req.path}.`)),
  );
  const metrics = createMetricsPage(peer);
  app.use('*', async (c, next) => {
    await next();
    const code = c.get('errorCode');
    if (code !== undefined) metrics.countError(code);
  });
  app.use('*', hostGuard(options.allowHosts), securityHeaders());
  app.get('/healthz', (c) => c.json({ ok: true, instance: options.instance }));
  app.get('/readyz', async (c) => {
    const spaces = closing.aborted ? 0 : (await peer.spaces()).length;
    return c.json({ ready: spaces > 0, spaces }, spaces > 0 ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.text(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );
  app.get('/bootstrap.json', async (c) => {
    const host = c.req.header('host') ?? new URL(c.req.url).host;
    c.header('Cache-Control', 'no-store');
    return c.json(await bootstrapFor(peer, options.space, host));
  });
  app.use('/api/*', tokenGuard(options.token), sizeGuard(), async (c, next) => {
    await next();
    if (!c.res.headers.has('cache-control')) c.header('Cache-Control', 'no-store');
  });
  app.route('/api/v1/spaces/:id', spaceRoutes(peer, closing));
  app.route('/api/v1', peerRoutes(peer, closing));
  app.all('/api/*', (c) => c.notFound());
  app.route('/', webRoutes(options.webDir ?? join(packageRoot(), 'dist', 'web')));
  return app;
}

/** Bounds every body but an import, which is read as it flows and bounded by the peer. */
function sizeGuard(): ReturnType<typeof bodyLimit> {
  const limited = bodyLimit({
    maxSize: limits.httpBodyBytesMax,
    onError: (c) =>
      errorResponse(c, new AverError('OVERSIZE', `The body is over ${limits.httpBodyBytesMax} bytes.`)),
  });
  return (c, next) => (c.req.path === '/api/v1/import' ? next() : limited(c, next));
}
