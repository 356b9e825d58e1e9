/** What libp2p throws, as errors with stable codes. Decided by the errors' names, never by their text. */
import type { Multiaddr } from '@multiformats/multiaddr';
import { AverError } from '../base/errors.ts';

function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : '';
}

function abortedOr(signal: AbortSignal | undefined, error: AverError): AverError {
  if (signal?.aborted !== true) return error;
  return new AverError('ABORTED', 'The caller cancelled.', { cause: error });
}

export function toDialError(
  cause: unknown,
  addresses: readonly Multiaddr[],
  signal: AbortSignal | undefined,
): AverError {
  if (cause instanceof AverError) return cause;
  const names = addresses.map(String).join(', ');
  const isDenied = nameOf(cause) === 'DialDeniedError' || nameOf(cause) === 'ConnectionInterceptedError';
  const error = isDenied
    ? new AverError('DIAL_DENIED', `${names} may not be dialled from here.`, { cause })
    : new AverError('DIAL_FAILED', `${names} could not be reached.`, { cause });
  return abortedOr(signal, error);
}

export function toStreamError(cause: unknown, protocol: string, signal: AbortSignal | undefined): AverError {
  if (cause instanceof AverError) return cause;
  const error =
    nameOf(cause) === 'UnsupportedProtocolError'
      ? new AverError('PROTOCOL_UNSUPPORTED', `The other peer does not speak ${protocol}.`, { cause })
      : new AverError('STREAM_FAILED', `No stream for ${protocol} could be opened.`, { cause });
  return abortedOr(signal, error);
}
