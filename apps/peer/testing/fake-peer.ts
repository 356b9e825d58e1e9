/** A peer in memory for unit tests of what stands in front of a peer: no network, no store, no signatures. */
import { AverError } from '../../../src/base/errors.ts';
import type {
  AssertReceipt,
  ClaimInput,
  Fact,
  Invite,
  InviteOptions,
  Peer,
  PeerInfo,
  Query,
  Resolution,
  Space,
  SpaceStatus,
  WatchEvent,
} from '../../../src/peer/api.ts';

const ROOT = '0'.repeat(64);
const AUTHOR = 'a'.repeat(64);

export class FakeSpace implements Space {
  readonly id: string;
  readonly name: string;
  readonly facts: Fact[] = [];
  readonly asserted: (readonly ClaimInput[])[] = [];
  read: 'open' | 'secret' = 'open';
  /** Thrown by the next assert. */
  failure: AverError | undefined;
  readonly #listeners = new Map<string, Set<(data: never) => void>>();

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  /** Watchers and listeners that have not let go. */
  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  async assert(claims: ClaimInput | readonly ClaimInput[]): Promise<AssertReceipt> {
    const list = (Array.isArray(claims) ? claims : [claims]) as readonly ClaimInput[];
    if (this.failure !== undefined) throw this.failure;
    this.asserted.push(list);
    const seq = this.asserted.length;
    const id = seq.toString(16).padStart(64, '0');
    const made = list.map((claim, index): Fact => {
      const { subject, predicate, object, confidence = 1 } = claim;
      return {
        subject,
        predicate,
        object,
        confidence,
        id,
        index,
        author: AUTHOR,
        seq,
        hlc: `${seq}.0`,
        timeMs: seq,
      };
    });
    this.facts.push(...made);
    this.emit('facts', made);
    return { id, author: AUTHOR, seq, hlc: `${seq}.0`, durable: true, claims: list.length };
  }

  async get(subject: string, predicate: string): Promise<Resolution> {
    const candidates = this.facts
      .filter((fact) => fact.subject === subject && fact.predicate === predicate)
      .reverse();
    return { winner: candidates[0], candidates, lens: 'latest' };
  }

  async *query(query: Query = {}): AsyncGenerator<Fact> {
    yield* this.facts
      .filter((fact) => query.subject === undefined || fact.subject === query.subject)
      .slice(0, query.limit);
  }

  async *watch(
    _query?: Query,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<WatchEvent> {
    const queue: Fact[][] = [];
    let wake = (): void => undefined;
    const stop = this.on('facts', (facts) => {
      queue.push([...facts]);
      wake();
    });
    signal?.addEventListener('abort', () => wake());
    try {
      yield { type: 'snapshot', facts: [...this.facts], complete: true };
      while (signal?.aborted !== true) {
        const facts = queue.shift();
        if (facts !== undefined) yield { type: 'facts', facts };
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      stop();
    }
  }

  async status(): Promise<SpaceStatus> {
    const { id, name, read } = this;
    const counts = { assertions: this.asserted.length, authors: 1, pending: 0, quarantined: 0, held: 0 };
    const synced = { lastAtMs: undefined, convergences: 0 };
    const mine = { author: AUTHOR, mayWrite: true, peers: [], behind: false };
    return { id, name, write: 'open', read, root: ROOT, ...counts, ...mine, synced };
  }

  settled({
    signal,
  }: {
    signal?: AbortSignal | undefined;
  } = {}): Promise<{ readonly replicas: readonly string[] }> {
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(new AverError('ABORTED', 'cancelled')));
    });
  }

  async invite(options: InviteOptions = {}): Promise<Invite> {
    const text = `invite-${this.name}${options.readOnly === true ? '-read' : ''}`;
    const grants = { read: true, write: true };
    return {
      link: `${options.base ?? ''}#${text}`,
      text,
      space: this.id,
      name: this.name,
      expiresAtMs: 1,
      grants,
    };
  }

  async erase(id: string): Promise<void> {
    this.emit('erased', [id]);
  }

  async *export(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode('AVER1\nfile');
  }

  async trie(prefix: string): ReturnType<Space['trie']> {
    return { prefix, kind: 'empty', hash: ROOT, entries: 0, children: [], tips: [] };
  }

  async compare(peerId: string): ReturnType<Space['compare']> {
    return { peerId, equal: true, mine: ROOT, theirs: ROOT, differing: [], authors: [] };
  }

  async sync(): Promise<void> {}

  on(event: string, listener: (data: never) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => set.delete(listener);
  }

  emit(event: string, data: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(data as never);
  }
}

export class FakePeer implements Peer {
  readonly all: FakeSpace[] = [new FakeSpace('1'.repeat(64), 'commons')];
  addresses: readonly string[] = [];
  /** Bytes that `import` was given. */
  imported = 0;

  get commons(): FakeSpace {
    return this.all[0] as FakeSpace;
  }

  async info(): Promise<PeerInfo> {
    const storage = {
      kind: 'memory',
      persistent: false,
      usedBytes: undefined,
      quotaBytes: undefined,
      place: 'memory',
    } as const;
    const spaces = this.all.map(({ id }) => id);
    const clock = { skewMs: undefined };
    const names = { peerId: 'fake', author: AUTHOR, version: 'test', startedAtMs: 1, role: 'peer' } as const;
    return { ...names, addresses: this.addresses, storage, spaces, clock, problems: [] };
  }

  async peers(): ReturnType<Peer['peers']> {
    return [];
  }

  async metrics(): ReturnType<Peer['metrics']> {
    return [
      { name: 'sync_cycles', labels: {}, value: 3 },
      { name: 'refused', labels: { code: 'BAD_HASH' }, value: 2 },
    ];
  }

  async create({ name }: { name: string }): Promise<Space> {
    const space = new FakeSpace(String(this.all.length + 1).repeat(64), name);
    this.all.push(space);
    return space;
  }

  async open(): Promise<Space> {
    throw new AverError('INVITE_EXPIRED', 'The invite expired.');
  }

  async spaces(): Promise<readonly FakeSpace[]> {
    return this.all;
  }

  async import(file: AsyncIterable<Uint8Array>): ReturnType<Peer['import']> {
    for await (const chunk of file) this.imported += chunk.length;
    return { space: this.commons.id, runs: 1, accepted: 1, known: 0, refused: 0, refusals: [], pending: 0 };
  }

  async connect(address: string): Promise<string> {
    throw new AverError('DIAL_FAILED', `Nobody answers at ${address}.`);
  }

  on(): () => void {
    return () => undefined;
  }

  async stop(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
