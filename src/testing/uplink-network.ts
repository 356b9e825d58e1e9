/** The network in memory with an uplink of a given width, and a count of what goes over its sync streams. */
import type { AbortOptions, FrameStream } from '../base/ports.ts';
import type { MemoryHub } from '../net/memory-hub.ts';
import { MemoryNetwork } from '../net/memory-network.ts';

/** The length before each frame. */
const FRAME_HEAD_BYTES = 4;

export class UplinkNetwork extends MemoryNetwork {
  /** What this peer may send in a second, over all its streams together. */
  bytesPerSecond = Number.POSITIVE_INFINITY;
  bytesSent = 0;
  framesSent = 0;
  readonly #hub: MemoryHub;
  #freeAtMs = 0;

  constructor(hub: MemoryHub, peerId: string) {
    super(hub, peerId);
    this.#hub = hub;
  }

  override async openStream(
    peerId: string,
    protocol: string,
    options: AbortOptions = {},
  ): Promise<FrameStream> {
    return this.#shape(await super.openStream(peerId, protocol, options));
  }

  override handle(protocol: string, handler: (stream: FrameStream) => void): () => void {
    return super.handle(protocol, (stream) => handler(this.#shape(stream)));
  }

  #shape(stream: FrameStream): FrameStream {
    return {
      peerId: stream.peerId,
      frames: stream.frames,
      close: () => stream.close(),
      abort: (cause) => stream.abort(cause),
      send: async (frame, options) => {
        const bytes = FRAME_HEAD_BYTES + frame.length;
        this.bytesSent += bytes;
        this.framesSent++;
        if (Number.isFinite(this.bytesPerSecond)) await this.#pass(bytes);
        await stream.send(frame, options);
      },
    };
  }

  /** One frame after the other, as fast as the uplink is. */
  #pass(bytes: number): Promise<void> {
    const { clock } = this.#hub;
    const nowMs = clock.nowMs();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (1000 * bytes) / this.bytesPerSecond;
    return new Promise((resolve) => {
      clock.setTimer(this.#freeAtMs - nowMs, resolve);
    });
  }
}
