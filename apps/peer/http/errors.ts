/** Errors of the HTTP interface: an `AverError` as JSON under a status that fits its code. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type AverError, type ErrorCode, toAverError } from '../../../src/base/errors.ts';

const STATUS_BY_CODE: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  BAD_INPUT: 400,
  BAD_VALUE: 400,
  BAD_INVITE: 400,
  BAD_ENCODING: 400,
  BAD_GENESIS: 400,
  BAD_HASH: 400,
  BAD_CHAIN: 400,
  BAD_HLC: 400,
  BAD_POW: 400,
  BAD_SIGNATURE: 400,
  UNSIGNED_TAIL: 400,
  WRONG_SPACE: 400,
  INVITE_VERSION: 400,
  TOO_DEEP: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  DIAL_DENIED: 403,
  NOT_ADMITTED: 403,
  SECRET_NEEDED: 403,
  NOT_FOUND: 404,
  UNKNOWN_SPACE: 404,
  AUTHOR_RETIRED: 409,
  CLOCK_AHEAD: 409,
  CLOCK_BEHIND: 409,
  INVITE_EXPIRED: 410,
  OVERSIZE: 413,
  BUSY: 429,
  DIAL_FAILED: 502,
  NO_PEER: 502,
  PROTOCOL_UNSUPPORTED: 502,
  STREAM_FAILED: 502,
  CLOSED: 503,
  STORE_FENCED: 503,
  STORE_LOCKED: 503,
  TIMEOUT: 504,
  STORE_FULL: 507,
};

declare module 'hono' {
  interface ContextVariableMap {
    /** What the request was answered with, for the metrics. */
    errorCode: ErrorCode | undefined;
  }
}

/** A request for a host name that this peer does not answer to. */
export const MISDIRECTED = 421;

export function errorBody(error: unknown): { readonly error: ReturnType<AverError['toJSON']> } {
  return { error: toAverError(error).toJSON() };
}

export function errorResponse(c: Context, error: unknown, status?: ContentfulStatusCode): Response {
  const { code } = toAverError(error);
  c.set('errorCode', code);
  return c.json(errorBody(error), status ?? STATUS_BY_CODE[code] ?? 500);
}
