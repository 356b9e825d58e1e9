/**
 * What engines do in their own time, or never forget, replaced while a simulation runs: compression, which
 * they do on other threads, and signals made of others, which Node keeps for ever when nobody aborts them,
 * and with them all peers that died.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { concatBytes } from '../../base/bytes.ts';

const REPLACED = {
  CompressionStream: codec(deflateRawSync),
  DecompressionStream: codec(inflateRawSync),
};

let underWay = 0;

export const platform = {
  /** Whether bytes are on their way through a codec. Virtual time stands still meanwhile. */
  get isBusy(): boolean {
    return underWay > 0;
  },
  /** Until the returned function is called. */
  replace(): () => void {
    const { CompressionStream, DecompressionStream } = globalThis;
    const { any } = AbortSignal;
    Object.assign(globalThis, REPLACED);
    AbortSignal.any = anyOf;
    return () => {
      Object.assign(globalThis, { CompressionStream, DecompressionStream });
      AbortSignal.any = any;
    };
  },
};

/** The one format that Aver uses, raw deflate, all at once. */
function codec(convert: (bytes: Uint8Array) => Uint8Array) {
  return class extends TransformStream<Uint8Array, Uint8Array> {
    constructor() {
      const chunks: Uint8Array[] = [];
      let isOver = false;
      const over = () => {
        if (!isOver) underWay--;
        isOver = true;
      };
      const transformer: Transformer<Uint8Array, Uint8Array> & { cancel(): void } = {
        transform: (chunk) => void chunks.push(chunk),
        flush: (controller) => {
          over();
          controller.enqueue(convert(concatBytes(...chunks)));
        },
        cancel: over,
      };
      super(transformer);
      underWay++;
    }
  };
}

/** What each signal aborts besides itself: one listener for all of them. */
const dependents = new WeakMap<AbortSignal, Set<AbortController>>();

function anyOf(signals: Iterable<AbortSignal>): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else dependentsOf(signal).add(controller);
  }
  return controller.signal;
}

function dependentsOf(signal: AbortSignal): Set<AbortController> {
  const known = dependents.get(signal);
  if (known !== undefined) return known;
  const made = new Set<AbortController>();
  dependents.set(signal, made);
  signal.addEventListener('abort', () => {
    for (const controller of made) controller.abort(signal.reason);
  });
  return made;
}
