/**
 * Typed errors. Every error that leaves Aver is an `AverError` with a stable code, a sentence
 * that says what happened, and one that says what to do. Decisions read codes, never English text.
 */

/** Stable codes with the advice that goes with each. Codes are never renamed or reused. */
export const ADVICE = {
  // bytes
  BAD_ENCODING: 'Nothing was changed. Update Aver on both sides; if it goes on, the sender is hostile.',
  OVERSIZE: 'Split the data, or store big content as a blob.',
  TOO_DEEP: 'Flatten the value: at most 32 levels are allowed.',
  BAD_VALUE: 'Use JSON values and byte strings: finite numbers, well-formed text.',
  // assertions: refused ones are kept in quarantine for a while and never shown
  BAD_SIGNATURE: 'It was altered or forged, and refused. Get the data from another peer.',
  BAD_HASH: 'What came is not what its id or root names; it was refused. Get the data from another peer.',
  BAD_CHAIN: 'It does not continue its author’s chain, and was refused. Its author has to write it again.',
  UNSIGNED_TAIL: 'Its last assertion carries no signature; it was refused. Its author has to sign it.',
  WRONG_SPACE: 'It was refused. Send it to the space that it was written for.',
  BAD_POW: 'It was refused. An author’s first assertions need proof of work as the space demands.',
  NOT_ADMITTED: 'Ask an admitter of this space for an invite that names your author key.',
  BAD_HLC: 'It claims to be older than what it builds on, and was refused. Its author has to write it again.',
  CLOCK_AHEAD: 'Set this machine’s clock; peers hold your facts until their time comes.',
  CLOCK_BEHIND:
    'Set this machine’s clock; your facts look older than they are, and others’ seem to come from the future.',
  AUTHOR_RETIRED:
    'This author key was used elsewhere (restored backup or copied directory). Get a new invite for the new key.',
  // spaces and invites
  BAD_GENESIS: 'Ask for a new invite; this one names no valid space.',
  BAD_INVITE: 'Copy the whole link again, or ask for a new invite.',
  INVITE_EXPIRED: 'Ask for a new invite.',
  INVITE_VERSION: 'Update Aver; the invite was made by a newer version.',
  SECRET_NEEDED: 'Open the space with an invite that carries its secret.',
  UNKNOWN_SPACE: 'Join the space with an invite first.',
  // store
  STORE_FULL: 'Free disk space or raise the quota, then write again.',
  STORE_FENCED: 'Another tab took over this profile; this one follows it now.',
  STORE_GONE:
    'Reload the page. It begins anew: facts that other peers have come back, your author key does not.',
  STORE_LOCKED: 'Another process uses this data directory; stop it or use another --data.',
  STORE_FAILED: 'Check the disk; nothing of the failed write is visible.',
  STORE_CORRUPT: 'The store holds damaged data: run "aver repair", or restore it from a peer or an export.',
  STORE_VERSION: 'Another version wrote the store; update Aver, or start anew beside it.',
  // network
  DIAL_FAILED: 'Check the address and that the other peer runs.',
  DIAL_DENIED: 'The address is private or insecure; allow local addresses to use it.',
  STREAM_FAILED: 'The connection broke; it is tried again.',
  PROTOCOL_UNSUPPORTED: 'The other peer runs an incompatible version.',
  DENIED: 'The other peer does not share this space with you.',
  BUSY: 'The other peer is at its limit; it is asked again later.',
  TIMEOUT: 'The other side did not answer in time; it is tried again.',
  NO_PEER: 'Connect to a peer first.',
  LISTEN_FAILED: 'The port is taken or not allowed; choose another one.',
  // platform
  NO_WEBCRYPTO: 'Open the page over https or on localhost.',
  NO_WEBRTC: 'This browser cannot reach other browsers directly; it syncs through Node peers.',
  NO_STORAGE: 'Allow site data for this page, or leave private browsing.',
  // use
  BAD_INPUT: 'Correct the input and try again.',
  NOT_FOUND: 'There is nothing under that name.',
  CLOSED: 'The peer was stopped; create a new one.',
  UNAUTHORIZED: 'Send the token from the data directory’s token file.',
  ABORTED: 'The caller cancelled the operation.',
  INTERNAL: 'This is a defect in Aver; please report it.',
} as const;

export type ErrorCode = keyof typeof ADVICE;

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Facts that a program may need: line numbers, sizes, ids in hex. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

export class AverError extends Error {
  override readonly name = 'AverError';
  readonly code: ErrorCode;
  /** What the user can do about it. */
  readonly advice: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.advice = ADVICE[code];
    this.fields = options.fields ?? {};
  }

  toJSON(): { code: ErrorCode; message: string; advice: string; fields: object } {
    return { code: this.code, message: this.message, advice: this.advice, fields: this.fields };
  }
}

export function isAverError(error: unknown, code?: ErrorCode): error is AverError {
  return error instanceof AverError && (code === undefined || error.code === code);
}

/** The error as an `AverError`; what is none becomes `INTERNAL` (or `ABORTED`) with its cause. */
export function toAverError(error: unknown): AverError {
  if (error instanceof AverError) return error;
  const name = error instanceof Error ? error.name : '';
  const message = error instanceof Error ? error.message : String(error);
  return new AverError(name === 'AbortError' ? 'ABORTED' : 'INTERNAL', message, { cause: error });
}

/** Throws `ABORTED` when the signal is; `what` names what was to be done. */
export function throwIfAborted(signal: AbortSignal | undefined, what = 'The operation'): void {
  if (signal?.aborted === true) throw new AverError('ABORTED', `${what} was cancelled.`);
}
