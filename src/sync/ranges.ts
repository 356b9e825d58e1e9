/**
 * What to ask for to get the tips that we lack: each with what we have of its chain. Beside our tips
 * these are points at exponentially growing distances before them, one of them close below any fork,
 * so that the other side finds where its chain leaves ours without asking back.
 */
import { mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import type { ChainRow } from '../set/journal-keys.ts';
import type { Replica } from '../set/replica.ts';
import type { Tip } from '../set/trie-entry.ts';
import type { Known, Range } from './messages.ts';

/** Ranges that carry spaced points; with more, only the sure cases do, so that building them stays cheap. */
const SPACED_RANGES_MAX = 32;
/** Branches of one author that carry them: what one range names counts for all of its author. */
export const SPACED_PER_AUTHOR_MAX = 8;

/**
 * How the distances of spaced points grow. Mostly a longer chain just goes on: there a few far points are
 * enough not to be sent all of it should it have forked.
 */
const SPACING = 2;
const SPACING_UNSURE = 4;
/** Rows read at once: where a chain is written in runs, most of its points are among its last rows. */
const PAGE_ROWS = 16;
/** Authors whose points are remembered: chains that grow are asked for again and again. */
const REMEMBERED_MAX = 256;
/** Points are looked up again once the chain went on by more: where it forked after them, this much comes twice. */
const REMEMBERED_SEQS = 256;

interface Own {
  readonly forked: boolean;
  /** Highest seq, 0 for none. */
  readonly highest: number;
  readonly tips: readonly Known[];
  /** Seqs from which a range names points already. */
  readonly spaced: Set<number>;
}

/** An end of a chain that we lack, after what of it is on its way. */
type Lacking = Tip & { readonly after?: Known | undefined };

export class Ranges {
  readonly #replica: Replica;
  /** Of chains without a fork, whose points stay what they are. By author. */
  readonly #remembered = recentlyUsed<string, { readonly fromSeq: number; readonly points: Known[] }>(
    REMEMBERED_MAX,
  );

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  async of(tips: readonly Lacking[]): Promise<Range[]> {
    const ranges: Range[] = [];
    const byAuthor = new Map<string, Own>();
    for (const { author, seq, id, after } of tips) {
      const key = mapKey(author);
      const isFirst = !byAuthor.has(key);
      const own = byAuthor.get(key) ?? this.#own(author);
      byAuthor.set(key, own);
      const isAhead = after !== undefined && after.seq > own.highest;
      const have = [...(isAhead ? [after] : []), ...(isFirst ? own.tips : [])];
      const from = Math.min(own.highest, seq);
      const isSurelyForked = own.forked || seq <= own.highest;
      const isSpaced = isSurelyForked || (!isAhead && tips.length <= SPACED_RANGES_MAX);
      if (from > 0 && isSpaced && own.spaced.size < SPACED_PER_AUTHOR_MAX && !own.spaced.has(from)) {
        own.spaced.add(from);
        const max = limits.haveMax - have.length;
        if (isSurelyForked) have.push(...(await this.#points(author, from, SPACING, max)));
        else {
          const points = await this.#unsurePoints(author, key, from);
          have.push(...points.filter(({ seq }) => seq < from).slice(0, max));
        }
      }
      ranges.push({ author, seq, id, have });
    }
    return ranges;
  }

  #own(author: Uint8Array): Own {
    const tips = this.#replica.frontier.tipsOf(author).map(({ seq, id }) => ({ seq, id }));
    const highest = tips.reduce((max, tip) => Math.max(max, tip.seq), 0);
    tips.sort((a, b) => b.seq - a.seq);
    return { forked: tips.length > 1, highest, tips: tips.slice(0, limits.haveMax / 2), spaced: new Set() };
  }

  async #unsurePoints(author: Uint8Array, key: string, fromSeq: number): Promise<readonly Known[]> {
    const known = this.#remembered.get(key);
    if (known !== undefined && fromSeq - known.fromSeq <= REMEMBERED_SEQS) return known.points;
    const points = await this.#points(author, fromSeq, SPACING_UNSURE, limits.haveMax);
    if (!this.#replica.frontier.isForked(author)) this.#remembered.set(key, { fromSeq, points });
    return points;
  }

  /** Ends of stored runs before a seq. */
  async #points(author: Uint8Array, fromSeq: number, growth: number, max: number): Promise<Known[]> {
    const points: Known[] = [];
    const page = await this.#rows(author, fromSeq, PAGE_ROWS);
    let below = fromSeq;
    for (let step = 1; below >= 1 && points.length < max; step *= growth) {
      let row = page.find(({ lastSeq }) => lastSeq <= below);
      if (row === undefined && page.length === PAGE_ROWS) [row] = await this.#rows(author, below, 1);
      if (row === undefined) break;
      points.push({ seq: row.lastSeq, id: row.lastId });
      below = Math.min(row.lastSeq - 1, fromSeq - step);
    }
    return points;
  }

  /** The last rows of the chain up to a seq, backwards. */
  async #rows(author: Uint8Array, toSeq: number, limit: number): Promise<ChainRow[]> {
    const rows: ChainRow[] = [];
    const page = { limit, reverse: true };
    for await (const row of this.#replica.journal.chain(author, 1, toSeq, page)) rows.push(row);
    return rows;
  }
}
