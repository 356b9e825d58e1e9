/**
 * One sync with one peer, from the asking side: compare roots, find the difference, pull what is
 * missing, and again until the roots are equal or nothing more comes. The peer does the same the
 * other way round, so that both converge.
 */
import { equalBytes } from '../base/bytes.ts';
import { AverError, isAverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import type { Trie } from '../set/trie.ts';
import type { Tip } from '../set/trie-entry.ts';
import { Descent, type Diff } from './descent.ts';
import { type Difference, summarize } from './difference.ts';
import type { Link } from './link.ts';
import type { RootsAnswer } from './messages.ts';
import type { PullGate } from './pull-gate.ts';
import { Puller, type Pulls, unknownOf } from './puller.ts';
import { SALT_BYTES } from './requests.ts';
import { isReadOf, isSketchOf } from './sketch-audit.ts';
import { sketchDiff, type Told } from './sketch-diff.ts';

const DIFF_TRIES = 3;

export interface Exchange extends Pick<RootsAnswer, 'root' | 'count' | 'flushed' | 'sketch'> {
  /** Our side at the same time. */
  readonly mineRoot: Uint8Array;
  readonly mineCount: number;
}

export interface SessionOptions extends AbortOptions {
  readonly replica: Replica;
  readonly link: Link;
  readonly ports: Ports;
  /** The pulls of the space, which share the work between peers. */
  readonly pulls: Pulls;
  /** Asked before each pull and told of what came. */
  readonly gate: PullGate;
  /** Whether a tip was refused before when this peer brought it. */
  readonly isRefused: (tip: Tip) => boolean;
  readonly onExchange: (exchange: Exchange) => void;
  readonly onDifference: (difference: Difference, diff: Diff, theirRoot: Uint8Array) => void;
  readonly onRefused: (tip: Tip) => void;
  /** A pull brought something, however it and the rest of the sync end. */
  readonly onNews: () => void;
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
    const diff = sketched.diff ?? (await findDiff(this.#options, trie, exchange.root));
    if (diff === undefined) return 'again'; // Their snapshot is gone: they have a newer root.
    const { replica, isRefused } = this.#options;
    if (sketched.diff === undefined) this.#audit(trie, exchange, diff, sketched.told);
    this.#options.onDifference(summarize(diff), diff, exchange.root);
    const wanted = diff.theirs.filter((tip) => !tip.known && !replica.isHeldTip(tip) && !isRefused(tip));
    if (wanted.length === 0) return 'stuck';
    return (await this.#pull(wanted)) ? 'again' : 'stuck';
  }

  /** Blames the peer for a sketch, or for what it read from ours, that its set does not have. */
  #audit(trie: Trie, exchange: Exchange, diff: Diff, told: readonly Told[]): void {
    const { replica, link } = this.#options;
    if (!isSketchOf(replica.frontier, trie, exchange, diff))
      link.fault('BAD_HASH', 'The peer named a sketch that is not that of its set.');
    else if (!told.every((each) => isReadOf(replica.frontier, trie, each, diff)))
      link.fault('BAD_HASH', 'The peer read from our cells what is not in them.');
  }

  /** Returns whether anything of it is here now, from whomever it came. */
  async #pull(wanted: readonly Tip[]): Promise<boolean> {
    const { replica, link, ports, pulls, gate, signal, onRefused, onNews } = this.#options;
    const before = this.#news;
    const onAccepted = (assertions: number) => {
      this.#news += assertions;
    };
    const puller = new Puller({ replica, link, ports, pulls, gate, signal, onAccepted, onRefused });
    try {
      await puller.run(wanted);
    } finally {
      if (this.#news > before) onNews();
    }
    return this.#news > before || (await unknownOf(replica, wanted)).length < wanted.length;
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
