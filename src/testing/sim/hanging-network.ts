/**
 * A network port whose streams can hang: what a muxer or a relay does that lost one of them without
 * knowing it. The connection stands, new streams work, and on the old ones nothing comes or goes again.
 */
import type { FrameStream, Network } from '../../base/ports.ts';
import { wrappedNetwork } from '../wrapped-network.ts';

export interface HangingNetwork {
  readonly network: Network;
  /** All streams that are open now hang for ever. */
  hang(): void;
}

export function hangingNetwork(inner: Network): HangingNetwork {
  let hangs = 0;
  const wrap = (stream: FrameStream): FrameStream => {
    const opened = hangs;
    return {
      peerId: stream.peerId,
      frames: until(stream.frames, () => opened !== hangs),
      close: () => stream.close(),
      abort: (cause) => stream.abort(cause),
      send: async (frame, options) => {
        if (opened === hangs) await stream.send(frame, options);
      },
    };
  };
  return { network: wrappedNetwork(inner, wrap), hang: () => void hangs++ };
}

/** The end of a hung stream is still noticed when its connection breaks. */
async function* until(frames: AsyncIterable<Uint8Array>, isHung: () => boolean): AsyncGenerator<Uint8Array> {
  for await (const frame of frames) if (!isHung()) yield frame;
}
