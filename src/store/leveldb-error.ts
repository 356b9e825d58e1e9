/** LevelDB's errors as Aver's. */
import { AverError } from '../base/errors.ts';

export function lockedError(place: string, cause?: unknown): AverError {
  return new AverError('STORE_LOCKED', `The store ${place} is open elsewhere.`, { cause });
}

export function toStoreError(error: unknown, place: string): AverError {
  if (error instanceof AverError) return error;
  // Opening and reopening wrap LevelDB's own error.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const message = `The store ${place} failed: ${cause instanceof Error ? cause.message : cause}`;
  if (code === 'LEVEL_LOCKED') {
    return lockedError(place, cause);
  }
  if (code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && isDamaged(message)))
    return new AverError('STORE_CORRUPT', message, { cause });
  if (code === 'ENOSPC' || (code === 'LEVEL_IO_ERROR' && isNoSpace(message))) {
    return new AverError('STORE_FULL', message, { cause });
  }
  return new AverError('STORE_FAILED', message, { cause });
}

/** LevelDB hands on the system's text alone: ENOSPC and EDQUOT on Unix, ERROR_DISK_FULL on Windows. */
function isNoSpace(message: string): boolean {
  return /no space left|quota exceeded|not enough space/i.test(message);
}

/** A file that another one names is missing, or too short to be one: ENOENT, and EINVAL from mapping it. */
function isDamaged(message: string): boolean {
  return /: (?:no such file|invalid argument|.*cannot find the file)/i.test(message);
}
