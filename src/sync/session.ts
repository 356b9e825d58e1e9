/**
 * One sync with one peer, from the asking side: compare roots, find the difference, pull what is
 * missing, and again until the roots are equal or nothing more comes. The peer does the same the
 * other way round, so that both converge.
 */
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import type { Tip, Trie } from '../set/trie.ts';
import type { Slots } from './deadline.ts';
import { Descent, type Diff } from './descent.ts';
import { type Difference, rangesFor, summarize } from './difference.ts';
import { Inflow } from './inflow.ts';
import type { Link } from './link.ts';
import type { Cursor, Range, RootsAnswer } from './messages.ts';
import { SALT_BYTES } from './requests.ts';
import { isSketchOf } from './sketch-audit.ts';
import { sketchDiff } from './sketch-diff.ts';

const DIFF_TRIES = 3;
/** Bytes of ranges in one request: leaves half of a frame free. */
const RANGES_BYTES_MAX = limits.frameBytesMax / 2;

export interface Exchange extends Pick<RootsAnswer, 'root' | 'count' | 'flushed' | 'sketch'> {
  /** Our side at the same time. */
  readonly mineRoot: Uint8Array;
  readonly mineCount: number;
}

export interface SessionOptions extends AbortOptions {
  readonly replica: Replica;
  readonly link: Link;
  readonly ports: Ports;
  /** Peers that this space pulls from at the same time. */
  readonly pulls: Slots;
  /** Whether a tip was refused before when this peer brought it. */
  readonly isRefused: (tip: Tip) => boolean;
  readonly onExchange: (exchange: Exchange) => void;
  readonly onDifference: (difference: Difference) => void;
  readonly onRefused: (tip: Tip) => void;
}

export interface SessionResult {
  readonly equal: boolean;
  /** Assertions that became visible here. */
  readonly news: number;
}

/** Throws what `Channel.ask` throws, and `BAD_HASH` or `BAD_ENCODING` when the peer lies. */
export class Session {
  readonly #options: SessionOptions;
  #news = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  run(): Promise<SessionResult> {
    const { replica, link, signal } = this.#options;
    return link.greeted(replica.space, { signal }, () => this.#rounds());
  }

  async #rounds(): Promise<SessionResult> {
    for (let round = 0; round < limits.syncRoundsMax; round++) {
      const step = await this.#round();
      if (step === 'equal') return { equal: true, news: this.#news };
      if (step === 'stuck') break;
    }
    return { equal: false, news: this.#news };
  }

  async #round(): Promise<'equal' | 'stuck' | 'again'> {
    const { trie, exchange } = await exchangeRoots(this.#options);
    if (equalBytes(exchange.root, trie.root)) return 'equal';
    const sketched = await sketchDiff(this.#options, trie, exchange);
    const diff = sketched ?? (await findDiff(this.#options, trie, exchange.root));
    if (diff === undefined) return 'again'; // Their snapshot is gone: they have a newer root.
    const { replica, link, isRefused } = this.#options;
    if (sketched === undefined && !isSketchOf(replica.frontier, trie, exchange, diff))
      link.fault('BAD_HASH', 'The peer named a sketch that is not that of its set.');
    this.#options.onDifference(summarize(diff));
    const wanted = diff.theirs.filter((tip) => !tip.known && !replica.isHeld(tip.author) && !isRefused(tip));
    if (wanted.length === 0) return 'stuck';
    const before = this.#news;
    await this.#pull(wanted);
    return this.#news > before ? 'again' : 'stuck';
  }

  async #pull(wanted: readonly Tip[]): Promise<void> {
    const { replica, pulls, ports } = this.#options;
    const free = await pulls.take();
    const untilMs = ports.clock.nowMs() + limits.pullHoldMs;
    try {
      // Another peer may have brought it while this one waited for its turn.
      let left = await unknownOf(replica, wanted);
      let cursor: Cursor | null = null;
      while (left.length > 0 && ports.clock.nowMs() < untilMs) {
        const ranges = await this.#ranges(left);
        const asked = new Set(ranges.map((range) => bytesToHex(range.id)));
        const before = this.#news;
        cursor = await this.#pullRanges(ranges, cursor, untilMs);
        // Ranges that bring nothing but what waits for others have to let those come first.
        const isDone = cursor === null || this.#news === before;
        if (isDone) left = left.filter((tip) => !asked.has(bytesToHex(tip.id)));
        if (isDone) cursor = null;
      }
    } finally {
      free();
    }
  }

  async #ranges(left: readonly Tip[]): Promise<Range[]> {
    const { replica, link } = this.#options;
    const all = await rangesFor(replica, left.slice(0, link.limits.pullRanges));
    const ranges: Range[] = [];
    let bytes = 0;
    for (const range of all) {
      bytes += 80 + range.have.length * 44;
      if (ranges.length > 0 && bytes > RANGES_BYTES_MAX) break;
      ranges.push(range);
    }
    return ranges;
  }

  /** One pull. Returns where to go on, or null when these ranges are done or the pending set is full. */
  async #pullRanges(ranges: readonly Range[], from: Cursor | null, untilMs: number): Promise<Cursor | null> {
    const { link, ports, replica, signal, onRefused } = this.#options;
    ports.metrics.add('pull_requests_sent');
    const request = {
      type: 'pull',
      tag: replica.space.tag,
      ranges,
      maxBytes: limits.pullBytesMax,
      cursor: from,
    } as const;
    const inflow = new Inflow({
      replica,
      link,
      ports,
      ranges,
      onAccepted: (assertions) => {
        this.#news += assertions;
      },
      onRefused,
    });
    let cursor: Cursor | null = null;
    let chunks = 0;
    for await (const chunk of link.channel.chunks(request, { signal })) {
      ports.metrics.add('pull_responses_received');
      if (!(await inflow.take(chunk.runs))) break;
      cursor = chunk.cursor;
      if (++chunks >= limits.pullChunksMax || ports.clock.nowMs() > untilMs) break;
    }
    if (!(await inflow.end())) return null;
    if (cursor !== null) ports.metrics.add('pull_truncated');
    return cursor;
  }
}

export type Comparing = Pick<SessionOptions, 'replica' | 'link' | 'ports' | 'signal'>;

export async function exchangeRoots(
  options: Comparing & Pick<SessionOptions, 'onExchange'>,
): Promise<{ readonly trie: Trie; readonly exchange: Exchange }> {
  const { replica, link, signal, onExchange } = options;
  const mineRoot = replica.frontier.root();
  const { trie } = replica.frontier;
  const mineCount = replica.count;
  const request = { type: 'roots', tag: replica.space.tag, root: mineRoot, count: mineCount } as const;
  const answer = await link.channel.ask(request, { signal });
  if (answer.type === 'stale') throw new AverError('BAD_ENCODING', 'Roots cannot be stale.');
  const { root, count, flushed, sketch } = answer;
  const exchange = { root: root.slice(), count, flushed: flushed.slice(), sketch, mineRoot, mineCount };
  onExchange(exchange);
  return { trie, exchange };
}

/** The difference to the peer's snapshot, proven; undefined when the snapshot is gone. */
export async function findDiff(options: Comparing, trie: Trie, root: Uint8Array): Promise<Diff | undefined> {
  const { link, ports } = options;
  for (let attempt = 1; ; attempt++) {
    const descent = newDescent(options, trie, root);
    try {
      return await descent.run();
    } catch (error) {
      // Two digests may meet by chance, but not with the next salt too.
      const byChance = isAverError(error, 'BAD_HASH') && attempt < DIFF_TRIES;
      if (byChance) continue;
      if (isAverError(error, 'BAD_HASH') || isAverError(error, 'BAD_ENCODING')) {
        link.fault(error.code, error.message);
      }
      throw error;
    } finally {
      ports.metrics.add('trie_nodes_compared', descent.visits);
    }
  }
}

function newDescent({ replica, link, ports, signal }: Comparing, trie: Trie, root: Uint8Array): Descent {
  const salt = ports.random.bytes(SALT_BYTES);
  const { tag } = replica.space;
  return new Descent({
    trie,
    root,
    salt,
    prefixesMax: link.limits.nodePrefixes,
    known: async (ids) => (await replica.journal.places(ids)).map((place) => place !== undefined),
    ask: async (prefixes) => {
      const answer = await link.channel.ask({ type: 'nodes', tag, root, salt, prefixes }, { signal });
      return answer.type === 'stale' ? undefined : answer.nodes;
    },
  });
}

async function unknownOf(replica: Replica, tips: readonly Tip[]): Promise<Tip[]> {
  const places = await replica.journal.places(tips.map((tip) => tip.id));
  return tips.filter((_, i) => places[i] === undefined);
}
