import type { MessageStream, Stream, StreamMuxer } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { afterEach, expect, it } from 'vitest';
import { sparingYamux } from './sparing-yamux.ts';

const WINDOW = 256 * 1024;
const muxers: StreamMuxer[] = [];

afterEach(() => {
  for (const muxer of muxers.splice(0)) muxer.abort(new Error('The test is over.'));
});

/** A stream from one muxer to another, and what the other side said: frames, and bytes of data read. */
async function pair() {
  const [near, far] = multiaddrConnectionPair();
  const start = (connection: MessageStream) => {
    const options = { streamOptions: { initialStreamWindowSize: WINDOW, maxStreamWindowSize: WINDOW } };
    const muxer = sparingYamux({ enableKeepAlive: false, ...options })().createStreamMuxer(connection);
    muxers.push(muxer);
    return muxer;
  };
  const told = { frames: 0, bytes: 0 };
  near.addEventListener('message', () => told.frames++);
  const [sender, receiver] = [start(near), start(far)];
  const accepted = new Promise<Stream>((resolve) =>
    receiver.addEventListener('stream', ({ detail }) => resolve(detail)),
  );
  const stream = await sender.createStream();
  const end = await accepted;
  end.addEventListener('message', ({ data }) => {
    told.bytes += data.byteLength;
  });
  const arrived = (bytes: number) => expect.poll(() => told.bytes, { timeout: 10_000 }).toBe(bytes);
  return { stream, end, told, arrived };
}

it('answers small messages with nothing', async () => {
  const { stream, told, arrived } = await pair();
  stream.send(new Uint8Array(100));
  await arrived(100);
  const opened = told.frames;
  for (let n = 1; n < 200; n++) {
    stream.send(new Uint8Array(100));
    await arrived((n + 1) * 100);
  }
  expect(told.frames).toBe(opened);
});

it('gives room back in time for any amount, also after a pause', async () => {
  const { stream, end, told, arrived } = await pair();
  const send = async (bytes: number) => {
    for (let sent = 0; sent < bytes; sent += WINDOW / 4) {
      stream.send(new Uint8Array(WINDOW / 4));
      await stream.onDrain();
    }
  };
  await send(20 * WINDOW);
  await arrived(20 * WINDOW);
  expect(told.frames).toBeLessThan(50);
  end.pause();
  const sending = send(4 * WINDOW);
  await expect.poll(() => stream.writableNeedsDrain, { timeout: 10_000 }).toBe(true);
  end.resume();
  await sending;
  await arrived(24 * WINDOW);
});
