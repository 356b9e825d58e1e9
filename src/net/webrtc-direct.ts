/**
 * The WebRTC-direct transport for Node, with one repair.
 *
 * The native listener (libdatachannel, as of node-datachannel 0.33.4) forgets to initialise the flag
 * that says whether it was stopped. Mostly its `stop` then does nothing but free it, while the native
 * socket thread goes on calling it: the next packet of a peer that knocks ends the process (seen in one
 * of ten orderly ends). And its port stays taken until the process ends. So it is stopped late, when
 * a process that wants to end has ended; until then libp2p turns newcomers away.
 */
import type { Listener, Transport } from '@libp2p/interface';
import { type WebRTCTransportDirectInit, webRTCDirect } from '@libp2p/webrtc';

/** Long enough to close a store and exit; without an exit the process waits this long to end by itself. */
const STOP_DELAY_MS = 2000;

/** What the listener has at run time beyond its interface. */
interface ListenerInside extends Listener {
  readonly stunServer?: { close: () => Promise<void> };
}

type Components = Parameters<ReturnType<typeof webRTCDirect>>[0];

export function webRtcDirectTransport(
  init: WebRTCTransportDirectInit,
): (components: Components) => Transport {
  return (components) => {
    const transport = webRTCDirect(init)(components);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => stopLate(createListener(options));
    return transport;
  };
}

function stopLate(listener: ListenerInside): Listener {
  const listen = listener.listen.bind(listener);
  listener.listen = async (address) => {
    await listen(address);
    const server = listener.stunServer;
    if (server === undefined) return;
    const close = server.close.bind(server);
    server.close = async () => void setTimeout(close, STOP_DELAY_MS);
  };
  return listener;
}
