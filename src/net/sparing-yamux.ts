/**
 * yamux as its first implementation does it: room is given back by halves of a window. js-libp2p answers every frame
 * with one that says how much was read, so that each gossip message costs an encryption and a write on its way back.
 */
import { type YamuxMuxerInit, yamux } from '@chainsafe/libp2p-yamux';
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface';

/** What the library has at run time beyond its interface. */
interface YamuxInside {
  _newStream(...init: unknown[]): YamuxStreamInside;
}

interface YamuxStreamInside {
  readonly state: number;
  /** Bytes that the other side may have under way, and those of them that it may still send. */
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** The stream is open on both sides and not paused: what is sent says nothing but how much room there is. */
const ESTABLISHED = 3;

export function sparingYamux(init: YamuxMuxerInit): () => StreamMuxerFactory {
  return () => {
    const factory = yamux(init)();
    const create = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection: MessageStream) => {
      const muxer = create(connection);
      const inside = muxer as unknown as YamuxInside;
      const newStream = inside._newStream.bind(muxer);
      inside._newStream = (...init) => spare(newStream(...init));
      return muxer;
    };
    return factory;
  };
}

function spare(stream: YamuxStreamInside): YamuxStreamInside {
  const send = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    const isRoomy = stream.recvWindowCapacity > stream.recvWindow / 2;
    if (stream.state !== ESTABLISHED || !isRoomy) send();
  };
  return stream;
}
