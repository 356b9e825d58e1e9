/**
 * What this browser lacks, asked before anything else is loaded. A blocking problem stops the start,
 * the others only cost something, and the page says what.
 */
import { ADVICE, type ErrorCode } from '../../../src/base/errors.ts';

export interface PlatformProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
  readonly blocking: boolean;
}

/** The part of the global scope that is looked at. */
export interface Platform {
  readonly crypto?: { readonly subtle?: unknown };
  readonly indexedDB?: unknown;
  readonly RTCPeerConnection?: unknown;
  readonly navigator?: { readonly locks?: unknown };
}

export function platformProblems(platform: Platform): readonly PlatformProblem[] {
  const problems: PlatformProblem[] = [];
  const note = (code: ErrorCode, message: string, blocking: boolean) =>
    problems.push({ code, message, advice: ADVICE[code], blocking });

  if (platform.crypto?.subtle === undefined || platform.navigator?.locks === undefined)
    note('NO_WEBCRYPTO', 'This page came over plain HTTP, so the browser gives it no cryptography.', true);
  if (platform.indexedDB === undefined) note('NO_STORAGE', 'This browser lets the page store nothing.', true);
  if (platform.RTCPeerConnection === undefined)
    note('NO_WEBRTC', 'WebRTC is switched off or missing here.', false);
  return problems;
}
