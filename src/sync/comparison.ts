/** Where our set and a peer's differ, for people to see: the branches of the trie and the authors behind them. */
import { equalBytes } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import type { AbortOptions, Ports } from '../base/ports.ts';
import type { Replica } from '../set/replica.ts';
import { type AuthorDifference, summarize } from './difference.ts';
import type { Link } from './link.ts';
import { exchangeRoots, findDiff } from './session.ts';

/** Times that a busy peer's snapshot may be gone before the comparison gives up. */
const TRIES = 5;

export interface ComparisonResult {
  readonly equal: boolean;
  /** Roots. */
  readonly mine: Uint8Array;
  readonly theirs: Uint8Array;
  /** Paths of nodes that differ, in hex digits, parents first. */
  readonly differing: readonly string[];
  readonly authors: readonly AuthorDifference[];
}

export interface ComparisonOptions extends AbortOptions {
  readonly replica: Replica;
  readonly ports: Ports;
  readonly link: Link;
}

export class Comparison {
  readonly #options: ComparisonOptions;

  constructor(options: ComparisonOptions) {
    this.#options = options;
  }

  run(): Promise<ComparisonResult> {
    const { link, replica, signal } = this.#options;
    return link.greeted(replica.space, { signal }, () => this.#compare());
  }

  async #compare(): Promise<ComparisonResult> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const { trie, exchange } = await exchangeRoots({ ...this.#options, onExchange: () => undefined });
      const roots = { mine: trie.root, theirs: exchange.root };
      if (equalBytes(roots.mine, roots.theirs)) return { equal: true, ...roots, differing: [], authors: [] };
      const diff = await findDiff(this.#options, trie, exchange.root);
      if (diff === undefined) continue;
      const { authors } = summarize(diff);
      return { equal: false, ...roots, differing: diff.differing, authors };
    }
    throw new AverError('BUSY', 'The peer’s set changes faster than it can be compared.');
  }
}
