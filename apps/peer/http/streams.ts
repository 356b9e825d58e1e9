/** Bodies that flow: NDJSON, bytes and server-sent events, each pulled as fast as the client reads. */
import { utf8 } from '../../../src/base/bytes.ts';
import { limits } from '../../../src/base/limits.ts';
import { errorBody } from './errors.ts';

/** Enough lines for one write to pay, few enough for the first to come soon. */
const NDJSON_CHUNK_CHARS = 16 * 1024;

/** One JSON value a line. An error after the first byte is the last line: `{"error":{…}}`. */
export function ndjsonBody(rows: AsyncIterable<unknown>): ReadableStream<Uint8Array> {
  const iterator = rows[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      let text = '';
      let done = false;
      try {
        while (text.length < NDJSON_CHUNK_CHARS && !done) {
          const next = await iterator.next();
          if (next.done === true) done = true;
          else text += `${JSON.stringify(next.value)}\n`;
        }
      } catch (error) {
        text += `${JSON.stringify(errorBody(error))}\n`;
        done = true;
      }
      if (text !== '') controller.enqueue(utf8(text));
      if (done) controller.close();
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** Raw bytes. An error breaks the connection, so that half a file never looks like a whole one. */
export function bytesBody(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/**
 * Server-sent events with a heartbeat. `stop` is aborted when the client goes away, and whoever
 * feeds `events` must end on it. An error is the last event, named `error`.
 */
export function eventBody(
  events: AsyncIterable<ServerEvent>,
  stop: AbortController,
  heartbeatMs: number = limits.httpHeartbeatMs,
): ReadableStream<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<ServerEvent>> | undefined;
  return new ReadableStream({
    start(controller) {
      // Sends the headers at once, so the client knows that it is connected.
      controller.enqueue(utf8('retry: 1000\n\n'));
    },
    async pull(controller) {
      pending ??= iterator.next();
      try {
        const next = await withHeartbeat(pending, heartbeatMs);
        if (next === 'heartbeat') return controller.enqueue(utf8(': heartbeat\n\n'));
        pending = undefined;
        if (next.done === true) return controller.close();
        controller.enqueue(utf8(eventText(next.value)));
      } catch (error) {
        controller.enqueue(utf8(eventText({ event: 'error', data: errorBody(error).error })));
        controller.close();
      }
    },
    cancel() {
      stop.abort();
    },
  });
}

function eventText({ event, data }: ServerEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function withHeartbeat<T>(wait: Promise<T>, heartbeatMs: number): Promise<T | 'heartbeat'> {
  let timer: NodeJS.Timeout | undefined;
  const beat = new Promise<'heartbeat'>((resolve) => {
    timer = setTimeout(() => resolve('heartbeat'), heartbeatMs);
  });
  try {
    return await Promise.race([wait, beat]);
  } finally {
    clearTimeout(timer);
  }
}

/** What listeners are told, as something to iterate. Ends on the signal, or when the reader is too slow. */
export async function* listenedEvents(
  listen: (push: (event: ServerEvent) => void) => readonly (() => void)[],
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const queue: ServerEvent[] = [];
  let wake = (): void => undefined;
  let lost = false;
  const stops = listen((event) => {
    if (queue.length < limits.watchQueueMax) queue.push(event);
    else lost = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      const next = queue.shift();
      if (next !== undefined) yield next;
      else if (lost) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
        });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const stop of stops) stop();
  }
}
