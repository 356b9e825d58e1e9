/** A network port that does something else on its streams than the one behind it. */
import type { FrameStream, Network } from '../base/ports.ts';

/** The side of a stream that it was wrapped on. */
export type StreamSide = 'opener' | 'handler';

export function wrappedNetwork(
  network: Network,
  wrap: (stream: FrameStream, side: StreamSide) => FrameStream,
): Network {
  return {
    peerId: network.peerId,
    start: () => network.start(),
    stop: () => network.stop(),
    addresses: () => network.addresses(),
    peers: () => network.peers(),
    on: (event, listener) => network.on(event, listener),
    dial: (address, options) => network.dial(address, options),
    keep: (addresses) => network.keep(addresses),
    wake: () => network.wake(),
    disconnect: (peerId, options) => network.disconnect(peerId, options),
    subscribe: (topic, handler) => network.subscribe(topic, handler),
    publish: (topic, message) => network.publish(topic, message),
    subscribers: (topic) => network.subscribers(topic),
    openStream: async (peerId, protocol, options) =>
      wrap(await network.openStream(peerId, protocol, options), 'opener'),
    handle: (protocol, handler) => network.handle(protocol, (stream) => handler(wrap(stream, 'handler'))),
    ping: (peerId, options) => network.ping(peerId, options),
  };
}
