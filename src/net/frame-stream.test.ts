import type { Stream } from '@libp2p/interface';
import { streamPair } from '@libp2p/utils';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, u32Bytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { BlockReader, CONTROL_BIT, END } from './frame-reader.ts';
import { Libp2pFrameStream } from './frame-stream.ts';

const frame = (...bytes: number[]) => concatBytes(u32Bytes(bytes.length), new Uint8Array(bytes));

describe('the block reader', () => {
  const blocksOf = (reader: BlockReader, chunk: Uint8Array) => [...reader.push(chunk)];

  it('keeps no buffer of the network alive for the bytes that dripped in with it', () => {
    const reader = new BlockReader();
    const sent = frame(...Array.from({ length: 2000 }, (_, n) => n & 255));
    const network = new Uint8Array(1);
    const read = [];
    for (const byte of sent) {
      network[0] = byte;
      read.push(...blocksOf(reader, network));
      // The network uses its buffer again: whatever is still needed was copied.
      network[0] = 99;
    }
    expect(read).toEqual([{ type: 'frame', frame: sent.subarray(4) }]);
  });

  it('gives the same blocks however the bytes are cut', () => {
    const block = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => ({
        bytes: frame(...bytes),
        block: { type: 'frame' as const, frame: bytes },
      })),
      fc.integer({ min: 0, max: 2 ** 31 - 2 }).map((bytes) => ({
        bytes: u32Bytes((CONTROL_BIT | bytes) >>> 0),
        block: { type: 'credit' as const, bytes },
      })),
    );
    fc.assert(
      fc.property(
        fc.array(block),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (blocks, cuts) => {
          const bytes = concatBytes(...blocks.map((item) => item.bytes), u32Bytes(END));
          const reader = new BlockReader();
          const read = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const cut = cuts[i % cuts.length] as number;
            read.push(...blocksOf(reader, bytes.subarray(at, at + cut)));
            at += cut;
          }
          expect(read).toEqual([...blocks.map((item) => item.block), { type: 'end' }]);
          expect(reader.pendingBytes).toBe(0);
        },
      ),
    );
  });

  it('refuses a length over the limit from its header alone', () => {
    for (const length of [limits.frameBytesMax + 1, 0x7fff_ffff]) {
      expect(() => blocksOf(new BlockReader(), u32Bytes(length))).toThrow(
        expect.objectContaining({ code: 'OVERSIZE' }),
      );
    }
  });

  it('allocates nothing for what was only announced', () => {
    const reader = new BlockReader();
    expect(blocksOf(reader, u32Bytes(limits.frameBytesMax))).toEqual([]);
    expect(reader.pendingBytes).toBe(4);
  });

  it('does not keep the network buffer alive behind a frame', () => {
    const [block] = blocksOf(new BlockReader(), concatBytes(frame(1, 2, 3), new Uint8Array(1000)));
    expect(block?.type === 'frame' && block.frame.buffer.byteLength).toBe(3);
  });
});

describe('a frame stream', () => {
  const pair = async () => {
    const [raw, other] = await streamPair();
    return { raw, stream: new Libp2pFrameStream(other, 'peer') };
  };
  const first = (stream: Libp2pFrameStream) => stream.frames[Symbol.asyncIterator]().next();

  it('reads what came before it was made', async () => {
    const [raw, other] = await streamPair();
    raw.send(concatBytes(frame(1), u32Bytes(END)));
    await new Promise<void>((resolve) => {
      const check = () => (other.readBufferLength > 0 ? resolve() : setTimeout(check, 1));
      check();
    });
    const frames = [];
    for await (const received of new Libp2pFrameStream(other, 'peer').frames) frames.push(received);
    expect(frames).toEqual([new Uint8Array([1])]);
  });

  it.each([
    ['a frame over the limit', u32Bytes(limits.frameBytesMax + 1), 'OVERSIZE'],
    ['credit that was never spent', u32Bytes((CONTROL_BIT | 1) >>> 0), 'OVERSIZE'],
    ['a block after the end', concatBytes(u32Bytes(END), frame(1)), undefined],
  ])('breaks on %s', async (_name, bytes, code) => {
    const { raw, stream } = await pair();
    const broken = closed(raw);
    raw.send(bytes);
    if (code !== undefined) await expect(first(stream)).rejects.toMatchObject({ code });
    expect((await broken).error).toBeDefined();
    await expect(stream.send(new Uint8Array(1))).rejects.toMatchObject({ code: expect.any(String) });
  });

  it.each([
    ['within a header', new Uint8Array(3)],
    ['within a frame', concatBytes(u32Bytes(10), new Uint8Array(9))],
    ['between frames, without the end in the band', new Uint8Array(0)],
  ])('breaks when the bytes stop %s', async (_name, bytes) => {
    const { raw, stream } = await pair();
    if (bytes.length > 0) raw.send(bytes);
    await raw.close();
    await expect(first(stream)).rejects.toMatchObject({ code: 'STREAM_FAILED' });
  });

  it('breaks when the other side sends more than its credit, read or not', async () => {
    const { raw, stream } = await pair();
    const broken = closed(raw);
    const part = concatBytes(u32Bytes(limits.frameBytesMax), new Uint8Array(limits.frameBytesMax));
    for (let i = 0; i < 3 && raw.status === 'open'; i++) {
      if (!raw.send(part)) await raw.onDrain().catch(() => undefined);
    }
    expect((await broken).error).toBeDefined();
    await expect(first(stream)).rejects.toMatchObject({ code: 'OVERSIZE' });
  });

  it('grants again only what its reader took', async () => {
    const { raw, stream } = await pair();
    const reader = new BlockReader();
    let granted = 0;
    raw.addEventListener('message', ({ data }) => {
      for (const block of reader.push(data)) if (block.type === 'credit') granted += block.bytes;
    });
    const size = 256 * 1024;
    const spent = 4 + size;
    const count = Math.floor(limits.streamWindowBytes / spent);
    for (let i = 0; i < count; i++) {
      if (!raw.send(concatBytes(u32Bytes(size), new Uint8Array(size)))) await raw.onDrain();
    }
    const frames = stream.frames[Symbol.asyncIterator]();
    await frames.next();
    expect(granted).toBe(0);
    for (let i = 1; i < count; i++) await frames.next();
    await new Promise<void>((resolve) => {
      const check = () => (granted > 0 ? resolve() : setTimeout(check, 1));
      check();
    });
    expect(granted % spent).toBe(0);
    expect(granted).toBeLessThanOrEqual(count * spent);
    stream.abort(new Error('done'));
  });

  it('tells a waiting reader and a waiting writer when it is aborted', async () => {
    const { raw, stream } = await pair();
    const broken = closed(raw);
    const read = first(stream);
    const sends = Array.from({ length: 4 }, () => stream.send(new Uint8Array(limits.frameBytesMax)));
    stream.abort(new Error('enough'));
    await expect(read).rejects.toMatchObject({ code: 'STREAM_FAILED' });
    const results = await Promise.allSettled(sends);
    expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'STREAM_FAILED' } });
    await broken;
  });

  it('closes the stream below once both sides have ended', async () => {
    const [left, right] = await streamPair();
    const a = new Libp2pFrameStream(left, 'b');
    const b = new Libp2pFrameStream(right, 'a');
    const both = Promise.all([closed(left), closed(right)]);
    await a.send(new Uint8Array([1]));
    await a.close();
    for await (const received of b.frames) await b.send(received);
    await b.close();
    const back = [];
    for await (const received of a.frames) back.push(received);
    expect(back).toEqual([new Uint8Array([1])]);
    expect((await both).map((event) => event.error)).toEqual([undefined, undefined]);
  });
});

function closed(stream: Stream): Promise<{ readonly error?: Error }> {
  return new Promise((resolve) => stream.addEventListener('close', resolve, { once: true }));
}
