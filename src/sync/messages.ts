/**
 * What is said on a sync stream (docs/protocol.md, 8). A frame is `[request id, type, body]` in
 * canonical CBOR. The side that opened the stream asks, the other answers on the same stream.
 */
import type { Hlc } from '../assertion/model.ts';
import type { Cells, ShortId } from '../set/sketch.ts';
import type { Tip } from '../set/trie-entry.ts';

export const SYNC_PROTOCOL = '/aver/sync/1.0.0';

/** Numbers of requests. */
export const requestTypes = {
  hello: 1,
  ping: 2,
  roots: 3,
  nodes: 4,
  digest: 5,
  pull: 6,
  fetch: 7,
  flushed: 8,
  more: 9,
  cancel: 10,
  cells: 16,
  diff: 17,
  outline: 18,
} as const;

/** Numbers of answers: 64 and the request's; from 96 on, answers that any request may get. */
export const answerTypes = {
  hello: 65,
  ping: 66,
  roots: 67,
  nodes: 68,
  ok: 69,
  runs: 70,
  flushed: 72,
  diff: 81,
  outline: 82,
  busy: 96,
  denied: 97,
  stale: 98,
  error: 99,
} as const;

/** What a peer accepts in one request or chunk; the smaller of both sides' counts. */
export interface PeerLimits {
  readonly chunkBytes: number;
  readonly fetchIds: number;
  readonly pullRanges: number;
  readonly nodePrefixes: number;
  readonly requestsOpen: number;
}

/** A place in the order of runs: (hlc, id) of a run's last assertion. */
export interface Cursor {
  readonly hlc: Hlc;
  readonly id: Uint8Array;
}

/** An assertion that the asking side has, in the chain of a range. */
export interface Known {
  readonly seq: number;
  readonly id: Uint8Array;
}

/** One branch of one author's chain, up to a tip. */
export interface Range extends Tip {
  /** At most `limits.haveMax`; the highest that the responder finds on the branch is where it starts. */
  readonly have: readonly Known[];
}

/** A node of the trie as another peer tells it. */
export type NodeView =
  | { readonly kind: 'empty' }
  | { readonly kind: 'leaf'; readonly tips: readonly Tip[] }
  /** 16 salted digests of 6 bytes each, zeros where empty. */
  | { readonly kind: 'inner'; readonly digests: Uint8Array };

/** Path of a trie node: nibbles, one a byte. */
export type Prefix = Uint8Array;

export interface HelloRequest {
  readonly type: 'hello';
  readonly tag: Uint8Array;
  /** Of the read secret; null where read is open. */
  readonly proof: Uint8Array | null;
  readonly clockMs: number;
  readonly limits: PeerLimits;
}
export interface PingRequest {
  readonly type: 'ping';
  readonly tag: Uint8Array | null;
  readonly clockMs: number;
}
export interface RootsRequest {
  readonly type: 'roots';
  readonly tag: Uint8Array;
  readonly root: Uint8Array;
  readonly count: number;
}
export interface NodesRequest {
  readonly type: 'nodes';
  readonly tag: Uint8Array;
  /** The snapshot that is asked about. */
  readonly root: Uint8Array;
  /** 16 bytes, new in each session. */
  readonly salt: Uint8Array;
  readonly prefixes: readonly Prefix[];
}
/** The asking side's first cells, of its own snapshot: whoever has both sketches reads the difference. */
export interface CellsRequest {
  readonly type: 'cells';
  readonly tag: Uint8Array;
  /** The snapshot that is asked about. */
  readonly root: Uint8Array;
  readonly cells: Cells;
  /** Authors in full, please: their first bytes did not tell enough. */
  readonly full: boolean;
}
/** Asks for the tips that these short ids name. */
export interface DiffRequest {
  readonly type: 'diff';
  readonly tag: Uint8Array;
  readonly root: Uint8Array;
  readonly ids: readonly ShortId[];
}
export interface DigestRequest {
  readonly type: 'digest';
  readonly tag: Uint8Array;
  /** Whether `body` is deflated. */
  readonly packed: boolean;
  readonly body: Uint8Array;
}
export interface PullRequest {
  readonly type: 'pull';
  readonly tag: Uint8Array;
  readonly ranges: readonly Range[];
  readonly maxBytes: number;
  /** Only runs after it; null from the start. */
  readonly cursor: Cursor | null;
}
/**
 * Asks where the runs of these ranges could be cut: into pieces of about so much, in the order in which
 * a pull would bring them.
 */
export interface OutlineRequest {
  readonly type: 'outline';
  readonly tag: Uint8Array;
  readonly ranges: readonly Range[];
  readonly assertions: number;
  readonly bytes: number;
}
export interface FetchRequest {
  readonly type: 'fetch';
  readonly tag: Uint8Array;
  readonly ids: readonly Uint8Array[];
}
/** Answered as soon as the flushed root is another than `unlike`, or after `waitMs`. */
export interface FlushedRequest {
  readonly type: 'flushed';
  readonly tag: Uint8Array;
  readonly unlike: Uint8Array | null;
  readonly waitMs: number;
}
/** The asking side can take so many chunks more. Names the request that it is about. */
export interface MoreRequest {
  readonly type: 'more';
  readonly chunks: number;
}
export interface CancelRequest {
  readonly type: 'cancel';
}
export interface UnknownRequest {
  readonly type: 'unknown';
  readonly number: number;
}

export type Request =
  | HelloRequest
  | PingRequest
  | RootsRequest
  | NodesRequest
  | CellsRequest
  | DiffRequest
  | DigestRequest
  | PullRequest
  | OutlineRequest
  | FetchRequest
  | FlushedRequest
  | MoreRequest
  | CancelRequest;

export interface HelloAnswer {
  readonly type: 'hello';
  readonly proof: Uint8Array | null;
  readonly clockMs: number;
  readonly limits: PeerLimits;
}
export interface PingAnswer {
  readonly type: 'ping';
  readonly clockMs: number;
  /** Visible assertions of the space that the ping named; null when it named none. */
  readonly count: number | null;
}
export interface RootsAnswer {
  readonly type: 'roots';
  readonly root: Uint8Array;
  readonly count: number;
  /** Root of what survives a power cut there. */
  readonly flushed: Uint8Array;
  /** Of the sketch, when the roots differ. */
  readonly sketch: SketchHead | null;
}
/** How a sketch begins: a few cells in full, and the counts of some more. */
export interface SketchHead {
  readonly cells: Cells;
  /** Those of the cells included. */
  readonly counts: Int32Array;
}
export interface DiffAnswer {
  readonly type: 'diff';
  /** Null when the cells do not suffice. */
  readonly difference: TipDifference | null;
}
export interface TipDifference {
  /**
   * What the asking side lacks. An author may be told by its first 4 bytes where the asking side most
   * likely has an older tip of it: one of `lacks`.
   */
  readonly tips: readonly Tip[];
  /** What it has more. */
  readonly lacks: readonly ShortId[];
}
/** How far one of the ranges that were asked about comes by a cut: the last assertion of a run. */
export interface End extends Known {
  readonly range: number;
}
export interface OutlineAnswer {
  readonly type: 'outline';
  /** For each cut the ranges that come further than by the one before. What follows the last is no larger than a piece, or not looked at. */
  readonly cuts: readonly (readonly End[])[];
}
export interface NodesAnswer {
  readonly type: 'nodes';
  /** One each for the first prefixes that were asked for: at least one, perhaps not all. */
  readonly nodes: readonly NodeView[];
}
export interface OkAnswer {
  readonly type: 'ok';
}
export interface RunsAnswer {
  readonly type: 'runs';
  /** Encoded runs in the order of their last assertions. */
  readonly runs: readonly Uint8Array[];
  /** Whether another chunk follows on this request. */
  readonly open: boolean;
  /** Where to go on with another pull when there is more than was asked for; null at the end. */
  readonly cursor: Cursor | null;
}
export interface FlushedAnswer {
  readonly type: 'flushed';
  readonly root: Uint8Array;
}
export interface BusyAnswer {
  readonly type: 'busy';
  readonly retryAfterMs: number;
}
export interface DeniedAnswer {
  readonly type: 'denied';
  readonly code: string;
}
/** The snapshot that the request names is gone. */
export interface StaleAnswer {
  readonly type: 'stale';
}
export interface ErrorAnswer {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
}

export type Answer =
  | HelloAnswer
  | PingAnswer
  | RootsAnswer
  | NodesAnswer
  | DiffAnswer
  | OutlineAnswer
  | OkAnswer
  | RunsAnswer
  | FlushedAnswer
  | BusyAnswer
  | DeniedAnswer
  | StaleAnswer
  | ErrorAnswer;
