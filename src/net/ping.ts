/** The round trip over one connection, measured with the ping protocol on a stream that is open already. */
import type { Connection } from '@libp2p/interface';
import { equalBytes } from '../base/bytes.ts';
import { toStreamError } from './failures.ts';

const PING_PROTOCOL = '/ipfs/ping/1.0.0';
const PING_BYTES = 32;

/** Milliseconds, with fractions. libp2p's own ping counts the opening of the stream and whole milliseconds. */
export async function measureRoundTrip(connection: Connection, signal: AbortSignal): Promise<number> {
  try {
    const stream = await connection.newStream(PING_PROTOCOL, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: PINGS_MAX,
    });
    const onAbort = () => stream.abort(new Error('The ping was not answered in time.'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const ping = crypto.getRandomValues(new Uint8Array(PING_BYTES));
      const pong = new Uint8Array(PING_BYTES);
      const startMs = performance.now();
      stream.send(ping);
      let received = 0;
      for await (const chunk of stream) {
        const bytes = chunk.subarray(0, PING_BYTES - received);
        pong.set(bytes, received);
        received += bytes.length;
        if (received === PING_BYTES) break;
      }
      const roundTripMs = performance.now() - startMs;
      if (received < PING_BYTES || !equalBytes(ping, pong)) throw new Error('The ping came back changed.');
      await stream.close({ signal });
      return roundTripMs;
    } catch (cause) {
      stream.abort(cause as Error);
      throw cause;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  } catch (cause) {
    throw toStreamError(cause, PING_PROTOCOL, undefined);
  }
}

/** Pings under way on one connection. */
export const PINGS_MAX = 8;
