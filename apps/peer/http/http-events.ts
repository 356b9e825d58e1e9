/** `on` over HTTP: one stream of server-sent events for all listeners, open while there are any. */
import { setTimeout } from 'node:timers/promises';
import { limits } from '../../../src/base/limits.ts';
import type { ApiClient } from './api-client.ts';

type Listener = (data: never) => void;

export class RemoteEvents {
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #decode: (event: string, data: unknown) => unknown;
  readonly #listeners = new Map<string, Set<Listener>>();
  #stream: AbortController | undefined;

  constructor(api: ApiClient, path: string, decode = (_event: string, data: unknown): unknown => data) {
    this.#api = api;
    this.#path = path;
    this.#decode = decode;
  }

  on(event: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    if (this.#stream === undefined) {
      this.#stream = new AbortController();
      void this.#follow(this.#stream.signal);
    }
    return () => {
      listeners.delete(listener);
      if ([...this.#listeners.values()].every((set) => set.size === 0)) this.close();
    };
  }

  close(): void {
    this.#stream?.abort();
    this.#stream = undefined;
  }

  /** Reconnects until it is closed: a peer that restarts is followed again. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { event, data } of this.#api.events(this.#path, { signal })) this.#tell(event, data);
      } catch {
        // Unreachable: asked again below.
      }
      // Ends at once when closed, and leaves no listener behind on the signal.
      await setTimeout(limits.redialMsMin, undefined, { signal }).catch(() => undefined);
    }
  }

  #tell(event: string, data: unknown): void {
    const value = this.#decode(event, data) as never;
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
}
