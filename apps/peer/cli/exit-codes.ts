/** Exit codes of `aver`. Stable: scripts branch on them. */
import { type ErrorCode, toAverError } from '../../../src/base/errors.ts';

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  locked: 5,
  storage: 6,
  refused: 7,
  interrupted: 130,
} as const;

export const EXIT_CODE_HELP = `
Exit codes:
  0    done
  1    failed for a reason that has no code of its own
  2    wrong usage or bad input (arguments, configuration, file, invite)
  3    not found (fact, space, file)
  4    no peer: none runs, or it cannot be reached or did not answer in time
  5    the data directory is in use by another process
  6    storage: full, failed or damaged
  7    refused: not admitted, wrong token, secret needed, clock too far off
  130  interrupted
`;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  BAD_ENCODING: exitCodes.usage,
  BAD_SIGNATURE: exitCodes.usage,
  BAD_HASH: exitCodes.usage,
  BAD_CHAIN: exitCodes.usage,
  BAD_HLC: exitCodes.usage,
  UNSIGNED_TAIL: exitCodes.usage,
  BAD_INPUT: exitCodes.usage,
  BAD_VALUE: exitCodes.usage,
  BAD_INVITE: exitCodes.usage,
  BAD_GENESIS: exitCodes.usage,
  INVITE_EXPIRED: exitCodes.usage,
  INVITE_VERSION: exitCodes.usage,
  OVERSIZE: exitCodes.usage,
  TOO_DEEP: exitCodes.usage,
  NOT_FOUND: exitCodes.notFound,
  UNKNOWN_SPACE: exitCodes.notFound,
  NO_PEER: exitCodes.unreachable,
  DIAL_FAILED: exitCodes.unreachable,
  DIAL_DENIED: exitCodes.unreachable,
  STREAM_FAILED: exitCodes.unreachable,
  PROTOCOL_UNSUPPORTED: exitCodes.unreachable,
  TIMEOUT: exitCodes.unreachable,
  CLOSED: exitCodes.unreachable,
  STORE_LOCKED: exitCodes.locked,
  STORE_FULL: exitCodes.storage,
  STORE_FAILED: exitCodes.storage,
  STORE_CORRUPT: exitCodes.storage,
  STORE_VERSION: exitCodes.storage,
  STORE_FENCED: exitCodes.storage,
  NOT_ADMITTED: exitCodes.refused,
  UNAUTHORIZED: exitCodes.refused,
  DENIED: exitCodes.refused,
  SECRET_NEEDED: exitCodes.refused,
  AUTHOR_RETIRED: exitCodes.refused,
  CLOCK_AHEAD: exitCodes.refused,
  CLOCK_BEHIND: exitCodes.refused,
  ABORTED: exitCodes.interrupted,
};

export function exitCodeOf(error: unknown): number {
  return BY_CODE[toAverError(error).code] ?? exitCodes.failure;
}
