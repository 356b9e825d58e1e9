/** Networks whose streams are slow, break at a chosen byte, or carry lies. */
import { AverError } from '../base/errors.ts';
import type { Clock, FrameStream, Network } from '../base/ports.ts';
import { HEADER_BYTES } from '../net/frame-reader.ts';
import { type AnswerFrame, decodeAnswer, encodeAnswer } from '../sync/answers.ts';
import type { Answer } from '../sync/messages.ts';
import { wrappedNetwork } from './wrapped-network.ts';

/** What the peer sends goes out at so many bytes per ms, one frame after the other on each stream. */
export function slowed(network: Network, clock: Clock, bytesPerMs: () => number): Network {
  return wrappedNetwork(network, (stream) => {
    let sending: Promise<void> = Promise.resolve();
    return {
      ...{ peerId: stream.peerId, frames: stream.frames },
      close: () => stream.close(),
      abort: (cause) => stream.abort(cause),
      send: (frame, options) => {
        const sent = sending.then(async () => {
          await new Promise<void>((resolve) => {
            clock.setTimer(frame.length / bytesPerMs(), resolve);
          });
          await stream.send(frame, options);
        });
        sending = sent.catch(() => undefined);
        return sent;
      },
    };
  });
}

/** What the peer answers on sync streams is what `alter` makes of it: another answer, or silence. */
export function lying(network: Network, alter: (answer: Answer) => Answer | undefined): Network {
  return wrappedNetwork(network, (stream) => ({
    ...{ peerId: stream.peerId, frames: stream.frames },
    close: () => stream.close(),
    abort: (cause) => stream.abort(cause),
    send: async (frame, options) => {
      const said = answerIn(frame);
      if (said === undefined) return stream.send(frame, options);
      const lie = alter(said.answer);
      if (lie !== undefined) await stream.send(encodeAnswer(said.id, lie), options);
    },
  }));
}

/** Undefined for a frame that asks. */
function answerIn(frame: Uint8Array): AnswerFrame | undefined {
  try {
    return decodeAnswer(frame);
  } catch {
    return undefined;
  }
}

/** After so many bytes came in, on all streams together, the link breaks: once. */
export function cutAfter(network: Network, bytes: number): { network: Network; isCut: () => boolean } {
  let left = bytes;
  let isCut = false;
  const receive = async function* (stream: FrameStream): AsyncGenerator<Uint8Array> {
    for await (const frame of stream.frames) {
      left -= HEADER_BYTES + frame.length;
      if (left < 0 && !isCut) {
        isCut = true;
        await network.disconnect(stream.peerId);
        throw new AverError('STREAM_FAILED', 'The link broke within a frame.');
      }
      yield frame;
    }
  };
  const cut = wrappedNetwork(network, (stream) => ({
    peerId: stream.peerId,
    frames: receive(stream),
    send: (frame, options) => stream.send(frame, options),
    close: () => stream.close(),
    abort: (cause) => stream.abort(cause),
  }));
  return { network: cut, isCut: () => isCut };
}
