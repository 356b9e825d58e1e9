/** `Peer` over the HTTP interface of a running peer, so that every command is written once. */
import type { MetricSample } from '../../src/base/ports.ts';
import type {
  AbortOptions,
  CreateSpaceOptions,
  Hex,
  ImportReport,
  Peer,
  PeerEvents,
  PeerInfo,
  Space,
} from '../../src/peer/api.ts';
import { ApiClient } from './http/api-client.ts';
import { RemoteEvents } from './http/http-events.ts';
import { HttpSpace } from './http/http-space.ts';

interface SpaceName {
  readonly id: Hex;
  readonly name: string;
}

/** Follows the peer at `url`. Stopping it lets go of the connection and leaves the peer running. */
export function createHttpPeer(url: string, token: string): Peer {
  return new HttpPeer(new ApiClient(url, token));
}

class HttpPeer implements Peer {
  readonly #api: ApiClient;
  readonly #events: RemoteEvents;
  readonly #spaces = new Map<Hex, HttpSpace>();

  constructor(api: ApiClient) {
    this.#api = api;
    this.#events = new RemoteEvents(api, '/events');
  }

  info({ signal }: AbortOptions = {}): Promise<PeerInfo> {
    return this.#api.json('/info', { signal });
  }

  async peers({ signal }: AbortOptions = {}): ReturnType<Peer['peers']> {
    return (await this.#api.json<{ peers: Awaited<ReturnType<Peer['peers']>> }>('/peers', { signal })).peers;
  }

  async metrics({ signal }: AbortOptions = {}): Promise<readonly MetricSample[]> {
    return (await this.#api.json<{ metrics: readonly MetricSample[] }>('/metrics', { signal })).metrics;
  }

  async create({ signal, ...json }: CreateSpaceOptions): Promise<Space> {
    return this.#space(await this.#api.json('/spaces', { method: 'POST', json, signal }));
  }

  async open(inviteOrId: string, { signal }: AbortOptions = {}): Promise<Space> {
    const request = { method: 'POST', json: { invite: inviteOrId }, signal } as const;
    return this.#space(await this.#api.json('/join', request));
  }

  async spaces({ signal }: AbortOptions = {}): Promise<readonly Space[]> {
    const { spaces } = await this.#api.json<{ spaces: readonly SpaceName[] }>('/spaces', { signal });
    return spaces.map((space) => this.#space(space));
  }

  import(
    file: AsyncIterable<Uint8Array>,
    { signal }: AbortOptions = {},
  ): Promise<{ readonly space: Hex } & ImportReport> {
    return this.#api.json('/import', { method: 'POST', body: file, signal });
  }

  async connect(address: string, { signal }: AbortOptions = {}): Promise<string> {
    const request = { method: 'POST', json: { address }, signal } as const;
    return (await this.#api.json<{ peerId: string }>('/connect', request)).peerId;
  }

  on<K extends keyof PeerEvents>(event: K, listener: PeerEvents[K]): () => void {
    return this.#events.on(event, listener as (data: never) => void);
  }

  async stop(): Promise<void> {
    this.#events.close();
    for (const space of this.#spaces.values()) space.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #space(name: SpaceName): HttpSpace {
    const known = this.#spaces.get(name.id) ?? new HttpSpace(this.#api, name);
    this.#spaces.set(name.id, known);
    return known;
  }
}
