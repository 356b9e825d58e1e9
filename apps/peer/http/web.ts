/** The web app's files, with the headers that a page which holds keys should have. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type MiddlewareHandler } from 'hono';

/** Everything from here; WebSocket to any peer; WebAssembly for hashing; workers from blobs. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Aver</title>
<body><h1>Aver</h1><p>The peer runs. The web app is not built yet: type <code>npm start</code> in the project.</p>`;

export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
  };
}

export function webRoutes(webDir: string): Hono {
  const routes = new Hono();
  if (!existsSync(join(webDir, 'index.html'))) {
    return routes.get('/', (c) => c.html(NOT_BUILT, 503));
  }
  // After the file was found: headers set while it is looked up would be lost.
  routes.use('*', async (c, next) => {
    await next();
    if (c.res.ok) c.header('Cache-Control', cacheFor(c.req.path));
  });
  return routes.get('*', serveStatic({ root: webDir }));
}

/** Names with a hash never change; all else (the page, the service worker) is asked for anew. */
function cacheFor(path: string): string {
  const hashed = /^\/assets\/.*-[\w-]{8,}\.\w+$/.test(path);
  return hashed ? 'public, max-age=31536000, immutable' : 'no-cache';
}
