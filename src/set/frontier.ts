/**
 * The frontier in memory: every author's tips, the trie and the sketch over them, and the snapshots of
 * both that sessions name by root. A change costs the same however many tips there are.
 */
import { equalBytes, mapKey } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import { recentlyUsed } from '../base/recently-used.ts';
import type { TipRecord } from './journal-keys.ts';
import { type Cells, cellsUpTo, type ShortId, Sketch, shortId } from './sketch.ts';
import { Trie } from './trie.ts';
import { type TrieEntry, trieEntry } from './trie-entry.ts';

/** What a batch of new runs does to the frontier. */
export interface FrontierChange {
  readonly add: readonly TipRecord[];
  readonly remove: readonly TipRecord[];
}

/** A tip with its place in the trie. */
type FrontierTip = TipRecord & TrieEntry;

/** One state of the frontier that a session may name. */
interface Snapshot {
  readonly trie: Trie;
  readonly cells: Cells;
}

const NOTHING_HELD = { seq: 0, tips: 0 } as const;

export class Frontier {
  /** By author: the one tip, or all by id where the author forked, so that none of many is searched for. */
  readonly #tips = new Map<string, FrontierTip | Map<string, FrontierTip>>();
  /** Highest seqs of forked authors' tips, until these change: somebody may ask once for each of thousands. */
  readonly #highest = new WeakMap<object, number>();
  readonly #snapshots = recentlyUsed<string, Snapshot>(limits.trieSnapshotsMax);
  readonly #sketch = new Sketch();
  /** Entries by short id: those of now, and those that went lately, which a snapshot may still hold. */
  readonly #entries = new Map<number, TrieEntry>();
  #gone = new Map<number, TrieEntry>();
  #goneBefore = this.#gone;
  #trie: Trie = Trie.empty;
  /** The state that survives a power cut. The replica moves it on. */
  flushed: Trie;

  constructor(tips: readonly TipRecord[]) {
    this.apply({ add: tips, remove: [] });
    this.flushed = this.#trie;
  }

  get trie(): Trie {
    return this.#trie;
  }

  get authors(): number {
    return this.#tips.size;
  }

  /** Tips of one author: one, or several where the author equivocated, or none. */
  tipsOf(author: Uint8Array): readonly TipRecord[] {
    return [...tipsIn(this.#tips.get(mapKey(author)))];
  }

  /** Any tip of the author; undefined where there is none. */
  tipOf(author: Uint8Array): TipRecord | undefined {
    return anyOf(this.#tips.get(mapKey(author)));
  }

  /** The author's tip with this id, if it is one. */
  findTip(author: Uint8Array, id: Uint8Array): TipRecord | undefined {
    const tips = this.#tips.get(mapKey(author));
    if (tips instanceof Map) return tips.get(mapKey(id));
    return tips !== undefined && equalBytes(tips.id, id) ? tips : undefined;
  }

  /** Whether the author has several tips. */
  isForked(author: Uint8Array): boolean {
    return this.#tips.get(mapKey(author)) instanceof Map;
  }

  /** Highest seq of the author's tips; 0 where there is none. */
  highestSeq(author: Uint8Array): number {
    return this.held(author).seq;
  }

  /** What is held of the author's chain: the highest seq of its tips and how many they are, both 0 where there is none. */
  held(author: Uint8Array): { readonly seq: number; readonly tips: number } {
    const tips = this.#tips.get(mapKey(author));
    if (!(tips instanceof Map)) return tips === undefined ? NOTHING_HELD : { seq: tips.seq, tips: 1 };
    let highest = this.#highest.get(tips);
    if (highest === undefined) {
      highest = 0;
      for (const { seq } of tips.values()) highest = Math.max(highest, seq);
      this.#highest.set(tips, highest);
    }
    return { seq: highest, tips: tips.size };
  }

  *tips(): Iterable<TipRecord> {
    for (const tips of this.#tips.values()) yield* tipsIn(tips);
  }

  /** The current root, whose snapshot can be asked for by `at` for as long as it is cached. */
  root(): Uint8Array {
    const key = mapKey(this.#trie.root);
    if (this.#snapshots.get(key) === undefined) {
      this.#snapshots.set(key, { trie: this.#trie, cells: this.#sketch.cells() });
    }
    return this.#trie.root;
  }

  at(root: Uint8Array): Trie | undefined {
    for (const trie of [this.#trie, this.flushed]) if (equalBytes(root, trie.root)) return trie;
    return this.#snapshots.get(mapKey(root))?.trie;
  }

  /** The first cells of the sketch of a snapshot; undefined when that is not cached. */
  cellsAt(root: Uint8Array, length: number): Cells | undefined {
    if (equalBytes(root, this.#trie.root)) return this.#sketch.cells(length);
    const snapshot = this.#snapshots.get(mapKey(root));
    return snapshot === undefined ? undefined : cellsUpTo(snapshot.cells, length);
  }

  /** The entry, of now or of lately, that a sketch knows by this short id. */
  entry(short: ShortId): TrieEntry | undefined {
    const key = keyOf(short);
    const entry = this.#entries.get(key) ?? this.#gone.get(key) ?? this.#goneBefore.get(key);
    if (entry === undefined) return undefined;
    const { high, low } = shortId(entry.hash);
    return high === short.high && low === short.low ? entry : undefined;
  }

  apply({ add, remove }: FrontierChange): void {
    // What is new comes first: it takes half of its path from the tip that it continues, and mostly its place.
    const going = new Map(remove.map((tip) => [mapKey(tip.id), tip] as const));
    const gone: FrontierTip[] = [];
    const added = add.map((tip) => this.#addTip(tip, going, gone));
    for (const tip of going.values()) {
      const removed = this.#removeTip(tip);
      if (removed !== undefined) gone.push(removed);
    }
    this.#trie = this.#trie.followedBy(added, gone);
    for (const entry of gone) this.#remove(entry);
    for (const entry of added) this.#add(entry);
  }

  #addTip(tip: TipRecord, going: Map<string, TipRecord>, gone: FrontierTip[]): FrontierTip {
    const key = mapKey(tip.author);
    const known = this.#tips.get(key);
    const single = known instanceof Map ? undefined : known;
    const { author, seq, id, hash, high, low } = trieEntry(tip, single ?? anyOf(known));
    const added = { author, seq, id, hash, high, low, hlc: tip.hlc };
    if (single !== undefined && going.delete(mapKey(single.id))) gone.push(single);
    else if (known !== undefined) {
      this.#addFork(key, known, added);
      return added;
    }
    this.#tips.set(key, added);
    return added;
  }

  #addFork(key: string, known: FrontierTip | Map<string, FrontierTip>, added: FrontierTip): void {
    if (known instanceof Map) {
      known.set(mapKey(added.id), added);
      this.#highest.delete(known);
    } else {
      const forks = [known, added].map((each) => [mapKey(each.id), each] as const);
      this.#tips.set(key, new Map(forks));
    }
  }

  #removeTip({ author, id }: TipRecord): FrontierTip | undefined {
    const key = mapKey(author);
    const known = this.#tips.get(key);
    if (known instanceof Map) {
      const gone = known.get(mapKey(id));
      known.delete(mapKey(id));
      this.#highest.delete(known);
      const left = anyOf(known);
      if (known.size === 1 && left !== undefined) this.#tips.set(key, left);
      return gone;
    }
    if (known === undefined || !equalBytes(known.id, id)) return undefined;
    this.#tips.delete(key);
    return known;
  }

  #add(entry: TrieEntry): void {
    this.#sketch.add(entry.hash);
    this.#entries.set(keyOf(shortId(entry.hash)), entry);
  }

  #remove(entry: TrieEntry): void {
    const key = keyOf(shortId(entry.hash));
    this.#sketch.remove(entry.hash);
    if (this.#gone.size >= limits.recentIdsMax) {
      this.#goneBefore = this.#gone;
      this.#gone = new Map();
    }
    this.#gone.set(key, entry);
    // Of two entries whose short ids somebody made meet, the other one stays.
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

/** 53 bits of a short id: a number is the cheapest key of a map. The full id is compared afterwards. */
function keyOf({ high, low }: ShortId): number {
  return (high & 0x1fffff) * 0x100000000 + low;
}

function tipsIn(tips: FrontierTip | ReadonlyMap<string, FrontierTip> | undefined): Iterable<FrontierTip> {
  if (tips === undefined) return [];
  return tips instanceof Map ? tips.values() : [tips as FrontierTip];
}

function anyOf(tips: FrontierTip | ReadonlyMap<string, FrontierTip> | undefined): FrontierTip | undefined {
  for (const tip of tipsIn(tips)) return tip;
  return undefined;
}
