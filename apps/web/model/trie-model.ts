/**
 * Our Merkle trie and how a chosen peer's differs from it. Nodes are read when they are opened;
 * all that are open are read again when a root changes.
 */
import { batch, signal } from '@preact/signals';
import type { Space, TrieComparison, TrieNodeView } from '../../../src/peer/api.ts';
import { debounced } from './frames.ts';

/** Roots may change many times a second; the view follows at this pace. */
const REFRESH_MS = 400;

export class TrieModel {
  readonly nodes = signal<ReadonlyMap<string, TrieNodeView>>(new Map());
  readonly open = signal<ReadonlySet<string>>(new Set(['']));
  /** The chosen peer; empty when none is. */
  readonly peerId = signal('');
  readonly comparison = signal<TrieComparison | undefined>(undefined);
  readonly busy = signal(false);
  readonly error = signal<unknown>(undefined);

  readonly #space: Space;
  readonly #refresh = debounced(() => void this.load(), REFRESH_MS);

  constructor(space: Space) {
    this.#space = space;
  }

  stop(): void {
    this.#refresh.cancel();
  }

  /** Something changed here or there. */
  refresh(): void {
    this.#refresh.request();
  }

  async choose(peerId: string): Promise<void> {
    this.peerId.value = peerId;
    this.comparison.value = undefined;
    await this.load();
  }

  async toggle(prefix: string): Promise<void> {
    const open = new Set(this.open.value);
    if (!open.delete(prefix)) open.add(prefix);
    this.open.value = open;
    await this.#read([prefix]);
  }

  /** Opens the way to every difference, as far as a screen can hold it. */
  async openDifferences(): Promise<void> {
    const differing = this.comparison.value?.differing.slice(0, 64) ?? [];
    this.open.value = new Set([...this.open.value, ...differing]);
    await this.#read([...this.open.value]);
  }

  async load(): Promise<void> {
    this.busy.value = true;
    try {
      const peerId = this.peerId.value;
      const comparison = peerId === '' ? undefined : await this.#space.compare(peerId);
      if (peerId === this.peerId.value) this.comparison.value = comparison;
      await this.#read([...this.open.value]);
      this.error.value = undefined;
    } catch (error) {
      this.error.value = error;
    } finally {
      this.busy.value = false;
    }
  }

  async #read(prefixes: readonly string[]): Promise<void> {
    const views = await Promise.all(prefixes.map((prefix) => this.#space.trie(prefix)));
    batch(() => {
      const nodes = new Map(this.nodes.value);
      for (const view of views) nodes.set(view.prefix, view);
      this.nodes.value = nodes;
    });
  }
}
