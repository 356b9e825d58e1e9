/**
 * What an application sees of Aver: `Peer` and `Space`.
 *
 * Three things implement it: the peer itself (`local-peer.ts`), a browser tab that follows the tab
 * which is the peer (`tab-peer.ts`), and the HTTP client of the command line (`apps/peer`). Hence
 * everything here survives a structured clone, and ids travel as lower-case hex.
 */
import type { AverError, ErrorCode } from '../base/errors.ts';
import type { AbortOptions, ConnectedPeer, MetricSample } from '../base/ports.ts';
import type { Value } from '../base/value.ts';

/** 32 bytes in lower-case hex: an assertion id, a space id, an author key, a root. */
export type Hex = string;

/** A hybrid logical clock reading as text: `<ns since 1970, decimal>.<counter>`. */
export type HlcText = string;

export interface ClaimInput {
  readonly subject: string;
  readonly predicate: string;
  readonly object: Value;
  /** In [0, 1]; 1 when absent. Stored in parts per million. */
  readonly confidence?: number;
}

/** One visible claim: a row of the table of facts. */
export interface Fact {
  readonly subject: string;
  readonly predicate: string;
  readonly object: Value;
  readonly confidence: number;
  /** Assertion that carries the claim, and the claim's place in it. */
  readonly id: Hex;
  readonly index: number;
  readonly author: Hex;
  readonly seq: number;
  readonly hlc: HlcText;
  /** Milliseconds since 1970 of `hlc`, for display. */
  readonly timeMs: number;
}

/** The claims that compete for one subject and predicate, and what the lens made of them. */
export interface Resolution {
  readonly winner: Fact | undefined;
  /** All candidates in lens order, winner first. Bounded by `limits.pageRowsMax`. */
  readonly candidates: readonly Fact[];
  readonly lens: string;
}

export interface Query {
  /** Exact subject, or with a trailing `*` everything that starts so. All when absent. */
  readonly subject?: string;
  readonly predicate?: string;
  readonly author?: Hex;
  /** HLC time bounds in milliseconds since 1970, inclusive. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** `subject` (default): by subject and predicate. `hlc`: by time. `arrival`: as it came in here. */
  readonly order?: 'subject' | 'hlc' | 'arrival';
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** What `watch` yields: a snapshot first, then what changes. */
export type WatchEvent =
  | { readonly type: 'snapshot'; readonly facts: readonly Fact[]; readonly complete: boolean }
  | { readonly type: 'facts'; readonly facts: readonly Fact[] }
  | { readonly type: 'erased'; readonly ids: readonly Hex[] };

export interface AssertReceipt {
  readonly id: Hex;
  readonly author: Hex;
  readonly seq: number;
  readonly hlc: HlcText;
  /** Always true: the promise resolves when the write is durable here. */
  readonly durable: true;
  /** Claims written. */
  readonly claims: number;
  /** Set when this machine's clock is off: ahead, peers may hold the facts for a time; behind, the facts look old. */
  readonly warning?: { readonly code: ErrorCode; readonly message: string };
}

/** How a peer's set relates to ours: by domination of frontiers, so it has an answer while people write. */
export type Relation = 'unknown' | 'equal' | 'ahead' | 'behind' | 'diverged';

export interface PeerStatus
  extends Pick<ConnectedPeer, 'id' | 'transport' | 'relayed' | 'direction' | 'address'> {
  readonly roundTripMs: number | undefined;
  /** Relation of that peer's set to ours: `ahead` means that it has what we lack. */
  readonly relation: Relation;
  readonly root: Hex | undefined;
  readonly count: number | undefined;
  /** Assertions that we hold and it lacks, and the other way round; as of the last exchange. */
  readonly lacks: number;
  readonly leads: number;
  /** Milliseconds since 1970 of the last exchange that told us. */
  readonly comparedAtMs: number | undefined;
}

/** A connected peer, whatever its spaces. */
export type ConnectionStatus = Omit<
  PeerStatus,
  'relation' | 'root' | 'count' | 'lacks' | 'leads' | 'comparedAtMs'
>;

export interface SpaceStatus {
  readonly id: Hex;
  readonly name: string;
  readonly write: 'open' | 'invited';
  readonly read: 'open' | 'secret';
  readonly root: Hex;
  /** Visible assertions and claims. */
  readonly assertions: number;
  readonly authors: number;
  readonly pending: number;
  readonly quarantined: number;
  /** Authors whose assertions are held because they come from the future. */
  readonly held: number;
  /** This peer's author key in the space, and whether others accept what it writes. */
  readonly author: Hex;
  readonly mayWrite: boolean;
  readonly peers: readonly PeerStatus[];
  /** True when some connected peer has what we lack. */
  readonly behind: boolean;
  readonly synced: { readonly lastAtMs: number | undefined; readonly convergences: number };
}

export interface StorageStatus {
  readonly kind: 'memory' | 'indexeddb' | 'leveldb';
  /** False where the browser may drop the data under pressure. */
  readonly persistent: boolean;
  readonly usedBytes: number | undefined;
  readonly quotaBytes: number | undefined;
  readonly place: string;
}

export interface PeerInfo {
  readonly peerId: string;
  /** The author key that this peer writes with where an invite brought no other: what an admitter asks for. */
  readonly author: Hex;
  readonly version: string;
  readonly startedAtMs: number;
  readonly addresses: readonly string[];
  readonly storage: StorageStatus;
  readonly spaces: readonly Hex[];
  readonly clock: {
    /** Our clock against the median of the peers', in ms; undefined without peers. */
    readonly skewMs: number | undefined;
  };
  /** What is wrong now (platform, clock, disk), each as an error with advice. */
  readonly problems: readonly {
    readonly code: ErrorCode;
    readonly message: string;
    readonly advice: string;
  }[];
  /** In a browser: whether this tab is the peer or follows the tab that is. */
  readonly role: 'peer' | 'follower';
}

export interface CreateSpaceOptions extends AbortOptions {
  readonly name: string;
  readonly write?: 'open' | 'invited';
  readonly read?: 'open' | 'secret';
  /** Proof-of-work levels of an open space: `[up to seq, bits]`, ascending. */
  readonly pow?: readonly (readonly [number, number])[];
  /** Bytes of one assertion's claims; 60 KiB, as much as there can be, when absent. */
  readonly payloadBytesMax?: number;
}

export interface InviteOptions extends AbortOptions {
  /** Lifetime; a week when absent. */
  readonly ttlMs?: number;
  /** Addresses to dial; this peer's own when absent. */
  readonly addresses?: readonly string[];
  /** In an invited space: grant writing to this author key. Without it the invite carries a key of its own, for one person. */
  readonly author?: Hex;
  /** In an invited space: grant reading only. */
  readonly readOnly?: boolean;
  /** Prefix of the link, up to the `#`. */
  readonly base?: string;
}

export interface Invite {
  readonly link: string;
  /** The part after `#`: what is pasted as text. */
  readonly text: string;
  readonly space: Hex;
  readonly name: string;
  readonly expiresAtMs: number;
  readonly grants: { readonly read: boolean; readonly write: boolean };
}

export interface SettledOptions extends AbortOptions {
  /** Other peers that must durably hold what we hold now. */
  readonly replicas?: number;
}

export interface ImportReport {
  readonly runs: number;
  readonly accepted: number;
  readonly known: number;
  readonly refused: number;
  /** Why, of the first runs that were refused. */
  readonly refusals: readonly { readonly code: ErrorCode; readonly message: string }[];
  readonly pending: number;
}

/** One node of our trie beside the same node of a peer. */
export interface TrieNodeView {
  /** Path from the root in hex digits. */
  readonly prefix: string;
  readonly kind: 'empty' | 'leaf' | 'inner';
  readonly hash: Hex;
  readonly entries: number;
  /** 16 child hashes of an inner node, '' where empty. */
  readonly children: readonly Hex[];
  /** Entries of a leaf. */
  readonly tips: readonly { readonly author: Hex; readonly seq: number; readonly id: Hex }[];
}

export interface TrieComparison {
  readonly peerId: string;
  readonly equal: boolean;
  readonly mine: Hex;
  readonly theirs: Hex;
  /** Prefixes of nodes that differ, parents first. */
  readonly differing: readonly string[];
  /** Authors behind the difference, with the highest seq on each side (0: none). */
  readonly authors: readonly { readonly author: Hex; readonly mine: number; readonly theirs: number }[];
}

export interface SpaceEvents {
  /** New visible facts, from here or elsewhere. */
  facts: (facts: readonly Fact[]) => void;
  erased: (ids: readonly Hex[]) => void;
  /** Something in `status()` changed; coalesced to a few times a second. */
  status: (status: SpaceStatus) => void;
  /** Bad input from a peer was refused, counted and changed nothing. */
  refused: (refusal: { readonly code: ErrorCode; readonly from: string; readonly message: string }) => void;
}

export interface Space {
  readonly id: Hex;
  readonly name: string;
  /** Writes claims as one assertion, all or nothing; resolves when durable here. */
  assert(claims: ClaimInput | readonly ClaimInput[], options?: AbortOptions): Promise<AssertReceipt>;
  /** The competing claims of one subject and predicate, resolved by a lens (`latest` by default). */
  get(
    subject: string,
    predicate: string,
    options?: AbortOptions & { readonly lens?: string },
  ): Promise<Resolution>;
  query(query?: Query, options?: AbortOptions): AsyncIterable<Fact>;
  /** A snapshot of the query, then every change that matches it, until the signal aborts. */
  watch(query?: Query, options?: AbortOptions): AsyncIterable<WatchEvent>;
  status(options?: AbortOptions): Promise<SpaceStatus>;
  /** Resolves when the asked number of other peers durably hold what is held here now. */
  settled(options?: SettledOptions): Promise<{ readonly replicas: readonly string[] }>;
  invite(options?: InviteOptions): Promise<Invite>;
  /** Forgets the payload of an assertion here; id, chain and root stay. */
  erase(id: Hex, options?: AbortOptions): Promise<void>;
  /** A self-contained file: genesis and all runs with signatures, in chunks of bytes. */
  export(options?: AbortOptions): AsyncIterable<Uint8Array>;
  /** Node of our own trie. */
  trie(prefix: string, options?: AbortOptions): Promise<TrieNodeView>;
  compare(peerId: string, options?: AbortOptions): Promise<TrieComparison>;
  /** Exchanges roots with every connected peer now and pulls what is missing. */
  sync(options?: AbortOptions): Promise<void>;
  on<K extends keyof SpaceEvents>(event: K, listener: SpaceEvents[K]): () => void;
}

export interface PeerEvents {
  peers: (peers: readonly ConnectionStatus[]) => void;
  info: (info: PeerInfo) => void;
  space: (space: Hex) => void;
  /** The store ended under the peer (`STORE_GONE`, `STORE_VERSION`, `STORE_CORRUPT`), which stopped: no call works any more. */
  ended: (why: AverError) => void;
}

export interface Peer extends AsyncDisposable {
  info(options?: AbortOptions): Promise<PeerInfo>;
  /** Connected peers, whatever their spaces. */
  peers(options?: AbortOptions): Promise<readonly ConnectionStatus[]>;
  metrics(options?: AbortOptions): Promise<readonly MetricSample[]>;
  create(options: CreateSpaceOptions): Promise<Space>;
  /** Joins by invite (link or text), or opens a space that is already here by its id. */
  open(inviteOrId: string, options?: AbortOptions): Promise<Space>;
  /** Spaces that are here. */
  spaces(options?: AbortOptions): Promise<readonly Space[]>;
  /** Imports an export file; the space is joined if need be. */
  import(
    file: AsyncIterable<Uint8Array>,
    options?: AbortOptions,
  ): Promise<{ readonly space: Hex } & ImportReport>;
  /** Connects to a multiaddr and keeps it connected. */
  connect(address: string, options?: AbortOptions): Promise<string>;
  on<K extends keyof PeerEvents>(event: K, listener: PeerEvents[K]): () => void;
  stop(): Promise<void>;
}

export type { AbortOptions, AverError, Value };
