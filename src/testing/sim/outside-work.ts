/**
 * Work that engines do on other threads: of all that the peer code uses, compression alone. Virtual
 * time stands still until it is done, so that how long it takes changes nothing.
 */

interface Codec {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<BufferSource>;
}
type CodecClass = new (format: CompressionFormat) => Codec;

let underWay = 0;

export const outsideWork = {
  get isUnderWay(): boolean {
    return underWay > 0;
  },
  /** Watches over the platform's compression until the returned function is called. */
  watch(): () => void {
    const { CompressionStream, DecompressionStream } = globalThis;
    Object.assign(globalThis, {
      CompressionStream: watched(CompressionStream as unknown as CodecClass),
      DecompressionStream: watched(DecompressionStream as unknown as CodecClass),
    });
    return () => Object.assign(globalThis, { CompressionStream, DecompressionStream });
  },
};

function watched(inner: CodecClass): CodecClass {
  return class implements Codec {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<BufferSource>;

    constructor(format: CompressionFormat) {
      const codec = new inner(format);
      this.writable = codec.writable;
      this.readable = counted(codec.readable);
    }
  };
}

/** The same stream; the work is under way until its end, an error, or nobody wants the rest. */
function counted(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let isOver = false;
  underWay++;
  const over = () => {
    if (!isOver) underWay--;
    isOver = true;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      over();
    },
    cancel(reason) {
      over();
      return reader.cancel(reason);
    },
  });
}
