/** A space as a tab sees it, whichever tab is the peer just now. */
import { Emitter } from '../../base/emitter.ts';
import type {
  AbortOptions,
  AssertReceipt,
  ClaimInput,
  Fact,
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
} from '../api.ts';
import type { SpaceName, Target } from './dispatch.ts';

/** How a tab reaches the peer. */
export interface TabLink {
  call(target: Target, signal?: AbortSignal): Promise<unknown>;
  iterate(target: Target, signal?: AbortSignal): AsyncIterable<unknown>;
}

export class TabSpace implements Space {
  readonly id: string;
  readonly name: string;
  readonly events = new Emitter<SpaceEvents>();
  readonly #link: TabLink;

  constructor({ id, name }: SpaceName, link: TabLink) {
    this.id = id;
    this.name = name;
    this.#link = link;
  }

  #call<T>(method: string, args: readonly unknown[], signal?: AbortSignal): Promise<T> {
    return this.#link.call({ space: this.id, method, args }, signal) as Promise<T>;
  }

  #iterate<T>(method: string, args: readonly unknown[], signal?: AbortSignal): AsyncIterable<T> {
    return this.#link.iterate({ space: this.id, method, args }, signal) as AsyncIterable<T>;
  }

  assert(claims: ClaimInput | readonly ClaimInput[], options: AbortOptions = {}): Promise<AssertReceipt> {
    return this.#call('assert', [claims], options.signal);
  }

  get(
    subject: string,
    predicate: string,
    options: AbortOptions & { readonly lens?: string } = {},
  ): Promise<Resolution> {
    const { signal, ...rest } = options;
    return this.#call('get', [subject, predicate, rest], signal);
  }

  query(query: Query = {}, options: AbortOptions = {}): AsyncIterable<Fact> {
    return this.#iterate('query', [query], options.signal);
  }

  watch(query: Query = {}, options: AbortOptions = {}): AsyncIterable<WatchEvent> {
    return this.#iterate('watch', [query], options.signal);
  }

  status(options: AbortOptions = {}): Promise<SpaceStatus> {
    return this.#call('status', [], options.signal);
  }

  settled({ signal, ...rest }: SettledOptions = {}): Promise<{ readonly replicas: readonly string[] }> {
    return this.#call('settled', [rest], signal);
  }

  invite({ signal, ...options }: InviteOptions = {}): Promise<Invite> {
    return this.#call('invite', [options], signal);
  }

  erase(id: string, options: AbortOptions = {}): Promise<void> {
    return this.#call('erase', [id], options.signal);
  }

  export(options: AbortOptions = {}): AsyncIterable<Uint8Array> {
    return this.#iterate('export', [], options.signal);
  }

  trie(prefix: string, options: AbortOptions = {}): Promise<TrieNodeView> {
    return this.#call('trie', [prefix], options.signal);
  }

  compare(peerId: string, options: AbortOptions = {}): Promise<TrieComparison> {
    return this.#call('compare', [peerId], options.signal);
  }

  sync(options: AbortOptions = {}): Promise<void> {
    return this.#call('sync', [], options.signal);
  }

  on<K extends keyof SpaceEvents>(event: K, listener: SpaceEvents[K]): () => void {
    return this.events.on(event, listener);
  }
}
