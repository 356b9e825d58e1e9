/** `Space` over the HTTP interface of a running peer. */
import { AverError } from '../../../src/base/errors.ts';
import type {
  AbortOptions,
  AssertReceipt,
  ClaimInput,
  Fact,
  Hex,
  Invite,
  InviteOptions,
  Query,
  Resolution,
  SettledOptions,
  Space,
  SpaceEvents,
  SpaceStatus,
  TrieComparison,
  TrieNodeView,
  WatchEvent,
} from '../../../src/peer/api.ts';
import { jsonToFact, jsonToResolution, jsonToWatchEvent, valueToJson } from '../json.ts';
import type { ApiClient } from './api-client.ts';
import { RemoteEvents } from './http-events.ts';

export class HttpSpace implements Space {
  readonly id: Hex;
  readonly name: string;
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #events: RemoteEvents;

  constructor(api: ApiClient, { id, name }: { readonly id: Hex; readonly name: string }) {
    this.id = id;
    this.name = name;
    this.#api = api;
    this.#path = `/spaces/${id}`;
    this.#events = new RemoteEvents(api, `${this.#path}/events`, (event, data) =>
      event === 'facts' ? (data as Fact[]).map(jsonToFact) : data,
    );
  }

  async assert(
    claims: ClaimInput | readonly ClaimInput[],
    { signal }: AbortOptions = {},
  ): Promise<AssertReceipt> {
    const list = (Array.isArray(claims) ? claims : [claims]) as readonly ClaimInput[];
    const json = { claims: list.map((claim) => ({ ...claim, object: valueToJson(claim.object) })) };
    return this.#api.json(`${this.#path}/facts`, { method: 'POST', json, signal });
  }

  async get(
    subject: string,
    predicate: string,
    { lens, signal }: AbortOptions & { readonly lens?: string } = {},
  ): Promise<Resolution> {
    const query = { subject, predicate, lens };
    return jsonToResolution(await this.#api.json<Resolution>(`${this.#path}/resolve`, { query, signal }));
  }

  async *query(query: Query = {}, { signal }: AbortOptions = {}): AsyncGenerator<Fact> {
    const request = { query: { ...query }, signal };
    for await (const row of this.#api.rows<Fact>(`${this.#path}/facts`, request)) yield jsonToFact(row);
  }

  async *watch(query: Query = {}, { signal }: AbortOptions = {}): AsyncGenerator<WatchEvent> {
    try {
      const events = this.#api.events(`${this.#path}/watch`, { query: { ...query }, signal });
      for await (const { event, data } of events) {
        yield jsonToWatchEvent({ type: event, ...(data as object) } as WatchEvent);
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      throw error;
    }
    if (signal?.aborted !== true) throw new AverError('CLOSED', 'The peer stopped; the watch has ended.');
  }

  status({ signal }: AbortOptions = {}): Promise<SpaceStatus> {
    return this.#api.json(`${this.#path}/status`, { signal });
  }

  async settled({
    replicas,
    signal,
  }: SettledOptions = {}): Promise<{ readonly replicas: readonly string[] }> {
    for (;;) {
      const request = { method: 'POST', json: { replicas }, signal } as const;
      const answer = await this.#api.json<{ settled: boolean; replicas: readonly string[] }>(
        `${this.#path}/settled`,
        request,
      );
      if (answer.settled) return { replicas: answer.replicas };
    }
  }

  invite({ signal, ...json }: InviteOptions = {}): Promise<Invite> {
    return this.#api.json(`${this.#path}/invite`, { method: 'POST', json, signal });
  }

  erase(id: Hex, { signal }: AbortOptions = {}): Promise<void> {
    return this.#api.json(`${this.#path}/facts/${id}`, { method: 'DELETE', signal });
  }

  export({ signal }: AbortOptions = {}): AsyncIterable<Uint8Array> {
    return this.#api.bytes(`${this.#path}/export`, { signal });
  }

  trie(prefix: string, { signal }: AbortOptions = {}): Promise<TrieNodeView> {
    return this.#api.json(`${this.#path}/trie`, { query: { prefix }, signal });
  }

  compare(peerId: string, { signal }: AbortOptions = {}): Promise<TrieComparison> {
    return this.#api.json(`${this.#path}/compare`, { query: { peer: peerId }, signal });
  }

  sync({ signal }: AbortOptions = {}): Promise<void> {
    return this.#api.json(`${this.#path}/sync`, { method: 'POST', signal });
  }

  on<K extends keyof SpaceEvents>(event: K, listener: SpaceEvents[K]): () => void {
    return this.#events.on(event, listener as (data: never) => void);
  }

  /** Ends the event stream; the peer that made this space calls it when it is stopped. */
  close(): void {
    this.#events.close();
  }
}
