/** A network that counts what its streams send. */
import type { FrameStream, Network } from '../../src/base/ports.ts';
import { decodeRequest } from '../../src/sync/requests.ts';

export interface Tally {
  frames: number;
  /** With the four bytes of each frame's length. */
  bytes: number;
  /** Requests that wait for an answer before the next can be made. */
  trips: number;
}

const LENGTH_BYTES = 4;

/** `onRequest` hears of each request before it is counted. */
export function counted(network: Network, tally: Tally, onRequest: (type: string) => void): Network {
  const open: Network['openStream'] = async (...args) => {
    const stream = await network.openStream(...args);
    return countedStream(stream, tally, (frame) => {
      const { type } = decodeRequest(frame).request;
      onRequest(type);
      if (type !== 'more' && type !== 'cancel') tally.trips++;
    });
  };
  const handle: Network['handle'] = (protocol, handler) =>
    network.handle(protocol, (stream) => handler(countedStream(stream, tally, () => undefined)));
  return new Proxy(network, {
    get(target, key) {
      if (key === 'openStream') return open;
      if (key === 'handle') return handle;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function countedStream(stream: FrameStream, tally: Tally, onSend: (frame: Uint8Array) => void): FrameStream {
  return {
    peerId: stream.peerId,
    frames: stream.frames,
    send(frame, options) {
      onSend(frame);
      tally.frames++;
      tally.bytes += LENGTH_BYTES + frame.length;
      return stream.send(frame, options);
    },
    close: () => stream.close(),
    abort: (cause) => stream.abort(cause),
  };
}
