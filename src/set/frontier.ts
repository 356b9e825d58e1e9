/**
 * The frontier in memory: every author's tips, the trie and the sketch over them, and the snapshots of
 * both that sessions name by root.
 */
import { LRUCache } from 'lru-cache';
import { bytesToHex, equalBytes } from '../base/bytes.ts';
import { limits } from '../base/limits.ts';
import type { TipRecord } from './journal-keys.ts';
import { type Cells, cellsUpTo, Sketch, shortId } from './sketch.ts';
import { Trie, type TrieEntry, trieEntry } from './trie.ts';

/** What a batch of new runs does to the frontier. */
export interface FrontierChange {
  readonly add: readonly TipRecord[];
  readonly remove: readonly TipRecord[];
}

/** One state of the frontier that a session may name. */
interface Snapshot {
  readonly trie: Trie;
  readonly cells: Cells;
}

export class Frontier {
  /** By author in hex: the one tip, or all by id in hex where the author forked, so that none of many is searched for. */
  readonly #tips = new Map<string, TipRecord | Map<string, TipRecord>>();
  readonly #snapshots = new LRUCache<string, Snapshot>({ max: limits.trieSnapshotsMax });
  readonly #sketch = new Sketch();
  /** Entries by short id: those of now, and those that went lately, which a snapshot may still hold. */
  readonly #entries = new Map<string, TrieEntry>();
  readonly #gone = new LRUCache<string, TrieEntry>({ max: limits.recentIdsMax });
  #trie: Trie;
  /** The state that survives a power cut. The replica moves it on. */
  flushed: Trie;

  constructor(tips: readonly TipRecord[]) {
    for (const tip of tips) this.#addTip(tip);
    const entries = tips.map(trieEntry);
    this.#trie = Trie.empty.with(entries, []);
    for (const entry of entries) this.#add(entry);
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
    return [...tipsIn(this.#tips.get(bytesToHex(author)))];
  }

  /** Any tip of the author; undefined where there is none. */
  tipOf(author: Uint8Array): TipRecord | undefined {
    for (const tip of tipsIn(this.#tips.get(bytesToHex(author)))) return tip;
    return undefined;
  }

  /** The author's tip with this id, if it is one. */
  findTip(author: Uint8Array, id: Uint8Array): TipRecord | undefined {
    const tips = this.#tips.get(bytesToHex(author));
    if (tips instanceof Map) return tips.get(bytesToHex(id));
    return tips !== undefined && equalBytes(tips.id, id) ? tips : undefined;
  }

  /** Whether the author has several tips. */
  isForked(author: Uint8Array): boolean {
    return this.#tips.get(bytesToHex(author)) instanceof Map;
  }

  *tips(): Iterable<TipRecord> {
    for (const tips of this.#tips.values()) yield* tipsIn(tips);
  }

  /** The current root, whose snapshot can be asked for by `at` for as long as it is cached. */
  root(): Uint8Array {
    const key = bytesToHex(this.#trie.root);
    if (this.#snapshots.get(key) === undefined) {
      this.#snapshots.set(key, { trie: this.#trie, cells: this.#sketch.cells() });
    }
    return this.#trie.root;
  }

  at(root: Uint8Array): Trie | undefined {
    for (const trie of [this.#trie, this.flushed]) if (equalBytes(root, trie.root)) return trie;
    return this.#snapshots.get(bytesToHex(root))?.trie;
  }

  /** The first cells of the sketch of a snapshot; undefined when that is not cached. */
  cellsAt(root: Uint8Array, length: number): Cells | undefined {
    if (equalBytes(root, this.#trie.root)) return this.#sketch.cells(length);
    const snapshot = this.#snapshots.get(bytesToHex(root));
    return snapshot === undefined ? undefined : cellsUpTo(snapshot.cells, length);
  }

  /** The entry, of now or of lately, that a sketch knows by this short id. */
  entry(short: string): TrieEntry | undefined {
    return this.#entries.get(short) ?? this.#gone.get(short);
  }

  apply(change: FrontierChange): void {
    for (const tip of change.remove) this.#removeTip(tip);
    for (const tip of change.add) this.#addTip(tip);
    const [add, remove] = [change.add.map(trieEntry), change.remove.map(trieEntry)];
    this.#trie = this.#trie.with(add, remove);
    for (const entry of remove) this.#remove(entry);
    for (const entry of add) this.#add(entry);
  }

  #add(entry: TrieEntry): void {
    this.#sketch.add(entry.hash);
    this.#entries.set(shortId(entry.hash), entry);
  }

  #remove(entry: TrieEntry): void {
    this.#sketch.remove(entry.hash);
    this.#entries.delete(shortId(entry.hash));
    this.#gone.set(shortId(entry.hash), entry);
  }

  #addTip(tip: TipRecord): void {
    const author = bytesToHex(tip.author);
    const known = this.#tips.get(author);
    if (known === undefined) this.#tips.set(author, tip);
    else if (known instanceof Map) known.set(bytesToHex(tip.id), tip);
    else {
      const forks = [known, tip].map((each) => [bytesToHex(each.id), each] as const);
      this.#tips.set(author, new Map(forks));
    }
  }

  #removeTip(tip: TipRecord): void {
    const author = bytesToHex(tip.author);
    const known = this.#tips.get(author);
    if (known instanceof Map) {
      known.delete(bytesToHex(tip.id));
      const [last] = known.values();
      if (known.size === 1 && last !== undefined) this.#tips.set(author, last);
    } else if (known !== undefined && equalBytes(known.id, tip.id)) this.#tips.delete(author);
  }
}

function tipsIn(tips: TipRecord | ReadonlyMap<string, TipRecord> | undefined): Iterable<TipRecord> {
  if (tips === undefined) return [];
  return tips instanceof Map ? tips.values() : [tips as TipRecord];
}
