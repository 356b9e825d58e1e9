/**
 * The exact way to find a difference: both sides' tries are compared from the root down, level by
 * level, and only subtrees that differ are visited. Digests are short and salted anew each time, so
 * that nobody can prepare two sets that look alike. The diff proves itself: my trie, changed by it,
 * has the peer's root.
 */
import { compareBytes, equalBytes, mapKey } from '../base/bytes.ts';
import { AverError } from '../base/errors.ts';
import { blake3, domains } from '../base/hash.ts';
import { limits } from '../base/limits.ts';
import type { Trie } from '../set/trie.ts';
import { isBelow, type Tip, type TrieEntry, trieEntry } from '../set/trie-entry.ts';
import { LEAF_MAX, type TrieNode } from '../set/trie-node.ts';
import { DIGEST_BYTES } from './answers.ts';
import type { NodeView, Prefix } from './messages.ts';

/** Bytes of tips in one answer: leaves half of a frame free. */
const NODES_BYTES_MAX = limits.frameBytesMax / 2;
const TIP_BYTES = 80;
/** A subtree of ours that is smaller is looked through, whatever they say of it. */
const LISTED_MIN = 4 * LEAF_MAX;
/** Nodes that one descent may look at. A million tips have about 70,000. */
const VISITS_MAX = 1 << 17;

export function saltedDigest(salt: Uint8Array, node: TrieNode | undefined): Uint8Array {
  if (node === undefined) return new Uint8Array(DIGEST_BYTES);
  return blake3(domains.salt, salt, node.hash).slice(0, DIGEST_BYTES);
}

function viewOf(node: TrieNode | undefined, salt: Uint8Array): NodeView {
  if (node === undefined) return { kind: 'empty' };
  if (node.kind === 'leaf') return { kind: 'leaf', tips: node.entries };
  const digests = new Uint8Array(16 * DIGEST_BYTES);
  for (const [i, child] of node.children.entries()) digests.set(saltedDigest(salt, child), i * DIGEST_BYTES);
  return { kind: 'inner', digests };
}

/** The serving side: the first of these nodes, as many as fit one answer. */
export function nodeViews(trie: Trie, salt: Uint8Array, prefixes: readonly Prefix[]): NodeView[] {
  const views: NodeView[] = [];
  let bytes = 0;
  for (const prefix of prefixes) {
    const view = viewOf(trie.canonicalAt([...prefix]), salt);
    bytes += view.kind === 'leaf' ? view.tips.length * TIP_BYTES : 100;
    if (views.length > 0 && bytes > NODES_BYTES_MAX) break;
    views.push(view);
  }
  return views;
}

export interface TheirTip extends TrieEntry {
  /** Their tip is in our set: we are ahead on that chain. */
  readonly known: boolean;
}

export interface Diff {
  /** Tips that only we have, but for those of large subtrees that they lack. */
  readonly mine: readonly TrieEntry[];
  /** How many more only we have: too many to be listed for a few bytes of theirs. */
  readonly omitted: number;
  /** Tips that only they have. */
  readonly theirs: readonly TheirTip[];
  /** Paths of nodes that differ, in hex digits, parents first. */
  readonly differing: readonly string[];
  /** False when there was more than fits one round. */
  readonly complete: boolean;
}

export interface DescentOptions {
  /** Our snapshot. */
  readonly trie: Trie;
  /** Root of theirs. */
  readonly root: Uint8Array;
  readonly salt: Uint8Array;
  readonly prefixesMax: number;
  /** Asks the peer for nodes of its snapshot; undefined when that is gone. */
  readonly ask: (prefixes: readonly Prefix[]) => Promise<readonly NodeView[] | undefined>;
  /** Which of these ids are in our set. */
  readonly known: (ids: readonly Uint8Array[]) => Promise<readonly boolean[]>;
}

export class Descent {
  readonly #options: DescentOptions;
  readonly #mine: TrieEntry[] = [];
  readonly #theirs: TheirTip[] = [];
  readonly #differing: string[] = [];
  /** Paths to look at, the next one last: going deep first keeps it short, however large the tries are. */
  readonly #stack: Prefix[] = [new Uint8Array(0)];
  /** Subtrees of which they have next to nothing, and what they have of them. */
  readonly #replaced: { readonly path: readonly number[]; readonly entries: readonly TrieEntry[] }[] = [];
  #omitted = 0;
  #unknown = 0;
  visits = 0;

  constructor(options: DescentOptions) {
    this.#options = options;
  }

  /**
   * Undefined when their snapshot is gone. Throws `BAD_ENCODING` for what no trie looks like, and
   * `BAD_HASH` when the diff does not lead to their root: they lie, or two digests met by chance.
   */
  async run(): Promise<Diff | undefined> {
    while (this.#stack.length > 0 && this.#unknown < limits.diffEntriesMax) {
      const asked = this.#stack.splice(-this.#options.prefixesMax).reverse();
      const views = await this.#options.ask(asked);
      if (views === undefined) return undefined;
      if (views.length === 0 || views.length > asked.length)
        throw bad('an answer has a wrong number of nodes');
      this.#stack.push(...asked.slice(views.length).reverse());
      this.visits += views.length;
      if (this.visits + this.#stack.length > VISITS_MAX) throw bad('it has too many nodes');
      const tips: TrieEntry[] = [];
      for (const [i, view] of views.entries()) tips.push(...this.#compare(asked[i] as Prefix, view));
      await this.#addTheirs(tips);
    }
    const complete = this.#stack.length === 0;
    const diff = {
      mine: this.#mine,
      omitted: this.#omitted,
      theirs: this.#theirs,
      differing: this.#differing,
      complete,
    };
    if (complete) this.#prove(diff);
    return diff;
  }

  /** Notes what only we have below a path, and returns what only they have. */
  #compare(prefix: Prefix, view: NodeView): TrieEntry[] {
    const path = [...prefix];
    if (view.kind === 'inner') {
      this.#descend(path, view.digests);
      return [];
    }
    const { trie } = this.#options;
    const theirs = view.kind === 'leaf' ? checkedEntries(path, view.tips) : [];
    const size = trie.sizeAt(path);
    if (size > LISTED_MIN && this.#mine.length + size > limits.diffEntriesMax) {
      // A few bytes say that they lack a million of ours: that must not cost us a million steps.
      const onlyTheirs = theirs.filter((entry) => !trie.has(entry));
      this.#omitted += size - (theirs.length - onlyTheirs.length);
      this.#replaced.push({ path, entries: theirs });
      this.#note(path);
      return onlyTheirs;
    }
    const mine = trie.below(path);
    const mineByHash = new Map(mine.map((entry) => [mapKey(entry.hash), entry]));
    const onlyTheirs = theirs.filter((entry) => !mineByHash.delete(mapKey(entry.hash)));
    this.#mine.push(...mineByHash.values());
    if (mineByHash.size > 0 || onlyTheirs.length > 0) this.#note(path);
    return onlyTheirs;
  }

  #descend(path: number[], digests: Uint8Array): void {
    this.#note(path);
    for (let digit = 0; digit < 16; digit++) {
      const child = [...path, digit];
      const mine = this.#options.trie.canonicalAt(child);
      const theirs = digests.subarray(digit * DIGEST_BYTES, (digit + 1) * DIGEST_BYTES);
      if (equalBytes(theirs, saltedDigest(this.#options.salt, mine))) continue;
      this.#stack.push(Uint8Array.from(child));
    }
    if (path.length >= 80) throw bad('it is too deep');
  }

  #note(path: readonly number[]): void {
    this.#differing.push(path.map((digit) => digit.toString(16)).join(''));
  }

  async #addTheirs(tips: readonly TrieEntry[]): Promise<void> {
    const known = await this.#options.known(tips.map((tip) => tip.id));
    for (const [i, tip] of tips.entries()) {
      this.#theirs.push({ ...tip, known: known[i] ?? false });
      if (!known[i]) this.#unknown++;
    }
  }

  #prove(diff: Diff): void {
    // What belongs into the replaced subtrees comes with them.
    const replaced = new Set(this.#replaced.flatMap(({ entries }) => entries.map((entry) => entry.hash)));
    const added = diff.theirs.filter((entry) => !replaced.has(entry.hash));
    let patched = this.#options.trie.with(added, diff.mine);
    for (const { path, entries } of this.#replaced) patched = patched.replace(path, entries);
    if (!equalBytes(patched.root, this.#options.root)) {
      throw new AverError('BAD_HASH', 'The difference does not lead to the root that the peer named.');
    }
  }
}

/** The tips of a leaf with their hashes; each must belong to the path, in order, once. */
function checkedEntries(path: readonly number[], tips: readonly Tip[]): TrieEntry[] {
  if (tips.length > LEAF_MAX) throw bad('a leaf has too many tips');
  const entries = tips.map((tip) =>
    trieEntry({ author: tip.author.slice(), seq: tip.seq, id: tip.id.slice() }),
  );
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1];
    if (before !== undefined && compareBytes(before.hash, entry.hash) >= 0) throw bad('a leaf is not sorted');
    if (!isBelow(entry, path)) throw bad('a tip is in the wrong place');
  }
  return entries;
}

function bad(why: string): AverError {
  return new AverError('BAD_ENCODING', `The peer's trie is wrong: ${why}.`);
}
