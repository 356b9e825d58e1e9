/** Requests to the HTTP interface of a running peer: JSON, streams and server-sent events. */
import { ADVICE, AverError, type ErrorCode } from '../../../src/base/errors.ts';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface ReceivedEvent {
  readonly event: string;
  readonly data: unknown;
}

export class ApiClient {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  async json<T>(path: string, request: ApiRequest = {}): Promise<T> {
    const response = await this.#fetch(path, request);
    return response.status === 204 ? (undefined as T) : ((await this.#read(response.json(), request)) as T);
  }

  async *bytes(path: string, request: ApiRequest = {}): AsyncGenerator<Uint8Array> {
    const response = await this.#fetch(path, request);
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    try {
      for (;;) {
        const next = await this.#read(reader.read(), request);
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  /** Rows of an NDJSON answer; throws the error that the last line may carry. */
  async *rows<T>(path: string, request: ApiRequest = {}): AsyncGenerator<T> {
    for await (const line of lines(this.bytes(path, { accept: 'application/x-ndjson', ...request }))) {
      const row = JSON.parse(line) as T;
      if (isErrorBody(row)) throw errorFrom(row.error);
      yield row;
    }
  }

  /** Server-sent events, heartbeats left out; throws what an `error` event carries. */
  async *events(path: string, request: ApiRequest = {}): AsyncGenerator<ReceivedEvent> {
    let event = 'message';
    for await (const line of lines(this.bytes(path, { accept: 'text/event-stream', ...request }))) {
      if (line.startsWith('event: ')) event = line.slice(7);
      if (!line.startsWith('data: ')) continue;
      const data: unknown = JSON.parse(line.slice(6));
      if (event === 'error') throw errorFrom(data as ErrorJson);
      yield { event, data };
      event = 'message';
    }
  }

  async #fetch(path: string, request: ApiRequest): Promise<Response> {
    const url = new URL(`/api/v1${path}`, this.url);
    for (const [key, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    if (request.accept !== undefined) headers.accept = request.accept;
    if (request.json !== undefined) headers['content-type'] = 'application/json';
    const init: RequestInit & { duplex?: 'half' } = { method: request.method ?? 'GET', headers };
    if (request.signal !== undefined) init.signal = request.signal;
    if (request.json !== undefined) init.body = JSON.stringify(request.json);
    if (request.body !== undefined) {
      // Node's fetch takes any async iterable; the DOM's types do not know that.
      init.body = request.body as unknown as NonNullable<RequestInit['body']>;
      init.duplex = 'half';
    }
    const response = await this.#read(fetch(url, init), request);
    if (response.ok) return response;
    throw await responseError(response);
  }

  /** Turns what the platform throws into what Aver throws. */
  async #read<T>(wait: Promise<T>, request: ApiRequest): Promise<T> {
    try {
      return await wait;
    } catch (cause) {
      if (request.signal?.aborted === true) {
        throw new AverError('ABORTED', 'The request was cancelled.', { cause });
      }
      throw new AverError('DIAL_FAILED', `The peer at ${this.url} does not answer, or went away.`, { cause });
    }
  }
}

interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

function isErrorBody(value: unknown): value is { readonly error: ErrorJson } {
  return typeof value === 'object' && value !== null && Object.keys(value).join() === 'error';
}

function errorFrom({ code, message, fields }: ErrorJson): AverError {
  const known = Object.hasOwn(ADVICE, code) ? (code as ErrorCode) : 'INTERNAL';
  return new AverError(known, message, fields === undefined ? {} : { fields });
}

async function responseError(response: Response): Promise<AverError> {
  const text = await response.text().catch(() => '');
  try {
    const body: unknown = JSON.parse(text);
    if (isErrorBody(body)) return errorFrom(body.error);
  } catch {
    // Not from an Aver peer; said below.
  }
  const message = `${response.url} answered ${response.status}, but not as an Aver peer does.`;
  return new AverError('PROTOCOL_UNSUPPORTED', message);
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') yield part;
  }
  if (rest !== '') yield rest;
}
