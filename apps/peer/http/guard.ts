/**
 * Who may talk to the HTTP interface. Every request must name a host that is ours (a page on the
 * internet whose name was re-bound to 127.0.0.1 names its own), and `/api` needs the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { AverError } from '../../../src/base/errors.ts';
import { errorResponse, MISDIRECTED } from './errors.ts';

/** Host name of a `Host` header or URL, without port and brackets, in lower case. */
export function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return (bracketed?.[1] ?? host.replace(/:\d*$/, '')).toLowerCase();
}

/** IP addresses cannot be re-bound, so they are always fine. */
export function isOwnHost(name: string, allowed: readonly string[]): boolean {
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  return allowed.some((host) => host.toLowerCase() === name);
}

export function hostGuard(allowed: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const name = hostName(c.req.header('host') ?? new URL(c.req.url).host);
    if (isOwnHost(name, allowed)) return next();
    const message = `This peer does not answer to the host name "${name.slice(0, 100)}"; allow it with allowHosts.`;
    return errorResponse(c, new AverError('BAD_INPUT', message), MISDIRECTED);
  };
}

export function tokenGuard(token: string): MiddlewareHandler {
  const expected = digest(token);
  return async (c, next) => {
    const given = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    // Digests have one length, so the comparison takes the same time for every guess.
    if (given !== undefined && timingSafeEqual(digest(given.trim()), expected)) return next();
    const message = given === undefined ? 'The request carries no token.' : 'The token is wrong.';
    c.header('WWW-Authenticate', 'Bearer');
    return errorResponse(c, new AverError('UNAUTHORIZED', message));
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
